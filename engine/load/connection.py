"""One connection of the sustained load: a request at a time, its answer parsed by llhttp.

It tells its user when a request has ended; what is asked next, the user decides. Plain sockets: a
transport of the loop costs a short connection as much again as all the system calls that it needs.
"""

from __future__ import annotations

import asyncio
import errno
import os
import socket
import time
from collections.abc import Callable
from typing import Protocol

import httptools

from engine.load import result
from engine.load.errors import kind_of
from engine.load.page import Page
from engine.load.readiness import Readiness
from engine.load.target import Target

RECEIVE_BYTES = 65_536
STREAM = socket.SOCK_STREAM | getattr(socket, "SOCK_NONBLOCK", 0)  # set at once, where that can be


class User(Protocol):
    """Whoever asks over a connection."""

    def connected(self, at_ns: int) -> None:
        """It was open at this instant, at which its first request began to be sent."""

    def answered(self) -> None:
        """The request on the way got its good answer."""

    def failed(self, kind: str, *, may_retry: bool) -> None:
        """It did not; `may_retry` where RFC 9112, 9.3.1 lets a client repeat it."""

    def ended(self) -> None:
        """The connection is no more, and no request was on the way."""

    def received(self, count: int) -> None:
        """So many bytes came."""


class Schedule(Protocol):
    """What all connections of a run have in common."""

    target: Target
    loop: asyncio.AbstractEventLoop
    readiness: Readiness


