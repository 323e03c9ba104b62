"""The load client against a small server that counts: what the one says is what the other saw."""

from __future__ import annotations

import asyncio
import random
import socket
from asyncio import StreamWriter as Writer
from collections.abc import Awaitable, Callable

import pytest

from engine.load import result
from engine.load.burst import run
from engine.load.result import Burst, BurstResult, Progress
from tests.engine.counting_server import DEADLINE_S, GOOD, Server, good, reset, serving


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
    assert came.errors == {result.bad_status(503): 4, result.OTHER: 4}
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
