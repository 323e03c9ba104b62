"""Sustained load against servers that count, stall, close, and answer badly."""

import asyncio
import math
import os
import socket
import struct
import subprocess
import sys
import threading
import time
from asyncio import StreamWriter as Writer
from pathlib import Path
from typing import Any

import pytest
import uvloop

from engine.load import result
from engine.load.figures import SATURATED, Counts, Figures, Report, figures
from engine.load.plan import Plan
from engine.load.sustained import run
from tests.engine.answering import GOOD, Answer, answering

ROOT = Path(__file__).parents[2]
COMMAND = (sys.executable, "-P", "-m", "engine.load")
DEADLINE_S = 60


def load(url: str, **settings: Any) -> Figures:
    """Run it in this process."""
    return figures(uvloop.run(run(Plan(url, **settings))))


def start(url: str, **settings: Any) -> subprocess.Popen[str]:
    """Run it as a process of its own."""
    words = [*COMMAND, Plan(url, **settings).to_json()]
    return subprocess.Popen(words, cwd=ROOT, stdout=subprocess.PIPE, text=True)


def came_of(client: subprocess.Popen[str]) -> Figures:
    out, _ = client.communicate(timeout=DEADLINE_S)
    return figures(Report.from_json(out.splitlines()[-1]))


# --- counting -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("settings", "opened"),
    [
        ({}, 5),
        ({"per_connection": 1}, 200),
        ({"per_connection": 20}, 10),
        ({"paths": (("/a", 1.0), ("/b", 3.0))}, 5),
        ({"ramp_s": 0.1, "think_s": 0.001}, 5),
    ],
)
def test_what_the_client_says_is_what_the_server_saw(settings: Any, opened: int) -> None:
    with answering() as server:
        told = load(server.url, connections=5, requests=200, **settings)
    assert (told.requests, told.sent, told.done, told.measured) == (200, 200, 200, 200)
    assert (told.errors, told.retried, told.dropped) == ({}, 0, 0)
    assert (server.requests, server.connections) == (200, told.connections_opened)
    assert told.connections_opened == pytest.approx(
        opened, abs=4 if "per_connection" in settings else 0
    )
    assert (server.bytes_in, 200 * len(GOOD)) == (told.bytes_sent, told.bytes_received)
    assert sum(told.latencies) == 200


def test_the_server_closes_when_it_is_asked_to() -> None:
    async def close(_: int, writer: Writer) -> bool:
        writer.write(GOOD.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
        return False

    with answering(close) as server:
        told = load(server.url, connections=4, requests=40, asks_close=True)
    assert (told.done, told.errors, told.retried) == (40, {}, 0)
    assert (server.connections, told.connections_opened) == (40, 40)


def test_a_kept_connection_that_the_server_closes_unanswered_is_asked_again() -> None:
    async def two(number: int, writer: Writer) -> bool:
        if number <= 2:
            writer.write(GOOD)
        return number <= 2

    with answering(two) as server:
        told = load(server.url, connections=1, requests=6)
    assert (told.done, told.errors, told.retried) == (6, {}, 2)
    assert server.requests == told.sent + told.retried


def test_warm_up_is_in_the_counts_and_not_in_the_figures() -> None:
    with answering() as server:
        told = load(server.url, connections=2, seconds=1.0, rate=200.0, warm_up_s=0.5)
    assert (told.offered, told.sent, told.requests) == (200, 200, 200)
    assert told.measured == 100
    assert server.requests == 200
    assert told.requests_per_s == pytest.approx(200, rel=0.1)


def test_paths_are_mixed_by_weight() -> None:
    with answering() as server:
        few = load(server.url, connections=2, requests=1, paths=(("/", 1.0),))
        told = load(server.url, connections=2, requests=1000, paths=(("/longer", 1.0), ("/", 9.0)))
    longer = (told.bytes_sent - 1000 * few.bytes_sent) / len("longer")
    assert 50 < longer < 150


def test_beside_the_load_are_clients_that_are_no_friends() -> None:
    with answering() as server:
        told = load(
            server.url,
            connections=1,
            seconds=0.6,
            slow_heads=2,
            slow_readers=3,
            silent=4,
            think_s=0.01,
        )
    assert told.connections_beside == 9
    assert server.connections == 9 + told.connections_opened
    assert server.requests == told.sent + 3  # a slow reader has asked


# --- errors ---------------------------------------------------------------------------------------


def says(text: bytes, *, goes_on: bool = True) -> Answer:
    async def answer(_: int, writer: Writer) -> bool:
        writer.write(text)
        return goes_on

    return answer


async def reset(_: int, writer: Writer) -> bool:
    sock = writer.get_extra_info("socket")
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()
    return False


async def never(_: int, __: Writer) -> bool:
    await asyncio.sleep(60)
    return False


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (says(GOOD.replace(b"200 OK", b"503 No")), result.BAD_STATUS),
        (says(b"SSH-2.0-server\r\n"), result.BAD_ANSWER),
        (says(GOOD + b"more"), result.BAD_BODY),
        (says(GOOD[:-2], goes_on=False), result.CLOSED_EARLY),
        (says(b"", goes_on=False), result.CLOSED_EARLY),
        (reset, result.RESET),
        (never, result.TIMED_OUT),
    ],
)
def test_errors_by_kind(answer: Answer, kind: str) -> None:
    with answering(answer) as server:
        told = load(server.url, connections=2, requests=6, timeout_s=0.3)
    assert (told.errors, told.requests, told.done) == ({kind: 6}, 6, 0)
    assert (told.p50_ms, told.max_ms) == (None, None)


