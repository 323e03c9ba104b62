"""A crowd in the accept queue of a model with one thread: let in a few at a time, and the others have
their turn meanwhile. The engine is held by SIGSTOP until all of them wait."""

import contextlib
from collections.abc import Iterator

import psutil
import pytest

from tests.plain_client import Client
from tests.serve_driver import Serve
from tests.support import wait_until

CROWD = 600
OPTIONS = ("--events", "-", "--backlog", "1024")
LOOPS = ("gevent", "polling", "asyncio", "select", "poll", "epoll", "epoll-edge", "generators")
DEAR_TURNS = ("select", "poll")
"""Loops of which a turn looks at every socket: in a crowd they let in several."""


@contextlib.contextmanager
def a_crowd_waits(server: Serve) -> Iterator[None]:
    """Held as long as the context lasts; then all are accepted."""
    with contextlib.ExitStack() as stack:
        engine = psutil.Process(server.snapshot()["engine_pid"])
        before = server.snapshot()["accepted"]
        engine.suspend()
        try:
            for _ in range(CROWD):
                stack.enter_context(Client(server.port))
            yield
        finally:
            engine.resume()
        wait_until(
            lambda: server.snapshot()["accepted"] == before + CROWD, what="all of them accepted"
        )


@pytest.mark.parametrize("model", LOOPS)
def test_who_has_asked_is_answered_before_a_crowd_is_all_let_in(model: str) -> None:
    with Serve(model, *OPTIONS) as server, Client(server.port) as friend:
        friend.get("/")
        with a_crowd_waits(server):
            friend.ask("/")
        friend.answer()
        answered_ns = wait_until(
            lambda: [one["at_ns"] for one in server.story_so_far(friend) if one["kind"] == "send"][
                1:
            ],
            what="the answer told",
        )[0]
        let_in = [
            one for one in server.events if one["kind"] == "accept" and one["at_ns"] < answered_ns
        ]
        assert len(let_in) < CROWD / 2


@pytest.mark.parametrize("model", DEAR_TURNS)
def test_a_crowd_is_let_in_within_few_turns(model: str) -> None:
    def wakeups() -> int:
        (worker,) = server.snapshot()["workers"]
        return int(worker["wakeups"])

    with Serve(model, *OPTIONS) as server:
        with Client(server.port) as first:
            first.get("/")
        before = wait_until(lambda: server.snapshot()["workers"] and wakeups(), what="a turn told")
        with a_crowd_waits(server):
            pass
        assert wakeups() - before < CROWD / 2
