"""One connection of the sustained load: a request at a time, its answer parsed by llhttp.

It tells its user when a request has ended; what is asked next, the user decides. Plain sockets: a
transport of the loop costs a short connection as much again as all the system calls that it needs.
"""

from __future__ import annotations

import asyncio
import errno
import os
import socket
from collections.abc import Callable
from typing import Protocol

import httptools

from engine.load import result
from engine.load.errors import kind_of
from engine.load.readiness import Readiness
from engine.load.target import Target

RECEIVE_BYTES = 65_536


class User(Protocol):
    """Whoever asks over a connection."""

    def connected(self) -> None:
        """It is open: the first request may be sent."""

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


class Page:
    """A path as it is asked for, and what its first answer looked like."""

    def __init__(self, request: bytes, *, verify: bool) -> None:
        self.request = request
        self._verify = verify
        self._first: bytes | None = None

    def accepts(self, body: list[bytes]) -> bool:
        """Whether a body is that of the first answer; its length the parser has checked."""
        if not self._verify:
            return True
        whole = b"".join(body)
        if self._first is None:
            self._first = whole
        return whole == self._first


class Connection:
    """From connect to close. Whoever closes it hears no more of it."""

    __slots__ = (
        *("asked", "is_over", "_body", "_first_data", "_has_writer", "_is_complete", "_is_kept"),
        *("_is_open", "_page", "_parser", "_schedule", "_socket", "_unsent", "_user"),
    )

    def __init__(self, user: User, schedule: Schedule) -> None:
        self._user = user
        self._schedule = schedule
        self._socket: socket.socket | None = None
        self._parser = httptools.HttpResponseParser(self)
        self._page: Page | None = None  # of the request on the way
        self._unsent = b""  # of that request
        self._body: list[bytes] = []
        self._first_data = b""  # of the answer that is coming
        self._is_complete = False
        self._is_kept = True
        self._is_open = self._has_writer = False
        self.asked = 0
        """Requests sent."""
        self.is_over = False

    def connect(self) -> None:
        """Begin; on this machine the kernel has often done its part of it when the call returns."""
        target = self._schedule.target
        family = socket.AF_INET6 if ":" in target.address else socket.AF_INET
        try:
            self._socket = socket.socket(family, socket.SOCK_STREAM)
            self._socket.setblocking(False)
            code = self._socket.connect_ex((target.address, target.port))
            if code not in (0, errno.EINPROGRESS):
                raise OSError(code, os.strerror(code))
        except OSError as error:
            self._lose(error)
            return
        try:
            self._socket.getpeername()
        except OSError:  # not yet, or never
            self._await_room(self._after_connect)
        else:
            self._begin(self._socket)

    def ask(self, page: Page) -> None:
        """Send a request."""
        self.asked += 1
        self._page = page
        self._unsent = page.request
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
            self._begin(self._socket)

    def _begin(self, connected: socket.socket) -> None:
        self._is_open = True
        self._schedule.readiness.watch(connected.fileno(), self._receive)
        self._user.connected()

    def _send(self) -> None:
        assert self._socket is not None
        self._has_room()
        try:
            sent = self._socket.send(self._unsent)
        except BlockingIOError:
            sent = 0
        except OSError:
            return  # what the server did, the end of its stream tells
        self._unsent = self._unsent[sent:]
        if self._unsent:
            self._await_room(self._send)

    def _receive(self) -> None:
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
        else:
            self._lose(None)

    def _take(self, data: bytes) -> None:
        self._user.received(len(data))
        if self._page is None:
            self._give_up(result.BAD_BODY)  # bytes that belong to no answer
            return
        if not self._first_data:
            self._first_data = data
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            self._give_up(result.BAD_BODY if self._is_complete else result.BAD_ANSWER)
            return
        if self._is_complete:
            self._finish()

    def _lose(self, error: OSError | None) -> None:
        """The connection is no more; without an error, the server has ended its stream."""
        self.close()
        if self._page is None and self._is_open:
            self._user.ended()
        elif self._page is not None and error is None and self._is_delimited_by_the_end():
            self._finish()
            self._user.ended()
        else:
            is_unanswered = self.asked > 1 and not self._first_data
            self._page = None
            self._user.failed(kind_of(error), may_retry=is_unanswered)

    # --- llhttp's --------------------------------------------------------------------------------

    def on_body(self, body: bytes) -> None:
        self._body.append(body)

    def on_message_complete(self) -> None:
        if self._parser.get_status_code() >= 200:  # 1xx: not the answer yet
            self._is_complete = True
            self._is_kept = self._parser.should_keep_alive()  # outside of here it misleads
        else:
            self._first_data = b""

    # --- the end of an answer --------------------------------------------------------------------

    def _finish(self) -> None:
        page, body = self._page, self._body
        assert page is not None
        self._page = None
        self._is_complete = False
        self._first_data = b""
        status = self._parser.get_status_code()
        if not 200 <= status < 400:
            kind = result.BAD_STATUS
        elif status == 200 and not page.accepts(body):
            kind = result.BAD_BODY
        else:
            kind = ""
        body.clear()
        if kind:
            self._user.failed(kind, may_retry=False)
        else:
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