def test_a_body_without_a_length_ends_with_its_connection() -> None:
    with answering(says(b"HTTP/1.1 200 OK\r\n\r\nhello", goes_on=False)) as server:
        told = load(server.url, connections=2, requests=6)
    assert (told.done, told.errors, told.connections_opened) == (6, {}, 6)


def test_a_body_that_changes_is_found() -> None:
    async def changing(number: int, writer: Writer) -> bool:
        writer.write(GOOD if number < 10 else GOOD.replace(b"hello", b"hollo"))
        return True

    with answering(changing) as server:
        assert load(server.url, connections=1, requests=10).errors == {}
        told = load(server.url, connections=1, requests=10, verify_bodies=True)
    assert (told.done, told.errors) == (9, {result.BAD_BODY: 1})


def test_nobody_listens() -> None:
    assert load("http://127.0.0.1:9/", connections=2, requests=7).errors == {result.REFUSED: 7}
    begun_s = time.monotonic()
    told = load("http://127.0.0.1:9/", connections=3, seconds=30.0)
    assert set(told.errors) == {result.REFUSED}
    assert time.monotonic() - begun_s < 10  # it does not try for half a minute


OUT_OF_PORTS = """
import asyncio, json, sys
sys.path.insert(0, {root!r})
from tests.engine.answering import answering
from tests.engine.test_sustained import load
with answering() as server:
    print(json.dumps(load(server.url, connections=30, requests=60).errors))
"""


def test_out_of_ports_is_named() -> None:
    prepare = (
        "ip link set lo up && echo 40000 40009 > /proc/sys/net/ipv4/ip_local_port_range && exec "
    )
    words = ["unshare", "--user", "--map-root-user", "--net", "sh", "-c"]
    try:
        tried = subprocess.run([*words, prepare + "true"], capture_output=True, timeout=DEADLINE_S)
    except FileNotFoundError:
        pytest.skip("unshare is not installed: no network namespace with few ports can be made")
    if tried.returncode:
        pytest.skip(f"no network namespace with few ports: {tried.stderr.decode().strip()}")
    done = subprocess.run(
        [*words, f'{prepare} "$0" -c "$1"', sys.executable, OUT_OF_PORTS.format(root=str(ROOT))],
        capture_output=True, text=True, timeout=DEADLINE_S, cwd=ROOT,
    )  # fmt: skip
    assert result.OUT_OF_PORTS in done.stdout, done.stderr


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
    assert (honest.offered, honest.done) == (5000, 5000)
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
    """It shares one processor with a server that needs less of it for a request than the client."""
    words = [sys.executable, "-c", FAST_SERVER]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            url = f"http://127.0.0.1:{server.stdout.readline().strip()}/"
            client = start(url, connections=64, seconds=2.0, verify_bodies=True)
            one = {min(os.sched_getaffinity(0))}
            os.sched_setaffinity(server.pid, one)
            os.sched_setaffinity(client.pid, one)
            told = came_of(client)
        finally:
            server.kill()
    assert (told.verdict, told.errors) == (SATURATED, {})


def test_a_client_with_time_to_spare_is_fine() -> None:
    with answering() as server:
        told = came_of(start(server.url, connections=4, seconds=1.0, rate=50.0))
    assert told.verdict == "fine"
    assert told.cpu["client"] is not None
    assert told.cpu["client"] < 50


# --- the plan -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"requests": 1, "seconds": 1.0},
        {"requests": 0},
        {"requests": 1, "connections": 0},
        {"seconds": math.inf},
        {"seconds": 1.0, "rate": 0.0},
        {"seconds": 1.0, "warm_up_s": 1.0},
        {"seconds": 1.0, "rate": 5.0, "think_s": 1.0},
        {"seconds": 1.0, "paths": (("no", 1.0),)},
    ],
)
def test_plans_that_mean_nothing(settings: Any) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        Plan("http://127.0.0.1/", **settings)


def test_a_ramp_offers_half_of_what_the_rate_would() -> None:
    plan = Plan("http://127.0.0.1/", seconds=20.0, rate=100.0, ramp_s=10.0)
    assert plan.offered(10) == 500
    assert plan.offered(20) == 1500
    assert [plan.due_s(index) for index in (0, 5, 125, 500, 600)] == pytest.approx(
        [0, 1, 5, 10, 11]
    )


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        '{"url": 1}',
        '{"url": "x", "seconds": "1"}',
        '{"url": "x", "paths": 3}',
        '{"a": 1}',
    ],
)
def test_lines_that_are_no_plan(text: str) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        Plan.from_json(text)


def test_a_plan_crosses_the_process_border() -> None:
    plan = Plan("http://127.0.0.1/", seconds=5.0, rate=10.0, paths=(("/a", 1.0), ("/b", 2.5)))
    assert Plan.from_json(plan.to_json()) == plan
