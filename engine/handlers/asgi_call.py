"""One call of an ASGI application, in a task of its own beside the model's coroutine.

It holds one piece at a time: its `send` waits until the piece before has been taken.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable, Generator
from time import time
from typing import Any

from engine.failures import print_failure
from engine.handlers.fields import HOP_BY_HOP, Fields, read_headers
from engine.handlers.forked import end_copy
from engine.http1.messages import PIECE_BYTES, Request, reason_of
from engine.http1.stream import ClientGoneError, StreamedResponse, WholeResponse
from engine.serving.departure import Departure

Message = dict[str, Any]
Application = Callable[..., Awaitable[None]]


def _tell_nobody() -> None:
    """The application has returned."""


class Call:
    """One call of the application: its messages on one side, pieces of an answer on the other.

    What either side waits for is a flag, and something to be woken by once one does wait: as a rule
    nobody has to, or once.
    """

    __slots__ = (
        "_closes", "_departure", "_error", "_fields", "_has_news", "_is_complete", "_is_done", "_is_gone",
        "_is_over", "_is_read", "_length", "_loop", "_news", "_over", "_piece", "_request", "_status",
        "_taken", "task",
    )  # fmt: skip

    def __init__(
        self, request: Request, departure: Departure, loop: asyncio.AbstractEventLoop
    ) -> None:
        self._request = request
        self._departure = departure
        self._loop = loop
        self._is_read = False
        self._status = 0
        self._length: int | None = None
        self._fields: Fields = []
        self._closes = False
        self._piece = b""
        self._is_complete = False
        self._is_done = False
        self._error: BaseException | None = None
        self._is_gone = False  # nobody takes any more
        self._has_news = False  # there is a piece, or none will come
        self._news: asyncio.Future[None] | None = None
        self._taken: asyncio.Event | None = None
        self._is_over = departure.has_come  # nobody takes any more, or the client sends no more
        self._over: asyncio.Event | None = None
        self.task: asyncio.Task[None] | None = None
        departure.tell = self._end

    # --- the application's side -------------------------------------------------------------------

    async def run(self, application: Application, scope: Message, calls: set[Call]) -> None:
        """To its end, which may come long after that of the answer; then it is none of the `calls`."""
        pid = os.getpid()
        try:
            await application(scope, self._receive, self._send)
        except ClientGoneError:
            pass  # it need not mind
        except BaseException as error:  # also SystemExit, which would end the loop
            end_copy(pid, error)
            if self._is_complete or self._is_gone:
                print_failure(error)  # there is no answer any more that could tell it
            self._error = error
        finally:
            end_copy(pid)
            self._is_done = True
            self._tell_news()
            calls.discard(self)
            # The connection keeps its departure, which would keep this, and what an error holds.
            self._departure.tell = _tell_nobody

    async def _receive(self) -> Message:
        if not self._is_read:
            self._is_read = True
            return {"type": "http.request", "body": self._request.body, "more_body": False}
        if not self._is_over:
            self._over = self._over or asyncio.Event()
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
                self._tell_news()
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
        # ASGI, unlike WSGI, lets an application send these, and the server must ignore them. That the
        # connection is to end may be said: it is the only one of them that is the application's to know.
        mine = [pair for pair in pairs if pair[0].lower() not in HOP_BY_HOP]
        if len(mine) < len(pairs):
            said = ((name.lower(), value.lower()) for name, value in pairs)
            self._closes = ("connection", "close") in said
        self._length, self._fields = read_headers(mine)
        self._status = status

    async def _give(self, piece: bytes) -> None:
        if self._request.method == "HEAD":
            return  # nobody is to get it
        while self._piece and not self._is_gone:
            self._taken = self._taken or asyncio.Event()
            self._taken.clear()
            await self._taken.wait()
        if self._is_gone:
            raise ClientGoneError("the client is gone")
        self._piece = piece
        self._tell_news()

    def _tell_news(self) -> None:
        self._has_news = True
        news, self._news = self._news, None
        if news is not None and not news.done():
            news.set_result(None)

    # --- the model's side -------------------------------------------------------------------------

    async def more(self) -> None:
        """Wait until the application has made a piece, or will make none."""
        if not self._has_news:
            self._news = self._loop.create_future()
            await self._news

    def answer(self) -> StreamedResponse | WholeResponse:
        """After the first `more`. Raises what the application raised, if it was before any piece."""
        is_all = self._is_complete and self._length in (None, len(self._piece)) and not self._closes
        if is_all and self._request.method != "HEAD":
            return self._whole()
        pieces = self._pieces()
        next(pieces)
        return StreamedResponse(
            status=self._status,
            reason=reason_of(self._status),
            headers=tuple(self._fields),
            length=self._length,
            pieces=pieces,
            at_s=int(time()),
            is_chunked=self._request.http_minor > 0,
            closes=self._closes,
            more=self.more,
        )

    def _whole(self) -> WholeResponse:
        """The application has said all before anybody asked."""
        self._is_gone = True
        self._end()
        return WholeResponse(
            status=self._status,
            reason=reason_of(self._status),
            headers=tuple(self._fields),
            body=self._piece,
            at_s=int(time()),
        )

    def _end(self) -> None:
        """Nobody takes any more, or the client sends no more: who waits for messages is told."""
        self._is_over = True
        if self._over is not None:
            self._over.set()

    def _pieces(self) -> Generator[bytes, None, None]:
        """Begins with an empty one: a generator that has not begun would not notice its end."""
        try:
            if not self._piece and not self._is_complete:
                raise self._failure()
            yield b""
            while self._piece:
                piece, self._piece = self._piece, b""
                self._has_news = self._is_complete or self._is_done
                if self._taken is not None:
                    self._taken.set()
                yield piece
            if not self._is_complete:
                raise self._failure()
        finally:
            self._is_gone = True
            self._end()
            if self._taken is not None:
                self._taken.set()

    def _failure(self) -> BaseException:
        if self._error is None and self._departure.has_come:
            return ClientGoneError("the client is gone")
        return self._error or RuntimeError("the application returned amid its answer")
