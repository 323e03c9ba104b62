"""The latencies of sustained load, and whether the client itself had time to spare."""

import asyncio
import math
import os
import subprocess
import sys
import threading
import time
from asyncio import StreamWriter as Writer
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from typing import Any

import pytest

from engine.load.figures import CROWDED, FINE, NEAR_LIMIT, SATURATED, Counts, Figures, verdict
from tests.engine.answering import GOOD, answering
from tests.engine.loaded import came_of, load, start

# --- latencies ------------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_stall_is_in_the_open_loop_and_hidden_by_the_closed_one() -> None:
    """A server that stalls for 1 s in 10: who asks by a schedule meets it, who waits does not."""
    begun_s = time.monotonic()
    stalled = threading.Event()

    async def stalling(_: int, writer: Writer) -> bool:
        go_first(0)  # the thread that answers
        if not stalled.is_set() and time.monotonic() - begun_s > 6:
            stalled.set()
            threading.Event().wait(1)  # the only thread: everybody waits
        writer.write(GOOD)
        return True

    with answering(stalling) as server:
        begun_s = time.monotonic()
        open_loop = start(server.url, connections=100, seconds=10.0, rate=500.0, warm_up_s=0.0)
        closed_loop = start(server.url, connections=4, seconds=10.0, think_s=0.008, warm_up_s=0.0)
        for client in (open_loop, closed_loop):
            go_first(client.pid)  # else a crowded machine stalls it as well
        honest, hiding = came_of(open_loop), came_of(closed_loop)
    print(f"open loop p99 {honest.p99_ms} ms, closed loop p99 {hiding.p99_ms} ms")
    assert honest.p99_ms is not None
    assert hiding.p99_ms is not None
    assert honest.p99_ms > 800
    assert hiding.p99_ms < 50  # some ms, on a machine at rest
    assert honest.offered == 5000
    assert honest.done >= 4_990  # a busy machine may leave one on its way at the end
    assert honest.send_lag is not None
    assert honest.send_lag.max_ms is not None
    assert honest.send_lag.max_ms > 500  # 100 connections were not enough for who came meanwhile


def test_percentiles_agree_with_the_raw_samples(monkeypatch: pytest.MonkeyPatch) -> None:
    raw: list[tuple[int, int]] = []
    started: set[int] = set()
    note = Counts.note_latency

    def note_raw(self: Counts, due_ns: int, sent_ns: int, now_ns: int) -> None:
        started.add(self.started_ns)
        raw.append((due_ns, now_ns))
        note(self, due_ns, sent_ns, now_ns)

    monkeypatch.setattr(Counts, "note_latency", note_raw)

    async def uneven(number: int, writer: Writer) -> bool:
        await asyncio.sleep(0.001 * (number % 7) ** 2)
        writer.write(GOOD)
        return True

    with answering(uneven) as server:
        told = load(server.url, connections=30, requests=2000, rate=1000.0)
    (begun_ns,) = started
    # From the instants that the rate gives, not from those that the client noted.
    raw.sort()
    ended_ns = [now_ns for _, now_ns in raw]
    late_ms = sorted((end - begun_ns) / 1e6 - index for index, end in enumerate(ended_ns))
    for percent, value in ((50, told.p50_ms), (90, told.p90_ms), (99, told.p99_ms)):
        reference = late_ms[math.ceil(percent / 100 * len(late_ms)) - 1]
        assert value == pytest.approx(reference, rel=0.01)
    assert told.max_ms == pytest.approx(late_ms[-1], rel=0.01)


@pytest.mark.parametrize(
    ("requests", "has"), [(19, ()), (100, ("p50", "p90")), (1000, ("p50", "p90", "p99"))]
)
def test_too_few_samples_say_nothing(requests: int, has: tuple[str, ...]) -> None:
    with answering() as server:
        told = load(server.url, connections=2, requests=requests)
    known = tuple(name for name in ("p50", "p90", "p99") if getattr(told, f"{name}_ms") is not None)
    assert known == has
    assert told.max_ms is not None


def test_connect_and_service_time_stand_apart() -> None:
    with answering() as server:
        kept = load(server.url, connections=2, requests=200)
        short = load(server.url, connections=2, requests=200, per_connection=1)
    assert (kept.connect.count, short.connect.count) == (2, 200)
    assert short.service.p50_ms is not None
    assert short.connect.p50_ms is not None
    assert short.p50_ms is not None
    assert short.p50_ms > max(short.service.p50_ms, short.connect.p50_ms)


# --- too few connections --------------------------------------------------------------------------


async def slow(_: int, writer: Writer) -> bool:
    await asyncio.sleep(0.05)
    writer.write(GOOD)
    return True


