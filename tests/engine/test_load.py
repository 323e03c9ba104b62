"""The load client against a small server that counts: what the one says is what the other saw."""

from __future__ import annotations

import asyncio
import json
import random
import signal
import socket
import struct
import sys
from asyncio import StreamReader as Reader
from asyncio import StreamWriter as Writer
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from engine.load import result
from engine.load.burst import run
from engine.load.result import (
    Burst,
    BurstResult,
    Progress,
    Tally,
    histogram,
    parse_line,
    percentile,
)
from engine.load.target import resolve

DEADLINE_S = 20.0
ROOT = Path(__file__).parents[2]
GOOD = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"


class Server:
    """Counts connections and whole requests; `answer` writes what it likes, False closes."""

    def __init__(self, answer: Callable[[int, Writer], Awaitable[bool]]) -> None:
        self.answer = answer
        self.connections = 0
        self.requests = 0
        self.tasks: set[asyncio.Task[None]] = set()
        self.url = ""

    async def serve(self, reader: Reader, writer: Writer) -> None:
        self.connections += 1
        served = 0
        try:
            while await self._whole_request(reader):
                self.requests += 1
                served += 1
                if not await self.answer(served, writer):
                    break
        except OSError:
            pass
        finally:
            writer.close()

    @staticmethod
    async def _whole_request(reader: Reader) -> bytes:
        try:
            return await reader.readuntil(b"\r\n\r\n")
        except asyncio.IncompleteReadError:
            return b""

    def accept(self, reader: Reader, writer: Writer) -> None:
        task = asyncio.ensure_future(self.serve(reader, writer))
        self.tasks.add(task)


@asynccontextmanager
async def serving(answer: Callable[[int, Writer], Awaitable[bool]]) -> AsyncIterator[Server]:
    server = Server(answer)
    listener = await asyncio.start_server(server.accept, "127.0.0.1", 0, backlog=512)
    server.url = f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}/"
    try:
        yield server
    finally:
        listener.close()
        for task in server.tasks:
            task.cancel()
        await asyncio.gather(*server.tasks, return_exceptions=True)


def burst_at(
    answer: Callable[[int, Writer], Awaitable[bool]],
    *,
    requests: int = 60,
    connections: int = 6,
    short: bool = False,
    timeout_s: float = DEADLINE_S,
    reports: list[Progress] | None = None,
) -> tuple[BurstResult, Server]:
    """What the client says, and the server with what it saw."""

    async def both() -> tuple[BurstResult, Server]:
        async with serving(answer) as server:
            burst = Burst(server.url, requests, connections, short, timeout_s)
            async with asyncio.timeout(DEADLINE_S):
                heard = None if reports is None else reports.append
                return await run(burst, heard), server

    return asyncio.run(both())


async def good(_: int, writer: Writer) -> bool:
    writer.write(GOOD)
    return True


def reset(writer: Writer) -> None:
    """Close with RST."""
    sock = writer.get_extra_info("socket")
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


def test_kept_connections_are_counted_and_reused() -> None:
    came, server = burst_at(good)
    assert (came.requests, came.errors, came.retried) == (60, {}, 0)
    assert (server.requests, server.connections) == (60, 6)
    assert came.connections_opened == 6
    assert came.requests_per_connection == 10
    assert sum(came.latencies) == 60
    assert came.p50_ms is not None
    assert came.max_ms is not None
    assert 0 < came.p50_ms <= came.max_ms <= came.seconds * 1000


def test_short_mode_opens_a_connection_for_each_request() -> None:
    came, server = burst_at(good, short=True)
    assert came.errors == {}
    assert (came.connections_opened, server.connections, server.requests) == (60, 60, 60)


