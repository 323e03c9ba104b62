"""Waits that clients make on purpose, as `snapshot` tells them, against the clients' own clocks."""

import socket
from collections.abc import Collection, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import pytest

from engine.events import QUEUED, UNREAD
from tests.client_clock import (
    CLOSE_MS,
    JIFFY_MS,
    Doing,
    alone_off_ms,
    holds,
    is_close,
    look,
    off_ms,
    room_of,
)
from tests.plain_client import Client, request
from tests.serve_driver import Serve
from tests.support import wait_until

BLOCK = "/wait/3500"
CLIENTS, TIMED = 24, 20
"""Of so many, so many must be told to the millisecond (or the jiffy): between the kernel's answer and the
look at the clock the server, too, may lose its processor, and then tells a few of them wrongly."""


@contextmanager
def blocked(model: str, *options: str) -> Iterator[Serve]:
    """A server whose only thread is in a handler, for long enough to look around."""
    with Serve(model, *options) as server, Client(server.port) as first:
        first.ask(BLOCK, close=True)  # the next one's turn comes right after it
        wait_until(holds(server, "handler", 1), what="the handler")
        yield server


@pytest.mark.parametrize("model", ["iterative", "polling"])
def test_a_full_accept_queue_and_the_client_that_repeats_its_syn(model: str) -> None:
    with blocked(model, "--backlog", "2") as server, ExitStack() as clients:
        came: dict[str, Doing] = {}
        for _ in range(3):  # one more than the backlog says, as Linux has it
            with Doing() as connects:
                client = clients.enter_context(Client(server.port))
            came[client.name] = connects
        first = next(iter(came.values()))
        refused = clients.enter_context(socket.socket())
        refused.setblocking(False)
        refused.connect_ex(("127.0.0.1", server.port))
        assert room_of(server, "accept_queue", first)["now"] == 3
        wait_until(holds(server, "syn_retry", 1), what="a SYN that is repeated")
        shot, looks = look(server)
        assert shot["accept_queue_limit"] == 2
        assert shot["listen_overflows"] >= 1
        assert shot["listen_drops"] >= 1
        told = {one["peer"]: one["waited_ms"] for one in shot["rooms"]["accept_queue"]["who"]}
        assert told.keys() == came.keys()
        assert max(off_ms(told[name], since, looks) for name, since in came.items()) <= CLOSE_MS
        assert room_of(server, "accept_queue", first)["now"] == 3
        clients.close()
        wait_until(holds(server, "accept_queue", 0), what="an empty accept queue")
        assert server.snapshot()["rooms"]["accept_queue"]["who"] == []


def test_bytes_that_nobody_reads_and_an_end_that_nobody_answers() -> None:
    with Serve("polling") as server, ExitStack() as clients:
        asks, leaves, blocks = (clients.enter_context(Client(server.port)) for _ in range(3))
        wait_until(lambda: server.snapshot()["open"] == 3)
        blocks.ask(BLOCK)
        wait_until(holds(server, "handler", 1))
        with Doing() as since:
            asks.ask("/")
            leaves.half_close()
        assert room_of(server, "unread", since)["now"] == 1
        shot = server.snapshot()
        assert shot["unread_bytes"] == len(request("/"))
        assert shot["rooms"]["idle"]["now"] == 1  # the one that leaves, and not the one that asks
        asks.ask("/")  # more of it does not make the first one new
        assert room_of(server, "unread", since)["now"] == 1
        assert room_of(server, "close_wait", since)["now"] == 1


@pytest.mark.parametrize("model", ["thread", "epoll"])
def test_a_client_that_is_silent_is_idle(model: str) -> None:
    with Serve(model) as server:

        def off() -> float:
            with Doing() as connects:
                client = Client(server.port)
            return alone_off_ms(server, "idle", connects, client)

        assert is_close(off)


@pytest.mark.parametrize("model", ["thread", "epoll"])
def test_an_answer_that_the_client_does_not_read_is_unsent(model: str) -> None:
    with Serve(model) as server:

        def off() -> float:
            client = Client(server.port, receive_buffer=4096)
            with Doing() as asks:
                client.ask("/bytes/10000000")
            wait_until(lambda: server.snapshot()["unsent_bytes"] > 0, what="bytes on their way")
            return alone_off_ms(server, "unsent", asks, client)

        assert is_close(off)


def test_the_side_that_closes_first_keeps_time_wait() -> None:
    with Serve("epoll", "--short") as server:
        with Client(server.port) as client:
            client.get("/")
            assert client.rest() == b""  # it has closed, and waits for us
            with Doing() as since:
                client.socket.close()
        wait_until(holds(server, "time_wait", 1))
        assert room_of(server, "time_wait", since)["now"] == 1
        assert server.snapshot()["client_time_wait"] == 0
        server.command("keep-alive")
        assert (
            server.snapshot()["mode"] == "keep-alive"
        )  # a command is done when the next is answered
        with Client(server.port) as client:
            client.get("/")
        wait_until(lambda: server.snapshot()["client_time_wait"] == 1, what="TIME_WAIT of a client")
        assert server.snapshot()["rooms"]["time_wait"]["now"] == 1


def test_ipv6() -> None:
    with Serve("polling", "--host", "::1") as server:
        address = ("::1", server.port)
        with socket.create_connection(address) as first, socket.create_connection(address):
            wait_until(lambda: server.snapshot()["open"] == 2)
            first.sendall(request(BLOCK))
            wait_until(holds(server, "handler", 1))
            with Doing() as since:
                late = socket.create_connection(address)
            with late:
                assert room_of(server, "accept_queue", since)["now"] == 1


