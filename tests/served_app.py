"""An application and one connection to it, without sockets; and what a client makes of the answers."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import h11

from engine.handlers.wsgi import WsgiServer
from engine.http1.conversation import Conversation
from engine.http1.messages import Piece
from engine.http1.stream import BodyBrokenError
from engine.serving.service import Service, Settings

TEXT = [("Content-Type", "text/plain")]
GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
App = Callable[[dict[str, Any], Any], Any]


@dataclass
class Told:
    """What a client has received."""

    raw: bytes
    is_broken: bool
    """The server gave up in the middle of the answer."""
    ended: bool
    """The connection is closed after it."""
    pieces: int = 0


class Served:
    """An application, and one connection to it."""

    def __init__(self, app: App, *, short: bool = False) -> None:
        settings = Settings(memoryview(bytearray(64 * 8)).cast("Q"))
        settings.set_mode(short=short)
        server = WsgiServer(app, ("127.0.0.1", 80), multithread=False, multiprocess=False)
        self.service = Service(settings, server.answer, lambda: None)
        self.talk = Conversation(settings)
        self.talk.peer = ("127.0.0.9", 4321)

    def wire(self, data: bytes = GET) -> Iterator[Piece]:
        """As a model does it."""
        for request in self.talk.receive(data):
            yield from self.talk.send(self.service.answer(request, self.talk.peer))
            if self.talk.ended:
                break

    def ask(self, data: bytes = GET) -> Told:
        pieces: list[bytes] = []
        is_broken = False
        try:
            for piece in self.wire(data):
                assert len(piece), "an empty piece would be taken for the end"
                pieces.append(bytes(piece))
        except BodyBrokenError:
            is_broken = True
        return Told(b"".join(pieces), is_broken, is_broken or self.talk.ended, len(pieces))


def read(told: Told, method: str = "GET") -> tuple[int, dict[str, str], bytes]:
    """What h11 makes of one answer: status, fields, body. It raises where something is missing."""
    client = h11.Connection(h11.CLIENT)
    client.send(h11.Request(method=method, target="/", headers=[("Host", "a")]))
    client.send(h11.EndOfMessage())
    client.receive_data(told.raw)
    if told.ended:
        client.receive_data(b"")
    head = client.next_event()
    assert isinstance(head, h11.Response)
    body = b""
    while not isinstance(event := client.next_event(), h11.EndOfMessage):
        assert isinstance(event, h11.Data), event
        body += event.data
    fields = {name.decode().lower(): value.decode("latin-1") for name, value in head.headers}
    return head.status_code, fields, body


def giving(*pieces: Any, status: Any = "200 OK", headers: Any = TEXT) -> App:
    """An application that returns an iterator of unknown length."""

    def app(environ: dict[str, Any], start_response: Any) -> Iterator[Any]:
        start_response(status, headers)
        return iter(pieces)

    return app
