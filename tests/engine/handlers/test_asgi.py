"""An ASGI application and one connection to it, without a model and without sockets."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from engine.handlers.asgi import AsgiServer
from engine.http1.conversation import Conversation
from engine.serving.departure import Departure

Send = Callable[[dict[str, Any]], Awaitable[None]]
Headers = list[tuple[bytes, bytes]]
GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"


class Mode:
    keep_alive = True


def ask(app: Callable[..., Awaitable[None]], data: bytes = GET) -> tuple[bytes, bool]:
    """The answer to one request, and whether the connection ends with it."""
    server = AsgiServer("app:app", app, ("127.0.0.1", 80))
    talk = Conversation(Mode())
    (request,) = talk.receive(data)

    async def converse() -> bytes:
        wire = b""
        answer = await server.answer(request, ("127.0.0.9", 4321), Departure())
        for piece in talk.send(answer):
            wire += piece
            if answer.more is not None:
                await answer.more()
        return wire

    return asyncio.run(converse()), talk.ended


def giving(*headers: tuple[bytes, bytes]) -> Callable[..., Awaitable[None]]:
    """An application that answers with these fields."""

    async def app(scope: dict[str, Any], receive: object, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b"hello"})

    return app


def test_what_is_the_servers_to_say_is_left_out() -> None:
    """The specification lets an application send Transfer-Encoding, and the server must ignore it;
    event streams of frameworks send Connection."""
    wire, ended = ask(
        giving((b"Transfer-Encoding", b"chunked"), (b"connection", b"keep-alive"), (b"x", b"y"))
    )
    head, _, body = wire.partition(b"\r\n\r\n")
    assert (body, ended) == (b"hello", False)
    fields = head.split(b"\r\n")[1:]
    assert {b"x: y", b"Content-Length: 5", b"Connection: keep-alive"} <= set(fields)
    assert len(fields) == 4  # and Date


def test_it_may_end_the_connection() -> None:
    wire, ended = ask(giving((b"Connection", b"close")))
    assert ended
    assert wire.count(b"Connection: close\r\n") == wire.lower().count(b"connection:") == 1


def test_the_host_is_that_of_the_target_where_it_names_one() -> None:
    seen: Headers = []

    async def app(scope: dict[str, Any], receive: object, send: Send) -> None:
        seen.extend(scope["headers"])
        await giving()(scope, receive, send)

    ask(app, b"GET http://target:8/ HTTP/1.1\r\nX-A: b\r\nHost: other\r\n\r\n")
    assert seen == [(b"host", b"target:8"), (b"x-a", b"b")]
