"""thread-pool: who waits in the queue of the server is seen there."""

import contextlib
from typing import Any

from tests.plain_client import Client, request
from tests.serve_driver import Serve
from tests.support import wait_until


def held(shot: dict[str, Any]) -> dict[str, int]:
    """How many are in each room that is not empty."""
    return {name: room["now"] for name, room in shot["rooms"].items() if room["now"]}


def test_silent_clients_hold_the_threads_and_the_others_wait_in_the_queue() -> None:
    with Serve("thread-pool", "--threads", "2") as server, contextlib.ExitStack() as stack:
        empty = {"now": 0, "longest_ms": 0.0, "p50_ms": None, "p99_ms": None}
        wait_until(  # the room is there as soon as a thread has told that it takes from the queue
            lambda: server.snapshot()["rooms"]["app_queue"] == empty, what="an empty queue"
        )
        silent = [stack.enter_context(Client(server.port)) for _ in range(2)]
        assert [client.get("/").status for client in silent] == [200, 200]
        waiting = [stack.enter_context(Client(server.port)) for _ in range(3)]
        for client in waiting:
            client.ask("/")
        # Their requests are unread as well, and wait in the queue: that is the room that they are in.
        shot = wait_until(
            lambda: s if held(s := server.snapshot()) == {"app_queue": 3, "idle": 2} else {},
            what="three in the queue, two idle",
        )
        assert shot["rooms"]["app_queue"]["longest_ms"] > 0
        assert shot["unread_bytes"] == 3 * len(request("/"))
        silent[0].socket.close()
        assert waiting[0].answer().status == 200  # first in, first out
        shot = wait_until(
            lambda: (s := server.snapshot())["rooms"]["app_queue"]["now"] == 2 and s,
            what="one less in the queue",
        )
        assert shot["rooms"]["app_queue"]["p50_ms"] is None  # of so few


def test_the_queue_is_emptied_before_the_model_leaves() -> None:
    with Serve("thread-pool", "--threads", "1") as server, contextlib.ExitStack() as stack:
        busy = stack.enter_context(Client(server.port))
        busy.ask("/wait/500")
        wait_until(lambda: server.snapshot()["rooms"]["handler"]["now"] == 1, what="it waits")
        queued = [stack.enter_context(Client(server.port)) for _ in range(5)]
        for client in queued:
            client.ask("/")
        wait_until(lambda: server.snapshot()["rooms"]["app_queue"]["now"] == 5, what="five queued")
        server.switch("thread")
        assert server.snapshot()["draining"] == 1
        answers = [client.answer() for client in (busy, *queued)]
        assert [answer.status for answer in answers] == [200] * 6
        assert {answer.headers["connection"] for answer in answers[1:]} == {"close"}
        shot = wait_until(lambda: (s := server.snapshot())["draining"] == 0 and s, what="gone")
        assert (shot["cut"], shot["illegal_steps"]) == (0, 0)