class Connection:
    """From connect to close. Whoever closes it hears no more of it."""

    __slots__ = (
        *(
            "asked",
            "is_over",
            "_body",
            "_first_data",
            "_has_surplus",
            "_has_writer",
            "_is_complete",
        ),
        *("_is_kept", "_is_open", "_page", "_parser", "_schedule", "_socket", "_unsent", "_user"),
    )

    def __init__(self, user: User, schedule: Schedule) -> None:
        self._user = user
        self._schedule = schedule
        # What socket.socket is made of: its Python side costs as much as all that is done here.
        self._socket: socket.SocketType | None = None
        self._parser: httptools.HttpResponseParser | None = None  # made when it is needed
        self._page: Page | None = None  # of the request on the way
        self._unsent = b""  # of that request
        self._body: list[bytes] = []
        self._first_data = b""  # of the answer that is coming
        self._is_complete = self._has_surplus = False
        self._is_kept = True
        self._is_open = self._has_writer = False
        self.asked = 0
        """Requests sent."""
        self.is_over = False

    def connect(self, page: Page) -> None:
        """Begin, and send the first request as soon as it may be.

        On this machine the kernel has mostly done its part when the call returns: send() tells.
        """
        target = self._schedule.target
        family = socket.AF_INET6 if ":" in target.address else socket.AF_INET
        self._page, self._unsent = page, page.request
        try:
            new = self._socket = socket.SocketType(family, STREAM)
            if STREAM == socket.SOCK_STREAM:
                new.setblocking(False)
            code = new.connect_ex((target.address, target.port))
            if code not in (0, errno.EINPROGRESS):
                raise OSError(code, os.strerror(code))
            at_ns = time.monotonic_ns()
            sent = new.send(page.request)
        except BlockingIOError:  # not yet, or never
            self._await_room(self._after_connect)
        except OSError as error:
            self._lose(error)
        else:
            self._begin(new, at_ns)
            if sent != len(page.request):
                self._has_sent(sent)

    def ask(self, page: Page) -> None:
        """Send another request."""
        self.asked += 1
        self._page, self._unsent = page, page.request
        self._send()

    @property
    def is_kept(self) -> bool:
        """Another request may be sent over it: the server has not said that it closes."""
        return self._is_kept and not self.is_over

    def close(self) -> None:
        """If the server has not: we close first, and keep TIME_WAIT."""
        if self._socket is not None and not self.is_over:
            self._has_room()
            self._schedule.readiness.forget(self._socket.fileno())
            self._socket.close()
        self.is_over = True

    # --- what the kernel tells -------------------------------------------------------------------

    def _await_room(self, write: Callable[[], None]) -> None:
        assert self._socket is not None
        self._has_writer = True
        self._schedule.loop.add_writer(self._socket.fileno(), write)

    def _has_room(self) -> None:
        if self._has_writer:
            assert self._socket is not None
            self._has_writer = False
            self._schedule.loop.remove_writer(self._socket.fileno())

    def _after_connect(self) -> None:
        assert self._socket is not None
        self._has_room()
        code = self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if code:
            self._lose(OSError(code, os.strerror(code)))
        else:
            self._begin(self._socket, time.monotonic_ns())
            self._send()

    def _begin(self, connected: socket.SocketType, at_ns: int) -> None:
        self._is_open = True
        self.asked = 1
        self._schedule.readiness.watch(connected.fileno(), self._receive)
        self._user.connected(at_ns)

    def _send(self) -> None:
        assert self._socket is not None
        self._has_room()
        try:
            sent = self._socket.send(self._unsent)
        except BlockingIOError:
            sent = 0
        except OSError:
            return  # what the server did, the end of its stream tells
        self._has_sent(sent)

    def _has_sent(self, count: int) -> None:
        self._unsent = self._unsent[count:]
        if self._unsent:
            self._await_room(self._send)

    def _receive(self, has_ended: bool) -> None:
        """`has_ended`: the server has sent its last byte."""
        assert self._socket is not None
        try:
            data = self._socket.recv(RECEIVE_BYTES)
        except BlockingIOError:
            return
        except OSError as error:
            self._lose(error)
            return
        if data:
            self._take(data)
            if has_ended and len(data) < RECEIVE_BYTES and not self.is_over:
                self._lose(None)  # that was all of it
        else:
            self._lose(None)

    def _take(self, data: bytes) -> None:
        self._user.received(len(data))
        page = self._page
        if page is None:
            self._give_up(result.BAD_BODY)  # bytes that belong to no answer
        elif data == page.known and not self._first_data:
            self._is_kept = page.known_is_kept
            self._page = None
            self._user.answered()
        else:
            self._parse(data)

    def _parse(self, data: bytes) -> None:
        if self._parser is None:
            self._parser = httptools.HttpResponseParser(self)
        if not self._first_data:
            self._first_data = data
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            self._give_up(result.BAD_BODY if self._is_complete else result.BAD_ANSWER)
            return
        if self._has_surplus:
            self._give_up(result.BAD_BODY)
        elif self._is_complete:
            self._finish(data)

    def _lose(self, error: OSError | None) -> None:
        """The connection is no more; without an error, the server has ended its stream."""
        self.close()
        if self._page is None and self._is_open:
            self._user.ended()
        elif self._page is not None and error is None and self._is_delimited_by_the_end():
            self._finish(b"")
            self._user.ended()
        else:
            is_unanswered = self.asked > 1 and not self._first_data
            self._page = None
            self._user.failed(kind_of(error), may_retry=is_unanswered)

    # --- llhttp's --------------------------------------------------------------------------------

    def on_message_begin(self) -> None:
        self._has_surplus = self._is_complete  # of two, one was not asked for

    def on_body(self, body: bytes) -> None:
        self._body.append(body)

    def on_message_complete(self) -> None:
        assert self._parser is not None
        if self._parser.get_status_code() >= 200:  # 1xx: not the answer yet
            self._is_complete = True
            self._is_kept = self._parser.should_keep_alive()  # outside of here it misleads
        else:
            self._first_data = b""

    # --- the end of an answer --------------------------------------------------------------------

    def _finish(self, last_data: bytes) -> None:
        page, body = self._page, self._body
        assert page is not None
        assert self._parser is not None
        is_in_one_piece = self._first_data is last_data
        self._page = None
        self._is_complete = False
        self._first_data = b""
        status = self._parser.get_status_code()
        if not 200 <= status < 400:
            kind = result.bad_status(status)
        elif status == 200 and not page.accepts(body):
            kind = result.BAD_BODY
        else:
            kind = ""
        body.clear()
        if kind:
            self._user.failed(kind, may_retry=False)
            return
        if is_in_one_piece:
            page.known, page.known_is_kept = last_data, self._is_kept
        self._user.answered()

    def _is_delimited_by_the_end(self) -> bool:
        """An answer without a length ends with its connection (RFC 9112, 6.3)."""
        head, end, _ = self._first_data.partition(b"\r\n\r\n")
        names = {line.partition(b":")[0].lower() for line in head.split(b"\r\n")[1:]}
        return bool(end) and not names & {b"content-length", b"transfer-encoding"}

    def _give_up(self, kind: str) -> None:
        """What comes next would be read as an answer to another request."""
        self.close()
        if self._page is None:
            self._user.ended()
            return
        self._page = None
        self._user.failed(kind, may_retry=False)
