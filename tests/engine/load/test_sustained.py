"""Sustained load: what the client says it did is what the server saw."""

import asyncio
import re
import select
import socket
import time
from asyncio import StreamWriter as Writer
from typing import Any

import pytest

from engine.load import beside, sustained, user
from engine.load.cpu import CpuMeter, CpuShares
from engine.load.figures import Report
from engine.load.plan import Plan
from engine.load.readiness import Loop
from engine.load.result import TIMED_OUT
from tests.engine.answering import GOOD, answering
from tests.engine.loaded import load
from tests.support import wait_until


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


def test_in_short_mode_the_client_waits_for_no_close(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a server that says it closes, and does not."""
    monkeypatch.setattr(user, "CLOSES_WITHIN_S", 3_600.0)

    async def say_close(_: int, writer: Writer) -> bool:
        writer.write(GOOD.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
        return True

    with answering(say_close) as server:
        told = load(server.url, connections=4, requests=40, per_connection=1)
    assert (told.done, told.errors, told.retried) == (40, {}, 0)
    assert (server.connections, told.connections_opened) == (40, 40)


def test_one_that_is_ended_twice_tells_its_result() -> None:
    """By who finds that the end takes long: what is on the way is awaited."""

    async def slow(_: int, writer: Writer) -> bool:
        await asyncio.sleep(0.3)
        writer.write(GOOD)
        return True

    async def end_twice(url: str) -> Report:
        running = asyncio.ensure_future(sustained.run(Plan(url, connections=2, seconds=30.0)))
        for _ in range(2):
            await asyncio.sleep(0.1)
            running.cancel()
        return await running

    with answering(slow) as server, asyncio.Runner(loop_factory=Loop) as runner:
        told = runner.run(end_twice(server.url))
    assert (told.done, told.errors, told.is_whole) == (2, {}, False)


def test_a_server_that_does_not_close_as_it_was_asked_to_is_left() -> None:
    with answering() as server:
        told = load(server.url, connections=4, requests=40, per_connection=1, asks_close=True)
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
        told = load(server.url, connections=50, seconds=1.0, rate=200.0, warm_up_s=0.5)
    assert (told.offered, told.sent, told.requests) == (200, 200, 200)
    assert told.measured == 100
    assert server.requests == 200
    assert told.requests_per_s == pytest.approx(200, rel=0.1)


def test_who_waits_in_vain_at_the_end_changes_neither_rate_nor_cpu(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    never: list[Writer] = []

    async def all_but_one(_: int, writer: Writer) -> bool:
        never.append(writer)
        if writer is not never[0]:
            writer.write(GOOD)
        return True

    class Elapsed(CpuMeter):
        def shares(self) -> CpuShares:
            return CpuShares(time.monotonic() - begun_s, 0, None, None, 0)

    begun_s = time.monotonic()
    monkeypatch.setattr(sustained, "CpuMeter", Elapsed)
    with answering(all_but_one) as server:
        told = load(
            server.url, connections=2, seconds=0.4, warm_up_s=0.0, think_s=0.01, timeout_s=2.0
        )
    assert told.errors == {TIMED_OUT: 1}
    assert told.seconds >= 2
    assert 0.4 <= told.measured_s < 1.8
    assert told.requests_per_s == pytest.approx(told.done / told.measured_s)
    assert (told.cpu["client"] or 0) < 1.8


def test_paths_are_mixed_by_weight() -> None:
    with answering() as server:
        few = load(server.url, connections=2, requests=1, paths=(("/", 1.0),))
        told = load(server.url, connections=2, requests=1000, paths=(("/longer", 1.0), ("/", 9.0)))
    longer = (told.bytes_sent - 1000 * few.bytes_sent) / len("longer")
    assert 50 < longer < 150


def test_beside_the_load_are_clients_that_are_no_friends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(beside, "BETWEEN_S", 0.05)
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
        wait_until(lambda: len(server.unfinished) == 2, what="the end of the slow heads")
    assert told.connections_beside == 9
    assert server.connections == 9 + told.connections_opened
    assert server.requests == told.sent + 3  # a slow reader has asked
    for head in server.unfinished:
        assert re.fullmatch(rb"GET / HTTP/1\.1\r\nHost: [^\r]+\r\nX-Slow: x{3,12}", head)


def test_a_slow_reader_lets_the_server_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(beside, "BETWEEN_S", 0.05)
    waits: list[list[int]] = []  # of each answer: the bytes that were left, time and again

    async def large(_: int, writer: Writer) -> bool:
        kernel: socket.socket = writer.get_extra_info("socket")
        kernel.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n" + b"x" * 100_000)
        left: list[int] = []
        waits.append(left)
        while rest := writer.transport.get_write_buffer_size():
            left.append(rest)
            await asyncio.sleep(0.02)
        return True

    with answering(large) as server:
        told = load(server.url, connections=1, seconds=0.8, slow_readers=3, think_s=0.01)
    assert told.done > 10
    slow = [left for left in waits if len(left) > 20]
    assert len(slow) == 3
    for left in slow:
        assert left[5] > left[-1]  # it does read


@pytest.mark.skipif(not hasattr(select, "epoll"), reason="it has not what is taken away")
def test_without_epoll_the_loop_watches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(select, "epoll")
    with answering() as server:
        told = load(server.url, connections=5, requests=200, per_connection=3)
    assert (told.done, told.errors, told.retried) == (200, {}, 0)
    assert (server.requests, server.connections) == (200, told.connections_opened)
