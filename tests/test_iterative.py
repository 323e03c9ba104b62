"""iterative: one connection at a time, and everybody else waits for it."""

import time

from tests.plain_client import Client, request
from tests.serve_driver import Serve
from tests.support import wait_until

IDLE_S = 0.8


def test_a_silent_client_stops_everybody_until_its_idle_time_is_over() -> None:
    with (
        Serve("iterative", "--idle-timeout", str(IDLE_S)) as server,
        Client(server.port) as first,
        Client(server.port) as second,
    ):
        began_s = time.monotonic()
        assert first.get("/").headers["connection"] == "keep-alive"
        second.ask("/")
        wait_until(
            lambda: server.snapshot()["rooms"]["accept_queue"]["now"] == 1, what="the second waits"
        )
        assert server.snapshot()["open"] == 1
        assert second.answer().status == 200
        assert time.monotonic() - began_s > IDLE_S * 0.9
        assert first.rest() == b""


def test_a_switch_comes_when_the_client_that_is_served_has_ended() -> None:
    """It gets one more answer, with which its connection ends; who waits is the next model's."""
    with (
        Serve("iterative") as server,
        Client(server.port) as first,
        Client(server.port) as second,
    ):
        first.get("/")
        second.send(request("/"))
        server.command("model thread")
        wait_until(lambda: first.get("/").headers["connection"] == "close", what="its last answer")
        assert second.answer().headers["connection"] == "keep-alive"
        server.wait_for_model("thread")
