"""Crowds, in every model: more connects than the accept queue holds, and clients that say nothing."""

import contextlib
import selectors
import socket
from collections.abc import Callable

import psutil
import pytest

from engine.models import MODELS
from tests.plain_client import Client, request
from tests.serve_driver import FEW_AT_A_TIME, Serve
from tests.support import wait_until
from tests.terminal_driver import Dashboard

BACKLOG, CROWD = 30, 100  # fewer than process has room for
FLOOD_S = 15  # a SYN that finds no room is sent again after a second, and may find none again
IDLE_S = 1.0
SLOW, HEAD_S = 1_000, 4.0
STARVED = {"iterative", "thread-pool"}  # by slow heads: that is how they fail
CLIENT_BYTES = 100_000  # of memory for each, the stack of its thread included


@pytest.mark.parametrize("model", [model for model in MODELS if model != "iterative"])
def test_a_flood_of_connects_beyond_the_backlog_is_served(model: str) -> None:
    with Serve(model, "--backlog", str(BACKLOG)) as server, Client(server.port) as friend:
        friend.ask("/burn/300")  # where one thread does all, nobody is accepted meanwhile
        assert answered(server.port, CROWD) == CROWD
        assert friend.answer().status == 200
        assert friend.get("/").status == 200
        wait_until(lambda: server.snapshot()["open"] == 1, what="all others closed")
        shot = server.snapshot()
        assert (shot["refused"], shot["illegal_steps"], shot["lost"]) == (0, 0, 0)


@pytest.mark.parametrize("model", [model for model in MODELS if model not in FEW_AT_A_TIME])
def test_a_crowd_that_sends_nothing_hurts_nobody_and_is_closed(model: str) -> None:
    with (
        Serve(model, f"--idle-timeout={IDLE_S}") as server,
        contextlib.ExitStack() as stack,
    ):
        crowd = [stack.enter_context(Client(server.port)) for _ in range(CROWD)]
        wait_until(lambda: server.snapshot()["accepted"] == CROWD, what="all of them accepted")
        with Client(server.port) as friend:
            assert friend.get("/", close=True).status == 200
        assert [client.rest() for client in crowd] == [b""] * CROWD
        wait_until(lambda: server.snapshot()["open"] == 0, what="all of them closed")
        assert server.snapshot()["illegal_steps"] == 0


def answered(port: int, number: int) -> int:
    """Connect so many clients at once, none waiting for another; how many were answered 200."""
    with contextlib.ExitStack() as stack, selectors.DefaultSelector() as selector:
        for _ in range(number):
            client = stack.enter_context(socket.socket())
            client.setblocking(False)
            client.connect_ex(("127.0.0.1", port))
            selector.register(client, selectors.EVENT_WRITE)
        met: list[bytes] = []

        def all_met() -> bool:
            for key, events in selector.select(0):
                met.extend(follow(selector, key.fileobj, events))
            return len(met) == number

        wait_until(all_met, FLOOD_S, "an answer for each client")
    return sum(answer.startswith(b"HTTP/1.1 200 ") for answer in met)


def follow(selector: selectors.BaseSelector, client: object, events: int) -> list[bytes]:
    """The next step of one client; at the end, its answer."""
    assert isinstance(client, socket.socket)
    if events & selectors.EVENT_WRITE:
        client.send(request("/", close=True))
        selector.modify(client, selectors.EVENT_READ)
        return []
    selector.unregister(client)
    return [client.recv(64)]


@pytest.mark.slow
@pytest.mark.parametrize("model", [model for model in MODELS if model not in STARVED])
def test_a_thousand_slow_heads_leave_the_others_alone_and_are_told_408(model: str) -> None:
    with (
        Serve(model, f"--head-timeout={HEAD_S}", "--backlog", "2048") as server,
        contextlib.ExitStack() as stack,
    ):
        number = min(SLOW, wait_until(lambda: server.snapshot()["cap"], what="the cap") - 1)
        engine = psutil.Process(server.snapshot()["engine_pid"])
        before = engine.memory_info().rss
        crowd = [stack.enter_context(Client(server.port, timeout_s=30)) for _ in range(number)]
        for client in crowd:
            client.send(b"GET / HTTP/1.1\r\nX-Slow: ")
        with Client(server.port, timeout_s=30) as friend:  # behind the crowd in the accept queue
            assert [friend.get("/").status for _ in range(20)] == [200] * 20
        assert engine.memory_info().rss - before < number * CLIENT_BYTES
        assert [client.answer().status for client in crowd] == [408] * number
        assert [client.rest() for client in crowd] == [b""] * number
        wait_until(lambda: server.snapshot()["open"] == 0, what="all of them closed")
        shot = server.snapshot()
        assert (shot["refused"], shot["illegal_steps"]) == (0, 0)


def test_the_dashboard_says_how_many_were_answered_503(require_tool: Callable[[str], str]) -> None:
    require_tool("tmux")
    cap = 5
    with (
        Dashboard("epoll", 120, 40, "--max-connections", str(cap)) as dashboard,
        contextlib.ExitStack() as stack,
    ):
        for _ in range(CROWD):
            stack.enter_context(Client(dashboard.port))
        dashboard.wait_for(f"{CROWD - cap} clients were answered 503: the cap of {cap} connections")
        dashboard.wait_for(f"refused {CROWD - cap}")