@pytest.mark.parametrize(
    ("settings", "lacks"),
    [
        ({"connections": 1, "rate": 100.0}, True),  # it can ask 20 times a second
        ({"connections": 20, "rate": 100.0}, False),
        ({"connections": 1, "rate": 5.0}, False),
        ({"connections": 1}, False),  # who asks again once answered lacks nothing
    ],
)
def test_an_open_loop_says_when_all_its_connections_were_in_use(settings: Any, lacks: bool) -> None:
    with answering(slow) as server:
        told = load(server.url, seconds=1.0, warm_up_s=0.0, **settings)
    assert told.lacked_connections == lacks
    assert (told.late > 0) == (told.dropped > 0) == lacks
    assert told.late <= told.measured
    assert told.connections == settings["connections"]


def test_one_that_is_never_answered_lacks_connections_too() -> None:
    async def never(_: int, writer: Writer) -> bool:
        return True

    with answering(never) as server:
        told = load(server.url, connections=2, rate=50.0, seconds=0.5, timeout_s=0.6)
    assert told.dropped > 0
    assert told.lacked_connections


# --- the client's limit ---------------------------------------------------------------------------

FAST_SERVER = """
import asyncio, uvloop
ANSWER = b"HTTP/1.1 200 OK\\r\\nContent-Length: 5\\r\\n\\r\\nhello"
class Fast(asyncio.Protocol):
    def connection_made(self, transport): self.transport = transport
    def data_received(self, data): self.transport.write(ANSWER)
async def main():
    server = await asyncio.get_running_loop().create_server(Fast, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()
uvloop.run(main())
"""


@pytest.mark.parametrize(
    ("ran", "waited", "says"),
    [
        (40, 0, FINE),
        (60, 14, FINE),
        (30, 44, FINE),
        (80, 5, NEAR_LIMIT),
        (46, 45, NEAR_LIMIT),
        (99, 1, SATURATED),
        (50, 49, SATURATED),
        (15, 62, CROWDED),
        (30, 66, CROWDED),
    ],
)
def test_the_verdict_tells_the_client_from_the_machine(ran: int, waited: int, says: str) -> None:
    assert verdict({"client": ran, "client_waited": waited}) == says


@contextmanager
def fast_server() -> Iterator[tuple[str, int]]:
    """Its URL and its pid."""
    words = [sys.executable, "-c", FAST_SERVER]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            yield f"http://127.0.0.1:{server.stdout.readline().strip()}/", server.pid
        finally:
            server.kill()


def go_first(pid: int) -> None:
    """Before all others on the machine, where that is permitted."""
    with suppress(PermissionError, AttributeError):  # macOS has nothing of the kind
        os.sched_setscheduler(pid, os.SCHED_RR, os.sched_param(1))


def test_a_client_that_can_do_no_more_is_called_saturated() -> None:
    """Short connections cost it three times as much as their server."""
    told: list[Figures] = []
    with fast_server() as (url, pid):
        go_first(pid)
        for _ in range(7):
            client = start(url, connections=64, seconds=0.5, per_connection=1)
            go_first(client.pid)
            told.append(came_of(client))
    said = [one.verdict for one in told]
    # Where it may not go first, a crowded machine can be in its way.
    assert said.count(SATURATED) >= 5, said
    assert FINE not in said
    assert all(one.errors == {} for one in told)


@contextmanager
def burning(processor: int) -> Iterator[None]:
    """A computation without end."""
    with subprocess.Popen([sys.executable, "-c", "while True: pass"]) as burner:
        try:
            os.sched_setaffinity(burner.pid, {processor})
            yield
        finally:
            burner.kill()


def test_a_client_that_must_wait_for_a_processor_says_so() -> None:
    """It shares one with three computations, and its server shares none."""
    processor = min(os.sched_getaffinity(0))
    with fast_server() as (url, pid), ExitStack() as others:
        go_first(pid)
        client = start(url, connections=16, seconds=1.5, warm_up_s=0.5)
        assert client.stdout is not None
        client.stdout.readline()  # the first report: it has begun
        os.sched_setaffinity(client.pid, {processor})
        for _ in range(3):
            others.enter_context(burning(processor))
        told = came_of(client)
    assert told.verdict == CROWDED, told.cpu


def test_a_client_with_time_to_spare_is_fine() -> None:
    with answering() as server:
        client = start(server.url, connections=4, seconds=1.0, rate=50.0)
        go_first(client.pid)  # on a crowded machine it had none to spare
        told = came_of(client)
    assert told.verdict == "fine"
    assert told.cpu["client"] is not None
    assert told.cpu["client"] < 50
