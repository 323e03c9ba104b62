"""Crowds, in every model: more connects than the accept queue holds, and clients that say nothing."""

import contextlib
import selectors
import socket

import pytest

from engine.models import MODELS
from tests.serve_driver import Client, Serve, request
from tests.support import wait_until

BACKLOG, CROWD = 30, 100  # fewer than process has room for
FLOOD_S = 15  # a SYN that finds no room is sent again after a second, and may find none again
IDLE_S = 1.0


@pytest.mark.parametrize("model", list(MODELS))
def test_a_flood_of_connects_beyond_the_backlog_is_served(model: str) -> None:
    with Serve(model, "--backlog", str(BACKLOG)) as server, Client(server.port) as friend:
        friend.ask("/burn/300")  # where one thread does all, nobody is accepted meanwhile
        assert answered(server.port, CROWD) == CROWD
        assert friend.answer().status == 200
        assert friend.get("/").status == 200
        wait_until(lambda: server.snapshot()["open"] == 1, what="all others closed")
        shot = server.snapshot()
        assert (shot["refused"], shot["illegal_steps"], shot["lost"]) == (0, 0, 0)


@pytest.mark.parametrize("model", list(MODELS))
def test_a_crowd_that_sends_nothing_hurts_nobody_and_is_closed(model: str) -> None:
    with (
        Serve(model, f"--idle-timeout={IDLE_S}") as server,
        contextlib.ExitStack() as stack,
    ):
        crowd = [stack.enter_context(Client(server.port)) for _ in range(CROWD)]
        wait_until(lambda: server.snapshot()["open"] == CROWD, what="all of them accepted")
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
