"""Answers whose bodies an application makes piece by piece. No sockets, no clock.

Each piece is sent before the next one is made, so that an answer of any length takes the memory of
one. Where the body ends is told by Content-Length, by chunks (RFC 9112, 7.1), or, to a client of
HTTP/1.0, by the end of the connection.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Generator, Iterator
from dataclasses import dataclass
from typing import ClassVar

from engine.failures import in_one_line, print_failure
from engine.http1.dates import format_date
from engine.http1.messages import PIECE_BYTES, Piece

LAST_CHUNK = b"0\r\n\r\n"


class BodyBrokenError(ConnectionError):
    """The body ended before its time, and the head that promised more is sent.

    An OSError, as if the connection had broken: the model closes it, and the client sees that
    something is missing. Another answer would be taken for the rest of this one.
    """


class ClientGoneError(ConnectionError):
    """The client is gone, and the application has stopped making the answer: no fault of its own."""


@dataclass(slots=True)
class StreamedResponse:
    """An answer to one request, and to no other. `wire` may be asked for once.

    `reason` is the phrase behind the status. `length` is that of the body; None: not known before
    its end. `pieces` are the body, none of them empty; a generator that has begun, and so will tidy
    up even if nobody asks for the rest. `is_chunked`: the client reads chunks (HTTP/1.1). `closes`: the
    application wants the connection to end with it.
    """

    status: int
    reason: str
    headers: tuple[tuple[str, str], ...]
    length: int | None
    pieces: Generator[bytes, None, None]
    at_s: int
    is_chunked: bool
    closes: bool = False
    more: Callable[[], Awaitable[None]] | None = None
    """Where the application is a coroutine: to be awaited after each piece, before the next is asked for."""
    is_over: bool = False
    """Whether the last piece of the wire is made."""

    wait_s: ClassVar[float] = 0.0
    failure: ClassVar[str] = ""

    @property
    def has_body(self) -> bool:
        """Whether it has one, of whatever length."""
        return _has_body(self.status)

    @property
    def is_last(self) -> bool:
        """Whether the connection ends with it: perhaps only that tells where the body ends."""
        return self.closes or (self.has_body and self.length is None and not self.is_chunked)

    def wire(self, keep_alive: bool, head_only: bool) -> Iterator[Piece]:
        """The bytes to send, each piece made when it is asked for.

        BodyBrokenError: the application failed, or gave less than the length that it had announced.
        """
        framing = ""
        if self.has_body and self.length is not None:
            framing = f"Content-Length: {self.length}"
        elif self.has_body and self.is_chunked:
            framing = "Transfer-Encoding: chunked"
        head = _head(self, framing, keep_alive)
        if head_only or not self.has_body:
            return self._bodiless(head)
        framed = self._chunks() if self.length is None else self._measured(self.length)
        return _behind(head, framed)

    def _bodiless(self, head: bytes) -> Iterator[Piece]:
        self.pieces.close()
        self.is_over = True
        yield head

    def _measured(self, length: int) -> Iterator[Piece]:
        """What exceeds the length is cut: the client would take it for the next answer."""
        missing = length
        self.is_over = not missing
        for piece in self._made():
            if not missing:
                self.pieces.close()
                print_failure(f"the application gave more than its Content-Length {length}: cut")
                return
            piece = piece[:missing]
            missing -= len(piece)
            self.is_over = not missing
            yield piece
        if missing:
            raise _broken(f"the application gave {missing} bytes less than its Content-Length")

    def _chunks(self) -> Iterator[Piece]:
        if not self.is_chunked:
            yield from self._made()
            self.is_over = True
            return
        for piece in self._made():
            for start in range(0, len(piece), PIECE_BYTES):
                part = piece[start : start + PIECE_BYTES]
                yield b"%x\r\n%b\r\n" % (len(part), part)
        self.is_over = True
        yield LAST_CHUNK

    def _made(self) -> Iterator[bytes]:
        while True:
            try:
                piece = next(self.pieces)
            except StopIteration:
                return
            except ClientGoneError:
                raise
            except BaseException as error:  # also SystemExit: it is not the server's to obey
                print_failure(error)
                raise BodyBrokenError(in_one_line(error)) from error
            yield piece


@dataclass(slots=True)
class WholeResponse:
    """An answer whose body is all there when its head is made, as those of coroutines that send one
    piece. The fields are those of StreamedResponse."""

    status: int
    reason: str
    headers: tuple[tuple[str, str], ...]
    body: bytes
    at_s: int

    wait_s: ClassVar[float] = 0.0
    failure: ClassVar[str] = ""
    more: ClassVar[None] = None
    is_over: ClassVar[bool] = True
    is_last: ClassVar[bool] = False

    def wire(self, keep_alive: bool, head_only: bool) -> tuple[bytes]:
        """The bytes to send."""
        has_body = _has_body(self.status)
        length = f"Content-Length: {len(self.body)}" if has_body else ""
        head = _head(self, length, keep_alive)
        return (head + self.body,) if has_body and not head_only else (head,)


def _has_body(status: int) -> bool:
    """RFC 9110 6.4.1: the others end with their head."""
    return status not in (204, 304)


def _head(answer: StreamedResponse | WholeResponse, framing: str, keep_alive: bool) -> bytes:
    """`framing` is the field that tells where the body ends; "" where none does."""
    lines = [f"HTTP/1.1 {answer.status} {answer.reason}"]
    if not any(name.lower() == "date" for name, _ in answer.headers):
        lines.append(f"Date: {format_date(answer.at_s)}")
    lines += [f"{name}: {value}" for name, value in answer.headers]
    if framing:
        lines.append(framing)
    lines.append("Connection: keep-alive" if keep_alive else "Connection: close")
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


def _behind(head: bytes, framed: Iterator[Piece]) -> Iterator[Piece]:
    """The head and a short first piece go together: each send costs a system call."""
    first = next(framed, b"")
    if len(first) > PIECE_BYTES:
        yield head
        yield first
    else:
        yield head + bytes(first)
    yield from framed


def _broken(reason: str) -> BodyBrokenError:
    print_failure(reason)
    return BodyBrokenError(reason)
