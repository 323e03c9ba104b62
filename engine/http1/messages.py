"""Requests and responses: plain values, one of which serialises itself. No sockets, no clock."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import ClassVar

from engine.http1.dates import format_date

Headers = tuple[tuple[bytes, bytes], ...]
Piece = bytes | memoryview
"""What one send is given of a response."""
Peer = tuple[str, int]
"""Address and port of one end of a connection."""
NO_PEER = ("", 0)  # unknown, or not asked for
PIECE_BYTES = 64 * 1024  # a longer body is not copied behind its head, but sent in pieces of this


@dataclass(frozen=True, slots=True)
class Request:
    """One request, or the refusal of one.

    `method` and `target` are as received (latin-1) and not escaped for a terminal. `path` is the
    target's path, percent-decoded once as UTF-8; "" if that is impossible or gives a NUL.
    `query` is what follows "?", not decoded. `http_minor` is 1 for 1.1 and above.
    `keep_alive` is what the protocol says (RFC 9112, 9.3).
    `fault` is the status that bytes deserve which are no acceptable request: 400, 413, 414, 417,
    421, 431, 501 or 505; 0 means none. With a fault, `keep_alive` is False and the rest may be empty.
    `is_plain`: a GET or HEAD of the whole, with nothing that selects (If-Match and the like, Range).
    `expects_continue`: only the head has come, and the client waits for leave to send the content
    (RFC 9110, 10.1.1). Answered with CONTINUE, the request comes again, whole; any other answer is
    the final one, and ends the connection.
    """

    method: str
    target: str
    path: str
    query: str
    http_minor: int
    keep_alive: bool
    headers: Headers
    body: bytes
    fault: int = 0
    is_plain: bool = False
    expects_continue: bool = False


@dataclass(frozen=True, slots=True)
class Repeated:
    """A body of any length that takes no room: one pattern, of PIECE_BYTES, again and again."""

    pattern: bytes
    length: int

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, part: slice) -> memoryview:
        """A piece: at most PIECE_BYTES, from a multiple of them on."""
        return memoryview(self.pattern)[: min(part.stop, self.length) - part.start]

    def __bytes__(self) -> bytes:
        """All of it."""
        times = self.length // len(self.pattern) + 1
        return (self.pattern * times)[: self.length]


@dataclass(frozen=True, slots=True)
class LongWire:
    """The bytes of a response whose body is not copied behind its head. Iterated, it gives the pieces
    to send, each cut when it is asked for: those of a long file would fill memory."""

    head: bytes
    body: bytes | memoryview | Repeated

    @property
    def length(self) -> int:
        """In bytes."""
        return len(self.head) + len(self.body)

    def __iter__(self) -> Iterator[Piece]:
        yield self.head
        body = self.body if isinstance(self.body, Repeated) else memoryview(self.body)
        for start in range(0, len(body), PIECE_BYTES):
            yield body[start : start + PIECE_BYTES]


@dataclass(slots=True)
class Response:
    """An answer, not to be changed once made: it remembers the bytes it was serialised to.

    `at_s` is the Unix second in which it was made, for the Date field. `wait_s` is the time that
    the model lets pass before it sends. `headers` come after the fields made here
    (Date, Content-Type, Content-Length, Connection). `is_last`: the connection ends with it.
    `failure` says what the application did that is answered so.
    """

    status: int
    content_type: str
    body: bytes | memoryview | Repeated
    at_s: int
    wait_s: float = 0.0
    headers: tuple[tuple[str, str], ...] = ()
    is_last: bool = False
    failure: str = ""
    _wires: dict[tuple[bool, bool], tuple[bytes] | LongWire] = field(
        default_factory=dict, repr=False, compare=False
    )
    more: ClassVar[None] = None
    """To be awaited before the next piece; see StreamedResponse."""
    is_over: ClassVar[bool] = True
    """No piece waits for an application."""

    def wire(self, keep_alive: bool, head_only: bool) -> tuple[bytes] | LongWire:
        """The bytes to send, in pieces: one for all but a long body, which is not copied: however
        many clients are slow to take it, it stands in memory once. `head_only` (for HEAD) leaves out
        the body and nothing else.

        ValueError: a header holds a line end.
        """
        try:
            return self._wires[keep_alive, head_only]
        except KeyError:
            return self._make_wire(keep_alive, head_only)

    def _make_wire(self, keep_alive: bool, head_only: bool) -> tuple[bytes] | LongWire:
        head = self._head(keep_alive)
        body = b"" if head_only or self._has_no_body() else self.body
        # A view may be of a mapped file, which only send() may touch (handlers/site.py).
        is_apart = len(body) > PIECE_BYTES or (body and isinstance(body, memoryview))
        made = LongWire(head, body) if is_apart else (head + bytes(body),)
        self._wires[keep_alive, head_only] = made
        return made

    def _has_no_body(self) -> bool:
        return self.status in (204, 304) or self.status < 200

    def _head(self, keep_alive: bool) -> bytes:
        status_line = f"HTTP/1.1 {self.status} {reason_of(self.status)}"
        if self.status < 200:  # an interim answer: the fields are those of the final one
            return f"{status_line}\r\n\r\n".encode("latin-1")
        lines = [status_line, f"Date: {format_date(self.at_s)}"]
        if self.content_type:
            lines.append(f"Content-Type: {self.content_type}")
        # RFC 9110 8.6: 204 must not carry a length; that of 304 would be the length of the 200.
        if not self._has_no_body():
            lines.append(f"Content-Length: {len(self.body)}")
        # A client of HTTP/1.0 keeps the connection only if it is told so.
        lines.append("Connection: keep-alive" if keep_alive else "Connection: close")
        lines.extend(f"{name}: {value}" for name, value in self.headers)
        if any("\r" in line or "\n" in line for line in lines):
            raise ValueError(f"a header holds a line end: {self.headers!r}")
        return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


CONTINUE = Response(100, "", b"", 0)
"""The interim answer to a request that expects it: send the content."""


# RFC 9110 has new names, and the library only from Python 3.13 on.
_REASONS = {413: "Content Too Large", 414: "URI Too Long", 416: "Range Not Satisfiable"}


def reason_of(status: int) -> str:
    """The phrase behind a status."""
    try:
        return _REASONS.get(status) or HTTPStatus(status).phrase
    except ValueError:
        return "Unknown"
