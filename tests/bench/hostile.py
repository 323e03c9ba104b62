"""What unfriendly clients cost the others: `python -m tests.bench.hostile`. Prints Markdown.

Beside them one friendly client asks again and again on one connection, with a pause of a millisecond,
and its p99 is told without them and with them. The unfriendly ones are a process of their own.

    slow heads       1,000 clients that send a byte of their head a second, and come again when refused
    slow readers     8 clients that ask for 100 MB and take nothing of it
    no descriptors   100 clients wait while the engine may open nothing more; then it may again
"""

import argparse
import contextlib
import os
import resource
import selectors
import socket
import subprocess
import sys
import time
from collections.abc import Iterator

import psutil

from tests.plain_client import Client, request
from tests.serve_driver import Serve

MODELS = (
    "process,thread,gevent,polling,epoll,select,poll,epoll-edge,asyncio,generators,reactor-pool"
)
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
    """One row: what the engine burns while accept() fails, and how soon it recovers."""
    with (
        Serve(model, *OPTIONS) as server,
        Client(server.port) as friend,
        contextlib.ExitStack() as stack,
    ):
        friend.get("/")
        engine = server.snapshot()["engine_pid"]
        alone = latencies_ms(friend, seconds)
        soft, hard = resource.prlimit(engine, resource.RLIMIT_NOFILE)
        taken = {int(name) for name in os.listdir(f"/proc/{engine}/fd")}
        lowest_free = min(set(range(len(taken) + 1)) - taken)
        resource.prlimit(engine, resource.RLIMIT_NOFILE, (lowest_free, hard))
        waiting = [stack.enter_context(Client(server.port)) for _ in range(WAITING)]
        for client in waiting:
            client.send(request("/"))
        process = psutil.Process(engine)
        quiet_s, since_s = sum(process.cpu_times()[:2]), time.monotonic()
        time.sleep(seconds)
        burnt = (sum(process.cpu_times()[:2]) - quiet_s) / (time.monotonic() - since_s)
        beside = latencies_ms(friend, seconds)
        resource.prlimit(engine, resource.RLIMIT_NOFILE, (soft, hard))
        raised_s = time.monotonic()
        for client in waiting:
            client.answer()
        recovered_s = time.monotonic() - raised_s
    return (
        f"| {model} | {burnt * 100:.0f} % | {p99(alone):.2f} | {p99(beside):.2f} "
        f"| {recovered_s:.2f} |"
    )


def main() -> None:
    """Measure and print, or be the hostile clients."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--models", default=MODELS)
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--be", choices=["slow heads", "slow readers"], help=argparse.SUPPRESS)
    parser.add_argument("--port", type=int, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    if asked.be:
        {"slow heads": be_slow, "slow readers": be_reader}[asked.be](asked.port)
    models = asked.models.split(",")
    print("| model | beside | p99 ms alone | p99 ms | times | MB alone | MB | open | refused |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- | --- |")
    for kind in ("slow heads", "slow readers"):
        for model in models:
            print(measure_clients(model, kind, asked.seconds), flush=True)
    print("\n| model | cpu without descriptors | p99 ms alone | p99 ms | s to serve all |")
    print("| --- | --- | --- | --- | --- |")
    for model in models:
        print(measure_descriptors(model, asked.seconds / 2), flush=True)


if __name__ == "__main__":
    main()
