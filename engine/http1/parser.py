"""Bytes -> requests, one at a time. No sockets, no clock.

llhttp (by way of httptools) reads the header fields. It is lenient where a server must not be, so
this file cuts the head out of the stream itself and judges it first: version 1.x, CRLF line ends,
limits; and then one Host, one way to tell where the content ends (body.py reads that). What a
stream means never depends on how the network cut it into pieces.
"""

from __future__ import annotations

import re
from urllib.parse import unquote_to_bytes

from httptools import HttpParserError, HttpParserUpgrade, HttpRequestParser

from engine.http1.body import ChunkedBody, SizedBody
from engine.http1.messages import Headers, Request
from engine.limits import Limits

METHODS = frozenset(
    ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT")
)  # another one is answered with 501; the site answers most of these with 405
_SELECTS = frozenset(
    (b"if-match", b"if-none-match", b"if-modified-since", b"if-unmodified-since", b"range")
)  # If-Range means nothing without Range

_TOKEN = rb"[!#$%&'*+.^_`|~0-9A-Za-z-]"
_TOKEN_BYTES = frozenset(byte for byte in range(128) if re.match(_TOKEN, bytes((byte,))))
_REQUEST_LINE = re.compile(rb"(" + _TOKEN + rb"+) ([!\"$-~]+) HTTP/([0-9])\.([0-9])\r")
_FIRST_WORDS = re.compile(rb"(" + _TOKEN + rb"{1,32}) ([!-~]*)")
_ABSOLUTE_FORM = re.compile(r"https?://([^/?]+)", re.IGNORECASE)
_BAD_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")
_BLANK_LINES = re.compile(rb"\A(?:\r\n)+")  # RFC 9112 2.2: some clients send them after a body
# RFC 3986 3.2.2, and no user before it: an "@" makes two readers see two hosts.
_HOST = re.compile(r"(?:\[[0-9A-Za-z:._~%-]+\]|[0-9A-Za-z._~!$&'()*+,;=%-]*)(?::[0-9]*)?")


class Incoming:
    """A request in the making: its head, and the content that still comes."""

    __slots__ = (
        "_body", "_fault", "_fields", "_keep_alive", "_method", "_minor", "_named", "_target",
        "expects_continue",
    )  # fmt: skip

    def __init__(self, method: str, target: str, minor: int, fault: int = 0) -> None:
        self._method = method
        self._target = target
        self._minor = minor
        self._fault = fault
        self._fields: list[tuple[bytes, bytes]] = []
        self._named: dict[bytes, list[bytes]] = {}  # lower-case name -> its values, in order
        self._body: SizedBody | ChunkedBody | None = None  # None: nothing follows the head
        self._keep_alive = False
        self.expects_continue = False

    @property
    def is_over(self) -> bool:
        return self._fault != 0 or self._body is None or self._body.is_complete

    def open(self, head: bytes, limits: Limits) -> None:
        """Read the complete head: everything up to and with its empty line."""
        try:
            HttpRequestParser(self).feed_data(head)
        except HttpParserUpgrade:
            pass  # it stops after the head, and so do we
        except HttpParserError:
            self._fault = 400
        self._fault = self._head_fault(limits)
        self._keep_alive = self._persists()

    def on_header(self, name: bytes, value: bytes) -> None:
        """Called by llhttp for each field."""
        value = value.rstrip(b" \t")
        self._fields.append((name, value))
        self._named.setdefault(name.lower(), []).append(value)

    def take(self, data: bytes) -> bytes:
        """Read what belongs to the content; return what comes after it."""
        if self._body is not None and not self._fault:
            data = self._body.take(data)
            self._fault = self._body.fault
        return data

    def head(self) -> Request:
        """The request without its content, for the question whether that is wanted."""
        path, query = _split_target(self._method, self._target) or ("", "")
        return Request(
            self._method, self._target, path, query, self._minor, False, tuple(self._fields), b"",
            expects_continue=True,
        )  # fmt: skip

    def finish(self) -> Request:
        """The whole request, or its refusal."""
        path, query = _split_target(self._method, self._target) or ("", "")
        if self._fault:
            return Request(
                self._method, self._target, path, query, self._minor, False, (), b"", self._fault
            )
        content = bytes(self._body.content) if self._body else b""
        is_plain = self._method in ("GET", "HEAD") and _SELECTS.isdisjoint(self._named)
        return Request(
            self._method, self._target, path, query, self._minor, self._keep_alive,
            tuple(self._fields), content, is_plain=is_plain,
        )  # fmt: skip

    def _head_fault(self, limits: Limits) -> int:
        if self._method not in METHODS:
            return 501
        return self._framing_fault(limits) or self._meaning_fault()

    def _framing_fault(self, limits: Limits) -> int:
        """Find out how the content ends, from what the head says of it (RFC 9112, 6.3)."""
        # Only this one word: proxies differ on what "chunked," or "gzip, chunked" means.
        codings = [value.lower() for value in self._named.get(b"transfer-encoding", ())]
        if not {b"chunked", b""}.issuperset(codings):
            return 501
        lengths = self._named.get(b"content-length")
        # llhttp asks most of these questions too, as it is built today.
        if self._fault or (codings and (codings != [b"chunked"] or self._minor == 0 or lengths)):
            return 400
        if codings:
            self._body = ChunkedBody(limits)
        elif lengths and (length := int(lengths[0])):  # llhttp takes one, of digits, of 64 bits
            if length > limits.body_bytes:
                return 413
            self._body = SizedBody(length)
        return self._expectation_fault()

    def _expectation_fault(self) -> int:
        """RFC 9110 10.1.1: what HTTP/1.0 expects does not count."""
        expected = set(self._listed(b"expect")) if self._minor else set()
        self.expects_continue = b"100-continue" in expected
        return 417 if expected - {b"100-continue"} else 0

    def _meaning_fault(self) -> int:
        """Judge Host (RFC 9112, 3.2) and the form of the target."""
        hosts = self._named.get(b"host", [])
        if len(hosts) > 1 or (not hosts and self._minor == 1):
            return 400
        if hosts and not _HOST.fullmatch(hosts[0].decode("latin-1")):
            return 400
        if _split_target(self._method, self._target) is None:
            return 400
        # RFC 9110 7.4: what is https must not be given to who asks for it in the clear.
        return 421 if self._target[:6].lower() == "https:" and self._method != "CONNECT" else 0

    def _persists(self) -> bool:
        """RFC 9112 9.3, in its order; and a tunnel is not ours to keep."""
        wishes = self._listed(b"connection")
        if b"close" in wishes or self._method == "CONNECT":
            return False
        return self._minor == 1 or b"keep-alive" in wishes

    def _listed(self, name: bytes) -> list[bytes]:
        """The members of a comma-separated field, in lower case."""
        values = b",".join(self._named.get(name, ())).lower().split(b",")
        return [member for value in values if (member := value.strip(b" \t"))]


