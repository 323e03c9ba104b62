"""One connection of the sustained load: a request at a time, its answer parsed by llhttp.

It tells its user when a request has ended; what is asked next, the user decides.
"""

from __future__ import annotations

import asyncio
from typing import Protocol, cast

import httptools

from engine.load import result
from engine.load.errors import kind_of

EXPECTED_MOST_BYTES = 1_000_000  # of a body that the others of its path are compared with


class User(Protocol):
    """Whoever asks over a connection."""

    def answered(self) -> None:
        """The request on the way got its good answer."""

    def failed(self, kind: str, *, may_retry: bool) -> None:
        """It did not; `may_retry` where RFC 9112, 9.3.1 lets a client repeat it."""

    def ended(self) -> None:
        """The connection is no more, and no request was on the way."""

    def received(self, count: int) -> None:
        """So many bytes came."""


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


class Connection(asyncio.Protocol):
    """From connect to close."""

    def __init__(self, user: User) -> None:
        self._user = user
        self._transport: asyncio.Transport | None = None
        self._parser = httptools.HttpResponseParser(self)
        self._page: Page | None = None  # of the request on the way
        self._body: list[bytes] = []
        self._first_data = b""  # of the answer that is coming
        self._is_complete = False
        self._is_kept = True
        self.asked = 0
        """Requests sent."""
        self.is_over = False
        self._is_forgotten = False

    def ask(self, page: Page) -> None:
        """Send a request."""
        assert self._transport is not None
        self.asked += 1
        self._page = page
        self._transport.write(page.request)

    @property
    def is_kept(self) -> bool:
        """Another request may be sent over it: the server has not said that it closes."""
        return self._is_kept and not self.is_over

    def close(self) -> None:
        """We close first, and keep TIME_WAIT."""
        self.is_over = True
        if self._transport is not None:
            self._transport.close()

    def abort(self) -> None:
        """Close at once, whatever is still to be sent."""
        self.is_over = True
        if self._transport is not None:
            self._transport.abort()

    def forget(self) -> None:
        """Close at once, and tell nothing more: its user may have another by then."""
        self._is_forgotten = True
        self.abort()

    # --- asyncio's -------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        if self._is_forgotten:
            return
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

    def eof_received(self) -> bool:
        return False  # the transport closes; connection_lost follows

    def connection_lost(self, exc: Exception | None) -> None:
        self.is_over = True
        if self._is_forgotten:
            return
        if self._page is None:
            self._user.ended()
        elif exc is None and self._is_delimited_by_the_end():
            self._finish()
            self._user.ended()
        else:
            is_unanswered = self.asked > 1 and not self._first_data
            self._page = None
            self._user.failed(kind_of(exc), may_retry=is_unanswered)

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
        if self._page is None:
            self.abort()
            return
        self._page = None
        self.forget()
        self._user.failed(kind, may_retry=False)