def test_clients_of_elsewhere_are_not_counted_as_ours() -> None:
    with Serve("epoll", "--host", "0.0.0.0") as server:
        shot = server.snapshot()
        assert shot["rooms"]["syn_retry"] is None
        assert shot["client_time_wait"] is None
        assert shot["rooms"]["accept_queue"]["now"] == 0


def test_without_tracing_the_kernel_still_tells() -> None:
    with Serve("epoll", "--no-trace") as server, Client(server.port) as client:
        client.get("/")
        rooms = server.snapshot()["rooms"]
        assert rooms["handler"] is None
        assert (rooms["accept_queue"]["now"], rooms["unread"]["now"]) == (0, 0)
        client.half_close()
        wait_until(holds(server, "close_wait", 0))


def test_how_long_each_of_twenty_was_in_the_accept_queue() -> None:
    """By TCP_INFO, whose grain is a jiffy; against the time at which each client was connected."""
    with blocked("polling", "--events", "-") as server, ExitStack() as clients:
        connected: dict[str, Doing] = {}
        for number in range(CLIENTS):
            with Doing() as connects:
                client = clients.enter_context(Client(server.port))
            connected[client.name] = connects
            if number % 5 == 0:
                server.snapshot()  # so that they come some time apart
        told = wait_until(lambda: queued(server.events, connected), what="all waits")
        accepts = {e["conn"]: e for e in server.events if e["kind"] == "accept"}
        errors = [
            connected[accepts[conn]["note"]].misses_ms(accepts[conn]["at_ns"] / 1e6 - waited_ms)
            for conn, waited_ms in told.items()
        ]
        assert sorted(errors)[TIMED - 1] <= JIFFY_MS + 5
        room = server.snapshot()["rooms"]["accept_queue"]
        assert room["p50_ms"] in told.values()
        assert room["p99_ms"] is None  # of so few


def test_each_of_twenty_that_send_at_once_is_timed_by_the_packet_that_came() -> None:
    """By receive time stamps; against the time at which each client had sent."""
    with blocked("polling", "--events", "-") as server, ExitStack() as clients:
        sent: dict[str, Doing] = {}
        for number in range(CLIENTS):
            client = clients.enter_context(Client(server.port))
            with Doing() as sends:
                client.ask("/")
            sent[client.name] = sends
            if number % 5 == 0:
                server.snapshot()  # so that they come some time apart
        told = wait_until(lambda: unread_of(server.events, sent), what="all waits")
        accepts = {e["conn"]: e for e in server.events if e["kind"] == "accept"}
        errors = [
            sent[accepts[conn]["note"]].misses_ms(recv["at_ns"] / 1e6 - unread_ms)
            for conn, (recv, unread_ms) in told.items()
        ]
        assert sorted(errors)[TIMED - 1] <= 1.0
        waits = [
            sent[e["note"]].wait_ms(e["at_ns"] / 1e6) for conn, e in accepts.items() if conn in told
        ]
        shortest, longest = (sorted(each) for each in zip(*waits, strict=True))
        middle = CLIENTS // 2  # of all; but the first client of all has not waited
        room = server.snapshot()["rooms"]["accept_queue"]
        assert shortest[middle - 1] - CLOSE_MS <= room["p50_ms"] <= longest[middle] + CLOSE_MS


def test_how_long_bytes_lay_unread_is_told_of_each_request() -> None:
    """In a loop that is blocked by another: by time stamps, within 1 ms of the client's clock."""
    with Serve("polling", "--events", "-") as server, ExitStack() as clients:
        asks, blocks = (clients.enter_context(Client(server.port)) for _ in range(2))
        asks.get("/")
        blocks.ask("/wait/2000")
        wait_until(holds(server, "handler", 1))
        with Doing() as asking:
            asks.ask("/")
        told = wait_until(lambda: unread_of(server.events, [asks.name], requests=2))
        ((recv, unread_ms),) = told.values()
        assert asking.misses_ms(recv["at_ns"] / 1e6 - unread_ms) <= 1.0


Told = dict[int, tuple[dict[str, Any], float]]


def unread_of(events: list[dict[str, Any]], names: Collection[str], requests: int = 1) -> Told:
    """conn -> its last recv, and for how many ms its bytes had been there, once clients with these names
    have made so many requests each; {} before."""
    conns = {e["conn"] for e in events if e["kind"] == "accept" and e["note"] in names}
    recvs = [e for e in events if e["kind"] == "recv" and e["conn"] in conns]
    if len(recvs) < requests * len(names):
        return {}
    last = {e["conn"]: e for e in recvs}  # the kernel may stamp nothing in the first milliseconds
    return {
        conn: (e, int(e["note"].removeprefix(UNREAD).split()[0]) / 1e3) for conn, e in last.items()
    }


def queued(events: list[dict[str, Any]], names: Collection[str]) -> dict[int, int]:
    """conn -> ms, once that is told of all clients with these names; {} before."""
    conns = {e["conn"] for e in events if e["kind"] == "accept" and e["note"] in names}
    told = {
        event["conn"]: int(event["note"].removeprefix(QUEUED).split()[0])
        for event in events
        if event["conn"] in conns and event["note"].startswith(QUEUED)
    }
    return told if len(told) == len(names) else {}