def begin(unread: bytes, limits: Limits) -> tuple[Incoming | None, bytes]:
    """Cut one head off. None, and the bytes to keep, if it is neither complete nor hopeless."""
    unread = _BLANK_LINES.sub(b"", unread, count=1)
    end = unread.find(b"\r\n\r\n", 0, limits.head_bytes) + 4
    is_complete = end > 3
    head = unread[:end] if is_complete else unread[: limits.head_bytes]
    if fault := _early_fault(head, is_complete, limits):
        words = _FIRST_WORDS.match(head[: limits.line_bytes])
        method, target = words.groups() if words else (b"", b"")
        return Incoming(method.decode(), target.decode(), 1, fault), b""
    return (_opened(head, limits), unread[end:]) if is_complete else (None, unread)


def _early_fault(head: bytes, is_complete: bool, limits: Limits) -> int:
    """The status that a head earns as far as it has come, 0 for none.

    The questions stand in the order of the bytes that they look at: however the head is cut into
    pieces, the same one answers first.
    """
    if head in (b"", b"\r"):
        return 0
    if head[0] not in _TOKEN_BYTES:
        return 400
    line, newline, _ = head.partition(b"\n")
    if len(line.removesuffix(b"\r")) > limits.line_bytes:
        return 414
    words = _REQUEST_LINE.fullmatch(line)
    if newline and (words is None or words[3] != b"1"):
        return 505 if words else 400
    # A bare LF may end a line for this parser and not for a proxy before it: smuggling.
    if head.count(b"\n") != head.count(b"\r\n"):
        return 400
    if is_complete:
        return 431 if head.count(b"\n") - 2 > limits.fields else 0
    return 431 if len(head) >= limits.head_bytes else 0


def _opened(head: bytes, limits: Limits) -> Incoming:
    line = head[: head.index(b"\n")]
    words = _REQUEST_LINE.fullmatch(line)
    assert words is not None  # _early_fault has looked
    method, target, minor = words[1], words[2], min(int(words[4]), 1)
    incoming = Incoming(method.decode(), target.decode(), minor)
    # RFC 9110 2.5: a higher minor version is treated as the highest known; llhttp refuses it.
    incoming.open(b"%b %b HTTP/1.%d\r%b" % (method, target, minor, head[len(line) :]), limits)
    return incoming


def _split_target(method: str, target: str) -> tuple[str, str] | None:
    """Path and query of one of the four forms (RFC 9112, 3.2); None if it is none of them."""
    if method == "CONNECT":
        return ("", "") if _HOST.fullmatch(target) else None
    if target == "*" and method == "OPTIONS":
        return "*", ""
    absolute = _ABSOLUTE_FORM.match(target)
    if absolute and not _HOST.fullmatch(absolute[1]):
        return None
    path = raw_path(target)
    if not path.startswith("/"):
        return None
    return _decoded(path), target.partition("?")[2]


def addressed_fields(request: Request) -> Headers:
    """The fields of a request as an application is told them: where the target names a host, Host is
    ignored, and is that of the target (RFC 9112, 3.2.2)."""
    absolute = _ABSOLUTE_FORM.match(request.target)
    if absolute is None:
        return request.headers
    others = [field for field in request.headers if field[0].lower() != b"host"]
    return ((b"Host", absolute[1].encode()), *others)


def raw_path(target: str) -> str:
    """The path of a target, as it was sent."""
    if absolute := _ABSOLUTE_FORM.match(target):
        rest = target[absolute.end() :]
        target = rest if rest.startswith("/") else "/" + rest
    return target.partition("?")[0]


def _decoded(path: str) -> str:
    if _BAD_ESCAPE.search(path):
        return ""
    try:
        text = unquote_to_bytes(path).decode()
    except UnicodeDecodeError:
        return ""
    return "" if "\0" in text else text
