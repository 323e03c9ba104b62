"""Starts and ends of ASGI applications, without a model and without sockets."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from engine.handlers.asgi import AsgiServer

Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]


async def nothing() -> None:
    """What a model serves with."""


def live(app: Callable[..., Awaitable[None]]) -> None:
    server = AsgiServer("app:app", app, ("127.0.0.1", 80))
    server.start()
    server.run(nothing())


def test_one_that_takes_its_start_for_a_request_is_stopped_at_its_first_message() -> None:
    """It does not look at the type of its scope; all that comes behind would be done for nobody."""
    done: list[str] = []

    async def app(scope: dict[str, Any], receive: Receive, send: Send) -> None:
        done.append("asked")
        await send({"type": "http.response.start", "status": 200, "headers": []})
        done.append("answered")

    live(app)
    assert done == ["asked"]


def test_one_that_has_read_its_start_before_is_served_all_the_same(
    capfd: pytest.CaptureFixture[str],
) -> None:
    async def app(scope: dict[str, Any], receive: Receive, send: Send) -> None:
        assert (await receive())["type"] == "lifespan.startup"
        await send({"type": "http.response.start", "status": 200, "headers": []})

    live(app)
    said = capfd.readouterr().err
    assert said.startswith("the application is served without a start: RuntimeError: ")
    assert "'http.response.start'" in said
