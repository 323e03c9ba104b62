"""The latencies of sustained load, and whether the client itself had time to spare."""

import asyncio
import math
import os
import subprocess
import sys
import threading
import time
from asyncio import StreamWriter as Writer

import pytest

from engine.load.figures import SATURATED, Counts
from tests.engine.answering import GOOD, answering
from tests.engine.loaded import came_of, load, start

# --- latencies ------------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_stall_is_in_the_open_loop_and_hidden_by_the_closed_one() -> None:
    """A server that stalls for 1 s in 10: who asks by a schedule meets it, who waits does not."""
    begun_s = time.monotonic()
    stalled = threading.Event()

    async def stalling(_: int, writer: Writer) -> bool:
        if not stalled.is_set() and time.monotonic() - begun_s > 6:
            stalled.set()
            threading.Event().wait(1)  # the only thread: everybody waits
        writer.write(GOOD)
        return True

    with answering(stalling) as server:
        begun_s = time.monotonic()
        open_loop = start(server.url, connections=100, seconds=10.0, rate=500.0, warm_up_s=0.0)
        closed_loop = start(server.url, connections=4, seconds=10.0, think_s=0.008, warm_up_s=0.0)
        honest, hiding = came_of(open_loop), came_of(closed_loop)
    print(f"open loop p99 {honest.p99_ms} ms, closed loop p99 {hiding.p99_ms} ms")
    assert honest.p99_ms is not None
    assert hiding.p99_ms is not None
    assert honest.p99_ms > 800
    assert hiding.p99_ms < 100
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


# --- the client's limit ---------------------------------------------------------------------------

FAST_SERVER = """
import asyncio, uvloop
BODY = b"x" * 60000
ANSWER = b"HTTP/1.1 200 OK\\r\\nContent-Length: %d\\r\\n\\r\\n" % len(BODY) + BODY
class Fast(asyncio.Protocol):
    def connection_made(self, transport): self.transport = transport
    def data_received(self, data): self.transport.write(ANSWER * data.count(b"GET "))
async def main():
    server = await asyncio.get_running_loop().create_server(Fast, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()
uvloop.run(main())
"""


def test_a_client_that_can_do_no_more_is_called_saturated() -> None:
    """It shares one processor with a computation that is let run ten times as long."""
    one = {min(os.sched_getaffinity(0))}
    with (
        subprocess.Popen(
            [sys.executable, "-c", FAST_SERVER], stdout=subprocess.PIPE, text=True
        ) as server,
        subprocess.Popen([sys.executable, "-c", "while True: pass"]) as burner,
    ):
        try:
            assert server.stdout is not None
            url = f"http://127.0.0.1:{server.stdout.readline().strip()}/"
            client = start(url, connections=64, seconds=2.0, verify_bodies=True)
            for process in (client, burner):
                os.sched_setaffinity(process.pid, one)
            os.setpriority(os.PRIO_PROCESS, client.pid, 10)
            told = came_of(client)
        finally:
            server.kill()
            burner.kill()
    assert (told.verdict, told.errors) == (SATURATED, {})


def test_a_client_with_time_to_spare_is_fine() -> None:
    with answering() as server:
        told = came_of(start(server.url, connections=4, seconds=1.0, rate=50.0))
    assert told.verdict == "fine"
    assert told.cpu["client"] is not None
    assert told.cpu["client"] < 50
