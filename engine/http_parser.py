"""Bytes -> requests, one at a time. No sockets, no clock.

llhttp (by way of httptools) reads header fields and bodies. It is lenient where a server must not
be, so this file cuts the head out of the stream itself and judges it first: one Host, version 1.x,
CRLF line ends, limits, one way to tell where the body ends. What a stream means never depends on
how the network cut it into pieces.
"""

from __future__ import annotations

import re
from urllib.parse import unquote_to_bytes

from httptools import HttpParserError, HttpParserUpgrade, HttpRequestParser

from engine.http_messages import Request

HEAD_LIMIT_BYTES = 16 * 1024  # request line and fields; nginx allows 4 x 8 KiB, h11 16 KiB
TARGET_LIMIT_BYTES = 8 * 1024  # RFC 9112 3 asks for at least 8,000
BODY_LIMIT_BYTES = 1024 * 1024  # as sent, so with the framing of chunks; nginx has the same figure

METHODS = frozenset(
    ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT")
)  # another one is answered with 501; the site answers all but the first two with 405

_TOKEN = rb"[!#$%&'*+.^_`|~0-9A-Za-z-]"
_TOKEN_BYTES = frozenset(byte for byte in range(128) if re.match(_TOKEN, bytes((byte,))))
_REQUEST_LINE = re.compile(rb"(" + _TOKEN + rb"+) ([!\"$-~]+) HTTP/([0-9])\.([0-9])\r")
_FIRST_WORDS = re.compile(rb"(" + _TOKEN + rb"{1,32}) ([!-~]{0,%d})" % TARGET_LIMIT_BYTES)
_ABSOLUTE_FORM = re.compile(r"https?://[^/?]+", re.IGNORECASE)
_BAD_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")
_BLANK_LINES = re.compile(rb"\A(?:\r\n)+")  # RFC 9112 2.2: some clients send them after a body
_HOST = re.compile(rb"[0-9A-Za-z._~!$&'()*+,;=:%\[\]-]*")


class Incoming:
    """A request in the making, and what llhttp calls back with its parts."""

    __slots__ = (
        "_body", "_fault", "_has_head", "_headers", "_is_chunked", "_is_complete", "_keep_alive",
        "_left_bytes", "_method", "_minor", "_named", "_parser", "_target",
    )  # fmt: skip

    def __init__(self, method: str, target: str, minor: int, fault: int = 0) -> None:
        self._method = method
        self._target = target
        self._minor = minor
        self._fault = fault
        self._headers: list[tuple[bytes, bytes]] = []
        self._named: dict[bytes, list[bytes]] = {}  # lower-case name -> its values, in order
        self._body = bytearray()
        self._has_head = False
        self._is_complete = False
        self._is_chunked = False
        self._keep_alive = False
        self._left_bytes = 0  # of the body; for chunks, how many it may still grow by
        self._parser: HttpRequestParser | None = None

    @property
    def is_over(self) -> bool:
        return self._is_complete or self._fault != 0

    def open(self, head: bytes) -> None:
        """Read the complete head: everything up to and with its empty line."""
        self._parser = HttpRequestParser(self)
        self._feed(head)
        self._fault = self._head_fault()

    def take(self, data: bytes) -> bytes:
        """Read what belongs to the body; return what comes after it."""
        start = 0
        while start < len(data) and not self.is_over:
            stop = self._piece_end(data, start)
            self._feed(data[start:stop])
            self._left_bytes -= stop - start
            if self._left_bytes == 0 and not self.is_over:
                self._fault = 413
            start = stop
        return data[start:]

    def finish(self) -> Request:
        self._parser = None  # it holds this object's methods: without this, only gc would free them
        if self._fault:
            return _refusal(self._fault, self._method, self._target, self._minor)
        path, query = _split_target(self._method, self._target) or ("", "")
        return Request(
            self._method, self._target, path, query, self._minor, self._keep_alive,
            tuple(self._headers), bytes(self._body),
        )  # fmt: skip

    def on_header(self, name: bytes, value: bytes) -> None:
        # The trailer of a chunked body arrives here too: RFC 9110 6.5.1 forbids to merge it.
        if not self._has_head:
            value = value.rstrip(b" \t")
            self._headers.append((name, value))
            self._named.setdefault(name.lower(), []).append(value)

    def on_headers_complete(self) -> None:
        self._has_head = True

    def on_body(self, data: bytes) -> None:
        self._body += data

    def on_message_complete(self) -> None:
        # llhttp forgets the answer after this call, and misses "close" when 1.0 says both.
        assert self._parser is not None
        self._is_complete = True
        self._keep_alive = (
            self._parser.should_keep_alive()
            and b"close" not in self._listed(b"connection")
            and self._method != "CONNECT"
        )

    def _feed(self, data: bytes) -> None:
        assert self._parser is not None
        try:
            self._parser.feed_data(data)
        except HttpParserUpgrade:
            pass  # it stops after the head; what it has called back is all there is
        except HttpParserError:
            self._fault = 400

    def _piece_end(self, data: bytes, start: int) -> int:
        """Where to stop, so that llhttp never sees the first byte of the next request.

        A chunked body ends with a line end, but which one is only known when it has been read.
        """
        stop = min(len(data), start + self._left_bytes)
        if self._is_chunked:
            return data.find(b"\n", start, stop) + 1 or stop
        return stop

    def _head_fault(self) -> int:
        if self._method not in METHODS:
            return 501
        return self._framing_fault() or self._meaning_fault()

    def _framing_fault(self) -> int:
        """Judge how the head tells where the body ends (RFC 9112, 6.3)."""
        # Only this one word: proxies differ on what "chunked," or "gzip, chunked" means.
        codings = [value.lower() for value in self._values(b"transfer-encoding")]
        if not {b"chunked", b""}.issuperset(codings):
            return 501
        if self._fault or (codings and (codings != [b"chunked"] or self._minor == 0)):
            return 400
        if self._is_complete:
            return 0
        self._is_chunked = bool(codings)
        lengths = self._values(b"content-length")
        self._left_bytes = int(lengths[0]) if lengths else BODY_LIMIT_BYTES
        if self._left_bytes > BODY_LIMIT_BYTES:
            return 413
        return 417 if self._minor == 1 and b"100-continue" in self._listed(b"expect") else 0

    def _meaning_fault(self) -> int:
        """Judge Host (RFC 9112, 3.2) and the form of the target."""
        hosts = self._values(b"host")
        if len(hosts) > 1 or (not hosts and self._minor == 1):
            return 400
        if hosts and not _HOST.fullmatch(hosts[0]):
            return 400
        return 400 if _split_target(self._method, self._target) is None else 0

    def _values(self, name: bytes) -> list[bytes]:
        return self._named.get(name, [])

    def _listed(self, name: bytes) -> list[bytes]:
        """The members of a comma-separated field, in lower case."""
        parts = [part.strip(b" \t") for part in b",".join(self._values(name)).lower().split(b",")]
        return [part for part in parts if part]


