"""What unfriendly clients cost the others: `python -m tests.bench.hostile`. Prints Markdown.

Beside them one friendly client asks again and again on one connection, with a pause of a millisecond,
and its p99 is told without them and with them. The unfriendly ones are a process of their own.
`--kinds "no descriptors"` leaves the others out.

    slow heads       1,000 clients that send a byte of their head a second, and come again when refused
    slow readers     8 clients that ask for 100 MB and take nothing of it
    no descriptors   100 clients wait while the engine may open nothing more; then it may again
"""

import argparse
import contextlib
import resource
import selectors
import socket
import subprocess
import sys
import time
from collections.abc import Iterator

import psutil

from engine.listener import ACCEPT_LOOKUP_S
from engine.models import MODELS
from tests.no_descriptors import accepting, cpu_s, give_descriptors, take_descriptors
from tests.plain_client import Client, request
from tests.serve_driver import Serve
from tests.support import wait_until

KINDS = ("slow heads", "slow readers", "no descriptors")
CROWDED = [
    "process", "thread", "gevent", "polling", "epoll", "select",
    "poll", "epoll-edge", "asyncio", "generators", "reactor-pool",
]  # fmt: skip
"""Without those in which a few clients hold all that serves: there the friend waits, as it should."""
SLOW, READERS, WAITING = 1_000, 8, 100
BYTES = 100_000_000
HEAD = b"GET / HTTP/1.1\r\nHost: test\r\nX-Slow: "
MB = 1024 * 1024
# All of the crowd come at once, and the friend waits for them.
OPTIONS = ("--backlog", "2048", "--idle-timeout", "120")


def latencies_ms(client: Client, seconds: float) -> list[float]:
    """Of requests one after the other, sorted."""
    taken = []
    ends_s = time.monotonic() + seconds
    while time.monotonic() < ends_s:
        before_s = time.perf_counter()
        assert client.get("/").status == 200
        taken.append((time.perf_counter() - before_s) * 1e3)
        time.sleep(0.001)
    return sorted(taken)


