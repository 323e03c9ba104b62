"""Requests -> an ASGI application -> answers (ASGI 3, HTTP 2.3).

Each call of it (asgi_call.py) is a task beside the model's coroutine, and both run in one loop, in which
it has started (lifespan.py).
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from time import time
from typing import Any
from urllib.parse import unquote

from engine.handlers.application import CannotRunError
from engine.handlers.asgi_call import Application, Call, Message
from engine.handlers.lifespan import VERSIONS, Lifespan
from engine.handlers.site import page
from engine.http1.messages import CONTINUE, Peer, Request, Response
from engine.http1.parser import addressed_fields, raw_path
from engine.http1.stream import StreamedResponse, WholeResponse
from engine.serving.departure import Departure

WEBSOCKET = (b"upgrade", b"websocket")


class AsgiServer:
    """An application, its life and what it is told of the server. All in one thread."""

    def __init__(self, name: str, application: Application, address: Peer) -> None:
        self._name = name
        self._application = application
        self._address = address
        self._state: dict[str, Any] = {}
        self._calls: set[Call] = set()  # the loop itself does not keep their tasks alive
        self._runner = asyncio.Runner()
        self._lifespan = Lifespan(application, self._state)

    def start(self) -> None:
        """Let the application start up. Raises CannotRunError."""
        if reason := self._runner.run(self._lifespan.start()):
            raise CannotRunError(f"--app {self._name}: its startup failed: {reason}")

    def run(self, serving: Coroutine[Any, Any, None]) -> None:
        """Serve to the end in the loop in which the application has started; then shut it down."""
        with self._runner:
            self._runner.run(serving)
            self._runner.run(self._lifespan.stop())

    async def answer(
        self, request: Request, peer: Peer, departure: Departure
    ) -> Response | StreamedResponse | WholeResponse:
        """The application's answer, up to the first piece of its body. Raises what it raises;
        ClientGoneError when it made none for one that is gone."""
        if request.fault or request.method == "CONNECT":
            return page(request.fault or 501, "The request was not understood.", int(time()))
        if request.expects_continue:
            return CONTINUE  # the application is called with the content
        scope = self.scope(request, peer)
        if WEBSOCKET in scope["headers"]:
            return _refuse_websocket(scope["path"])
        loop = asyncio.get_running_loop()
        call = Call(request, departure, loop)
        call.task = loop.create_task(call.run(self._application, scope, self._calls))
        self._calls.add(call)
        await call.more()
        return call.answer()

    def scope(self, request: Request, peer: Peer) -> Message:
        """What the application is told of a request."""
        path = raw_path(request.target)
        return {
            "type": "http",
            "asgi": VERSIONS,
            "http_version": f"1.{request.http_minor}",
            "method": request.method,
            "scheme": "http",
            "path": unquote(path, errors="replace"),
            "raw_path": path.encode("latin-1"),
            "query_string": request.query.encode("latin-1"),
            "root_path": "",
            "headers": [(name.lower(), value) for name, value in addressed_fields(request)],
            "client": peer,
            "server": self._address,
            "state": self._state.copy(),
        }


def _refuse_websocket(path: str) -> Response:
    """Not left to the application: it would look for a page of this name, and say 404."""
    why = "WebSocket is not spoken here, only HTTP"
    response = page(501, f"{why}.", int(time()))
    response.failure = f"{why}: asked for at {path}"
    return response