def begin(unread: bytes) -> tuple[Incoming | None, bytes]:
    """Cut one head off. None, and the bytes to keep, if it is neither complete nor hopeless."""
    unread = _BLANK_LINES.sub(b"", unread, count=1)
    end = unread.find(b"\r\n\r\n", 0, HEAD_LIMIT_BYTES) + 4
    is_complete = end > 3
    head = unread[:end] if is_complete else unread[:HEAD_LIMIT_BYTES]
    if fault := _early_fault(head, is_complete):
        words = _FIRST_WORDS.match(head)
        method, target = words.groups() if words else (b"", b"")
        return Incoming(method.decode(), target.decode(), 1, fault), b""
    return (_opened(head), unread[end:]) if is_complete else (None, unread)


def _early_fault(head: bytes, is_complete: bool) -> int:
    """The status that a head earns as far as it has come, 0 for none.

    The questions stand in the order of the bytes that they look at: however the head is cut into
    pieces, the same one answers first.
    """
    if head in (b"", b"\r"):
        return 0
    if head[0] not in _TOKEN_BYTES:
        return 400
    line, newline, _ = head.partition(b"\n")
    target = line.partition(b" ")[2].partition(b" ")[0].rstrip(b"\r")
    if len(target) > TARGET_LIMIT_BYTES:
        return 414
    words = _REQUEST_LINE.fullmatch(line)
    if newline and (words is None or words[3] != b"1"):
        return 505 if words else 400
    # A bare LF may end a line for this parser and not for a proxy before it: smuggling.
    if head.count(b"\n") != head.count(b"\r\n"):
        return 400
    return 431 if len(head) >= HEAD_LIMIT_BYTES and not is_complete else 0


def _opened(head: bytes) -> Incoming:
    line = head[: head.index(b"\n")]
    words = _REQUEST_LINE.fullmatch(line)
    assert words is not None  # _early_fault has looked
    method, target, minor = words[1], words[2], min(int(words[4]), 1)
    incoming = Incoming(method.decode(), target.decode(), minor)
    # RFC 9110 2.5: a higher minor version is treated as the highest known; llhttp refuses it.
    incoming.open(b"%b %b HTTP/1.%d\r%b" % (method, target, minor, head[len(line) :]))
    return incoming


def _refusal(fault: int, method: str, target: str, minor: int) -> Request:
    path, query = _split_target(method, target) or ("", "")
    return Request(method, target, path, query, minor, False, (), b"", fault)


def _split_target(method: str, target: str) -> tuple[str, str] | None:
    """Path and query of one of the four forms (RFC 9112, 3.2); None if it is none of them."""
    if method == "CONNECT":
        return "", ""
    if target == "*" and method == "OPTIONS":
        return "*", ""
    if host := _ABSOLUTE_FORM.match(target):
        rest = target[host.end() :]
        target = rest if rest.startswith("/") else "/" + rest
    if not target.startswith("/"):
        return None
    path, _, query = target.partition("?")
    return _decoded(path), query


def _decoded(path: str) -> str:
    if _BAD_ESCAPE.search(path):
        return ""
    try:
        text = unquote_to_bytes(path).decode()
    except UnicodeDecodeError:
        return ""
    return "" if "\0" in text else text