def p99(sorted_ms: list[float]) -> float:
    return sorted_ms[len(sorted_ms) * 99 // 100]


def memory_mb(engine: int) -> float:
    """What only these processes hold: shared pages would count once for each child."""
    processes = [psutil.Process(engine), *psutil.Process(engine).children()]
    total = 0
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            total += process.memory_full_info().uss
    return total / MB


@contextlib.contextmanager
def hostile(kind: str, port: int) -> Iterator[None]:
    """Run the clients of `kind` until the context is left; entered once they are all there."""
    words = [sys.executable, "-m", "tests.bench.hostile", "--be", kind, "--port", str(port)]
    with subprocess.Popen(words, stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == b"ready\n"
            yield
        finally:
            process.kill()


def be_slow(port: int) -> None:
    """Hold SLOW connections; each sends a byte a second, and is opened anew when it is closed."""
    poller = selectors.DefaultSelector()
    all_of_them: list[socket.socket] = []

    def come() -> socket.socket:
        client = socket.create_connection(("127.0.0.1", port))
        client.setblocking(False)
        poller.register(client, selectors.EVENT_READ, len(all_of_them))
        with contextlib.suppress(OSError):
            client.send(HEAD)
        return client

    while len(all_of_them) < SLOW:
        all_of_them.append(come())
    print("ready", flush=True)
    turn = 0
    while True:
        for key, _ in poller.select(0):
            poller.unregister(key.fileobj)
            all_of_them[key.data].close()
            all_of_them[key.data] = client = socket.create_connection(("127.0.0.1", port))
            client.setblocking(False)
            poller.register(client, selectors.EVENT_READ, key.data)
            client.send(HEAD)
        with contextlib.suppress(OSError):
            all_of_them[turn].send(b"x")
        turn = (turn + 1) % SLOW
        time.sleep(1 / SLOW)


def be_reader(port: int) -> None:
    """READERS clients that ask for much and take nothing."""
    clients = [Client(port, receive_buffer=4096) for _ in range(READERS)]
    for client in clients:
        client.ask(f"/bytes/{BYTES}")
    print("ready", flush=True)
    time.sleep(600)


def measure_clients(model: str, kind: str, seconds: float) -> str:
    """One row: the friendly client's p99 and the engine's memory, without and with them."""
    with Serve(model, *OPTIONS) as server, Client(server.port) as friend:
        latencies_ms(friend, 0.5)
        engine = server.snapshot()["engine_pid"]
        alone_mb, alone = memory_mb(engine), latencies_ms(friend, seconds)
        with hostile(kind, server.port):
            beside = latencies_ms(friend, seconds)
            beside_mb = memory_mb(engine)
            shot = server.snapshot()
    return (
        f"| {model} | {kind} | {p99(alone):.2f} | {p99(beside):.2f} | {p99(beside) / p99(alone):.1f} "
        f"| {alone_mb:.0f} | {beside_mb:.0f} | {shot['open']} | {shot['refused']} |"
    )


def measure_descriptors(model: str, seconds: float) -> str:
    """One row: what the engine and its workers burn while accept() fails, and how soon it recovers."""
    with Serve(model, *OPTIONS) as server, contextlib.ExitStack() as stack:
        wait_until(lambda: server.snapshot()["cap"], what="accepting")
        pids = accepting(server)
        friend = None
        if model != "iterative":  # which accepts nobody while it has one
            friend = stack.enter_context(Client(server.port))
            friend.get("/")
        alone = p99_of(friend, seconds)
        take_descriptors(pids)
        time.sleep(2 * ACCEPT_LOOKUP_S)  # until a blocking accept() has given its descriptor back
        waiting = [stack.enter_context(Client(server.port)) for _ in range(WAITING)]
        for client in waiting:
            client.send(request("/", close=True))  # so that a few threads or workers serve all
        quiet_s, since_s = cpu_s(server), time.monotonic()
        time.sleep(seconds)
        burnt = (cpu_s(server) - quiet_s) / (time.monotonic() - since_s)
        beside = p99_of(friend, seconds)
        give_descriptors(pids)
        raised_s = time.monotonic()
        for client in waiting:
            client.answer()
        recovered_s = time.monotonic() - raised_s
    return f"| {model} | {burnt * 100:.0f} % | {alone} | {beside} | {recovered_s:.2f} |"


def p99_of(client: Client | None, seconds: float) -> str:
    """In ms, for a table."""
    return "-" if client is None else f"{p99(latencies_ms(client, seconds)):.2f}"


def main() -> None:
    """Measure and print, or be the hostile clients."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument(
        "--models", type=words, help="all; beside crowds, those that they do not hold up"
    )
    parser.add_argument("--kinds", type=words, default=KINDS)
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--be", choices=KINDS[:2], help=argparse.SUPPRESS)
    parser.add_argument("--port", type=int, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    if asked.be:
        {"slow heads": be_slow, "slow readers": be_reader}[asked.be](asked.port)
    if crowds := [kind for kind in KINDS[:2] if kind in asked.kinds]:
        print("| model | beside | p99 ms alone | p99 ms | times | MB alone | MB | open | refused |")
        print("| --- | --- | --- | --- | --- | --- | --- | --- | --- |")
    for kind in crowds:
        for model in asked.models or CROWDED:
            print(measure_clients(model, kind, asked.seconds), flush=True)
    if KINDS[2] not in asked.kinds:
        return
    print("\n| model | cpu without descriptors | p99 ms alone | p99 ms | s to serve all |")
    print("| --- | --- | --- | --- | --- |")
    for model in asked.models or MODELS:
        print(measure_descriptors(model, asked.seconds / 2), flush=True)


def words(text: str) -> list[str]:
    """Reads `one,other`."""
    return text.split(",")


if __name__ == "__main__":
    main()
