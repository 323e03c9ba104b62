"""Requests -> an ASGI application -> answers (ASGI 3, HTTP 2.3, lifespan 2.0).

The application runs in a task of its own beside the model's coroutine, and both in one loop. It holds
one piece at a time: its `send` waits until the piece before has been taken.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Generator
from time import time
from typing import Any
from urllib.parse import unquote

from engine.application import CannotRunError
from engine.departure import Departure
from engine.failures import print_failure
from engine.http_fields import Fields, read_headers
from engine.http_messages import CONTINUE, PIECE_BYTES, Peer, Request, Response, reason_of
from engine.http_parser import raw_path
from engine.http_stream import ClientGoneError, StreamedResponse
from engine.site import page

Message = dict[str, Any]
Application = Callable[..., Awaitable[None]]
SHUTDOWN_S = 5.0  # for the application's own end, after the last connection's
VERSIONS = {"version": "3.0", "spec_version": "2.3"}


class AsgiServer:
    """An application, its life and what it is told of the server. All in one thread."""

    def __init__(self, name: str, application: Application, address: Peer) -> None:
        self._name = name
        self._application = application
        self._address = address
        self._state: dict[str, Any] = {}
        self._calls: set[asyncio.Task[None]] = set()  # the loop itself does not keep them alive
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
    ) -> Response | StreamedResponse:
        """The application's answer, up to the first piece of its body. Raises what it raises;
        ClientGoneError when it made none for one that is gone."""
        if request.fault or request.method == "CONNECT":
            return page(request.fault or 501, "The request was not understood.", int(time()))
        if request.expects_continue:
            return CONTINUE  # the application is called with the content
        call = Call(request, departure)
        task = asyncio.create_task(call.run(self._application, self.scope(request, peer)))
        self._calls.add(task)
        task.add_done_callback(self._calls.discard)
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
            "headers": [(name.lower(), value) for name, value in request.headers],
            "client": peer,
            "server": self._address,
            "state": self._state.copy(),
        }


class Call:
    """One call of the application: its messages on one side, pieces of an answer on the other."""

    def __init__(self, request: Request, departure: Departure) -> None:
        self._request = request
        self._departure = departure
        self._is_read = False
        self._status = 0
        self._length: int | None = None
        self._fields: Fields = []
        self._piece = b""
        self._is_complete = False
        self._is_done = False
        self._error: BaseException | None = None
        self._made = asyncio.Event()  # there is a piece, or none will come
        self._taken = asyncio.Event()
        self._over = asyncio.Event()  # nobody takes any more, or the client sends no more
        self._is_gone = False  # nobody takes any more
        departure.tell = self._over.set
        if departure.has_come:
            self._over.set()

    # --- the application's side -------------------------------------------------------------------

    async def run(self, application: Application, scope: Message) -> None:
        """To its end, which may come long after that of the answer."""
        try:
            await application(scope, self._receive, self._send)
        except ClientGoneError:
            pass  # it need not mind
        except BaseException as error:  # also SystemExit, which would end the loop
            if self._is_complete or self._is_gone:
                print_failure(error)  # there is no answer any more that could tell it
            self._error = error
        finally:
            self._is_done = True
            self._made.set()

    async def _receive(self) -> Message:
        if not self._is_read:
            self._is_read = True
            return {"type": "http.request", "body": self._request.body, "more_body": False}
        await self._over.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message: Message) -> None:
        kind = message["type"]
        if kind == "http.response.start" and not self._status:
            self._start(message)
        elif kind == "http.response.body" and self._status and not self._is_complete:
            body = bytes(message.get("body", b""))
            # Cut here, so that each piece taken is one send: the next may be long in coming.
            for start in range(0, len(body), PIECE_BYTES):
                await self._give(body[start : start + PIECE_BYTES])
            if not message.get("more_body", False):
                self._is_complete = True
                self._made.set()
        else:
            raise RuntimeError(f"the application sent {kind!r:.80}, which cannot follow here")

    def _start(self, message: Message) -> None:
        status = message["status"]
        if not isinstance(status, int) or not 200 <= status <= 599:
            raise ValueError(f"no status of an answer: {status!r:.80}")
        pairs = [
            (bytes(name).decode("latin-1"), bytes(value).decode("latin-1"))
            for name, value in message.get("headers", ())
        ]
        self._length, self._fields = read_headers(pairs)
        self._status = status

    async def _give(self, piece: bytes) -> None:
        if self._request.method == "HEAD":
            return  # nobody is to get it
        while self._piece and not self._is_gone:
            self._taken.clear()
            await self._taken.wait()
        if self._is_gone:
            raise ClientGoneError("the client is gone")
        self._piece = piece
        self._made.set()

    # --- the model's side -------------------------------------------------------------------------

    async def more(self) -> None:
        """Wait until the application has made a piece, or will make none."""
        await self._made.wait()

    def answer(self) -> StreamedResponse:
        """After the first `more`. Raises what the application raised, if it was before any piece."""
        pieces = self._pieces()
        next(pieces)
        if self._length is None and self._is_complete and self._request.method != "HEAD":
            self._length = len(self._piece)
        return StreamedResponse(
            status=self._status,
            reason=reason_of(self._status),
            headers=tuple(self._fields),
            length=self._length,
            pieces=pieces,
            at_s=int(time()),
            is_chunked=self._request.http_minor > 0,
            more=self.more,
        )

    def _pieces(self) -> Generator[bytes, None, None]:
        """Begins with an empty one: a generator that has not begun would not notice its end."""
        try:
            if not self._piece and not self._is_complete:
                raise self._failure()
            yield b""
            while self._piece:
                piece, self._piece = self._piece, b""
                if not (self._is_complete or self._is_done):
                    self._made.clear()
                self._taken.set()
                yield piece
            if not self._is_complete:
                raise self._failure()
        finally:
            self._is_gone = True
            self._over.set()
            self._taken.set()

    def _failure(self) -> BaseException:
        if self._error is None and self._departure.has_come:
            return ClientGoneError("the client is gone")
        return self._error or RuntimeError("the application returned amid its answer")


class Lifespan:
    """The application's start and end, for those that know of them."""

    def __init__(self, application: Application, state: dict[str, Any]) -> None:
        self._application = application
        self._state = state
        self._reason = ""
        self._is_told = False
        self._started = asyncio.Event()
        self._leaving = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> str:
        """Why it could not; "" when it has, or does not know of lifespans (and says so by failing)."""
        self._task = asyncio.create_task(self._run())
        await self._started.wait()
        return self._reason

    async def stop(self) -> None:
        """Let it shut down, for a bounded while."""
        self._leaving.set()
        if self._task is not None:
            await asyncio.wait({self._task}, timeout=SHUTDOWN_S)

    async def _run(self) -> None:
        scope = {"type": "lifespan", "asgi": VERSIONS, "state": self._state}
        try:
            await self._application(scope, self._receive, self._send)
        except BaseException as error:
            if self._leaving.is_set():
                print_failure(error)
        finally:
            self._started.set()

    async def _receive(self) -> Message:
        if not self._is_told:
            self._is_told = True
            return {"type": "lifespan.startup"}
        await self._leaving.wait()
        return {"type": "lifespan.shutdown"}

    async def _send(self, message: Message) -> None:
        if message["type"] == "lifespan.startup.failed":
            # Starlette sends a whole traceback: its last line says what.
            lines = str(message.get("message", "")).strip().splitlines()
            self._reason = lines[-1] if lines else "it did not say why"
        elif message["type"] == "lifespan.shutdown.failed":
            print_failure(f"the application's shutdown failed: {message.get('message', '')}")
        self._started.set()