def test_a_server_that_closes_after_each_response_gets_as_many_connections() -> None:
    async def short(_: int, writer: Writer) -> bool:
        writer.write(GOOD.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
        return False

    came, server = burst_at(short)
    assert (came.errors, came.retried) == ({}, 0)
    assert (came.connections_opened, server.connections, server.requests) == (60, 60, 60)


def test_no_more_users_than_requests() -> None:
    came, server = burst_at(good, requests=3, connections=50)
    assert (came.connections_opened, server.connections, server.requests) == (3, 3, 3)


@pytest.mark.parametrize("seed", range(5))
def test_connections_closed_at_random_lose_no_request(seed: int) -> None:
    chance = random.Random(seed)

    async def closing(_: int, writer: Writer) -> bool:
        writer.write(GOOD)
        return chance.random() > 0.3

    came, server = burst_at(closing, requests=200)
    assert came.errors == {}
    assert came.requests == 200
    assert server.connections == came.connections_opened
    assert server.requests == 200  # a retried request was closed before it was read


@pytest.mark.parametrize("ending", [Writer.close, reset])
def test_a_kept_connection_closed_instead_of_an_answer_is_retried_once(
    ending: Callable[[Writer], None],
) -> None:
    async def every_second(served: int, writer: Writer) -> bool:
        if served == 2:
            ending(writer)
            return False
        return await good(served, writer)

    came, server = burst_at(every_second, requests=9, connections=1)
    assert came.errors == {}
    # The first answer, then each connection takes a retried request, answers, and is closed.
    assert (came.retried, came.connections_opened, server.connections) == (8, 9, 9)
    assert server.requests == came.requests + came.retried


def test_a_fresh_connection_that_closes_without_an_answer_is_an_error() -> None:
    async def silent(_: int, writer: Writer) -> bool:
        return False

    came, server = burst_at(silent, requests=12, connections=3)
    assert came.errors == {result.CLOSED_EARLY: 12}
    assert (came.retried, came.connections_opened, server.connections) == (0, 12, 12)
    assert (came.p50_ms, came.p99_ms, came.max_ms, came.requests_per_s) == (None, None, None, 0)


def test_a_reset_is_its_own_kind() -> None:
    async def rude(_: int, writer: Writer) -> bool:
        reset(writer)
        return False

    came, server = burst_at(rude, requests=4, connections=2)
    assert came.errors == {result.RESET: 4}
    assert server.connections == came.connections_opened == 4


@pytest.mark.parametrize("cut", [10, len(GOOD) - 1])
def test_an_answer_that_is_cut_is_not_retried(cut: int) -> None:
    async def cutting(served: int, writer: Writer) -> bool:
        writer.write(GOOD if served == 1 else GOOD[:cut])
        return served == 1

    came, server = burst_at(cutting, requests=10, connections=1)
    assert came.errors == {result.CLOSED_EARLY: 5}
    assert came.retried == 0
    assert (server.requests, server.connections) == (10, 5)


def test_too_long_a_body_is_bad_and_spoils_nothing_else() -> None:
    async def long(served: int, writer: Writer) -> bool:
        writer.write(GOOD + b" world" if served == 2 else GOOD)
        return True

    came, server = burst_at(long, requests=10, connections=1)
    assert came.errors == {result.BAD_BODY: 5}
    assert (came.connections_opened, server.connections, server.requests) == (5, 5, 10)


def test_an_interim_response_is_not_the_answer() -> None:
    async def hints(_: int, writer: Writer) -> bool:
        writer.write(b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n" + GOOD)
        return True

    came, _ = burst_at(hints)
    assert (came.errors, came.connections_opened) == ({}, 6)


def test_chunked_bodies_are_read_whole() -> None:
    async def chunked(_: int, writer: Writer) -> bool:
        writer.write(
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"
        )
        return True

    came, _ = burst_at(chunked)
    assert (came.errors, came.connections_opened) == ({}, 6)


def test_status_and_nonsense() -> None:
    async def mixed(served: int, writer: Writer) -> bool:
        failing = b"HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n"
        writer.write(failing if served == 1 else b"220 mail.example ESMTP\r\n\r\n")
        return served == 1

    came, server = burst_at(mixed, requests=8, connections=1)
    assert came.errors == {result.BAD_STATUS: 4, result.OTHER: 4}
    assert came.failed == 8
    assert server.requests == 8


def test_a_server_that_stalls_times_out() -> None:
    async def stalling(served: int, writer: Writer) -> bool:
        writer.write(GOOD if served == 1 else GOOD[:-1])
        return True

    came, server = burst_at(stalling, requests=4, connections=2, timeout_s=0.2)
    assert came.errors == {result.TIMED_OUT: 2}
    assert (came.requests, server.requests, server.connections) == (4, 4, 2)


def test_refused() -> None:
    with socket.socket() as held:  # bound but not listening: nobody else gets the port
        held.bind(("127.0.0.1", 0))
        burst = Burst(f"http://127.0.0.1:{held.getsockname()[1]}/", requests=5, connections=2)
        came = asyncio.run(run(burst))
    assert came.errors == {result.REFUSED: 5}
    assert (came.connections_opened, came.requests_per_connection) == (0, None)


def test_progress_never_runs_ahead_and_ends_below_the_result() -> None:
    async def slow(_: int, writer: Writer) -> bool:
        await asyncio.sleep(0.05)
        return await good(_, writer)

    reports: list[Progress] = []
    came, _ = burst_at(slow, requests=16, connections=1, reports=reports)
    assert 1 <= len(reports) <= came.seconds * 5
    assert all(report.requests_wanted == 16 for report in reports)
    done = [report.requests for report in reports]
    assert done == sorted(done)
    assert done[-1] <= came.requests


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("https://127.0.0.1/", "http://"),
        ("127.0.0.1:80", "http://"),
        ("http://", "http://"),
        ("http://127.0.0.1:99999/", "not a URL"),
        ("http://[::1/", "not a URL"),
        ("http://192.0.2.1/", "not this machine"),
        ("http://0.0.0.0/", "not this machine"),
        ("http://[2001:db8::1]/", "not this machine"),
    ],
)
def test_targets_that_are_refused(url: str, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        resolve(url)


def test_targets() -> None:
    assert resolve("http://127.0.0.1").url == "http://127.0.0.1:80/"
    assert resolve("http://[::1]:81/a b?c d=é").url == "http://[::1]:81/a%20b?c%20d=%C3%A9"
    local = resolve("http://localhost:82/x")
    assert local.url in ("http://127.0.0.1:82/x", "http://[::1]:82/x")
    assert local.host_header == "localhost:82"
    assert resolve("http://192.0.2.1/", allow_remote=True).url == "http://192.0.2.1:80/"


def test_percentiles_and_histogram() -> None:
    assert percentile([], 50) is None
    assert [percentile([1, 2, 3, 4], p) for p in (0, 50, 51, 99, 100)] == [1, 2, 3, 4, 4]
    counts = histogram([0.05, 0.1, 0.11, 10_000, 10_001])
    assert (counts[0], counts[1], counts[-2], counts[-1]) == (2, 1, 1, 1)
    assert sum(counts) == 5


def test_reports_survive_their_json() -> None:
    tally = Tally(wanted=3, started_ns=5)
    tally.succeeded(2_000_000)
    tally.failed(result.RESET)
    progress, came = tally.progress(1_000_000_005), tally.result(2_000_000_005)
    assert parse_line(progress.to_json()) == progress
    assert parse_line(came.to_json()) == came
    burst = Burst("http://127.0.0.1/", short=True)
    assert Burst.from_json(burst.to_json()) == burst


@pytest.mark.parametrize(
    "text",
    [
        *("", "[]", "{}", '{"url": 1}', '{"url": "x", "speed": 1}', '{"url": "x", "requests": 0}'),
        *('{"url": "x", "connections": 1.5}', '{"url": "x", "timeout_s": "1"}'),
    ],
)
def test_settings_that_are_refused(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011  # each has its own words
        Burst.from_json(text)


async def start(settings: str) -> asyncio.subprocess.Process:
    words = (sys.executable, "-P", "-m", "engine.load", settings)
    return await asyncio.create_subprocess_exec(
        *words,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={"PYTHONPATH": str(ROOT)},
    )


def test_the_process_ends_with_the_result() -> None:
    async def process() -> None:
        async with serving(good) as server, asyncio.timeout(DEADLINE_S):
            child = await start(json.dumps({"url": server.url, "requests": 40}))
            out, err = await child.communicate()
            came = parse_line(out.decode().splitlines()[-1])
            assert isinstance(came, BurstResult)
            assert (child.returncode, err, came.requests, came.errors) == (0, b"", 40, {})
            assert came.connections_opened == server.connections == 10

    asyncio.run(process())


def test_a_signal_ends_the_process_with_what_was_done() -> None:
    async def stalling(served: int, writer: Writer) -> bool:
        return await good(served, writer) if served < 3 else True

    async def process() -> None:
        async with serving(stalling) as server, asyncio.timeout(DEADLINE_S):
            child = await start(json.dumps({"url": server.url, "connections": 4}))
            assert child.stdout is not None
            while json.loads(await child.stdout.readline())["requests"] < 8:
                pass
            child.send_signal(signal.SIGTERM)
            out, err = await child.communicate()
            came = parse_line(out.decode().splitlines()[-1])
            assert isinstance(came, BurstResult)
            assert (child.returncode, err, came.requests) == (0, b"", 8)

    asyncio.run(process())


@pytest.mark.parametrize(
    "settings",
    ["", "{}", '{"url": "http://192.0.2.1/"}', '{"url": "nonsense"}'],
)
def test_the_process_refuses_in_one_line(settings: str) -> None:
    async def process() -> None:
        async with asyncio.timeout(DEADLINE_S):
            child = await start(settings)
            out, err = await child.communicate()
            assert (child.returncode, out, err.count(b"\n")) == (1, b"", 1)
            assert err.startswith(b"load: ")

    asyncio.run(process())


@pytest.mark.skipif(sys.platform != "linux", reason="PR_SET_PDEATHSIG is Linux only")
def test_the_process_does_not_outlive_its_parent() -> None:
    starter = (
        "import subprocess, sys, os\n"
        "child = subprocess.Popen([sys.executable, '-P', '-m', 'engine.load', sys.argv[1]])\n"
        "child.wait()\n"
    )

    async def hanging(_: int, writer: Writer) -> bool:
        arrived.set()
        return True

    async def process() -> None:
        async with serving(hanging) as server, asyncio.timeout(DEADLINE_S):
            settings = json.dumps({"url": server.url, "requests": 1})
            parent = await asyncio.create_subprocess_exec(
                *(sys.executable, "-c", starter, settings), env={"PYTHONPATH": str(ROOT)}
            )
            await arrived.wait()
            parent.kill()
            await parent.wait()
            await asyncio.gather(*server.tasks)  # ends with the client's connection

    arrived = asyncio.Event()
    asyncio.run(process())
