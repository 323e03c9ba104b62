"""Bytes for the tests of the HTTP core, and a conversation that reads them."""

from collections.abc import Iterable

from engine.http1 import conversation as http1
from engine.http1.conversation import Conversation
from engine.http1.messages import Request, Response
from engine.limits import DEFAULT_LIMITS, Limits

HOST = b"Host: a\r\n"
GET = b"GET / HTTP/1.1\r\n" + HOST + b"\r\n"
POST = b"POST /form HTTP/1.1\r\n" + HOST + b"Content-Length: 3\r\n\r\nabc"
CHUNKED = (
    b"POST /c HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\n"
    b"4;x=y\r\na\r\nb\r\n3\r\n\n\n\n\r\n0\r\nTrailer: t\r\n\r\n"
)
LAST = b"GET /last HTTP/1.1\r\n" + HOST + b"Connection: close\r\n\r\n"


class Mode:
    """A policy that a test can change."""

    keep_alive = True


def conversation(*, keep_alive: bool = True, limits: Limits = DEFAULT_LIMITS) -> Conversation:
    mode = Mode()
    mode.keep_alive = keep_alive
    return Conversation(mode, limits)


def feed(pieces: Iterable[bytes], limits: Limits = DEFAULT_LIMITS) -> list[Request]:
    talk = conversation(limits=limits)
    return [request for piece in pieces for request in talk.receive(piece)]


def read(data: bytes, tail: bytes = b"") -> list[Request]:
    """The requests in `data`: the same whole, byte by byte, from the memo, and before a tail."""
    http1._memos.clear()
    whole = feed([data])
    assert feed([data]) == whole
    assert feed(data[i : i + 1] for i in range(len(data))) == whole
    http1._memos.clear()
    assert feed([data + tail])[: len(whole)] == whole
    assert feed([data, tail])[: len(whole)] == whole
    return whole


def get(line: bytes, *fields: bytes) -> bytes:
    return b"\r\n".join([line, *fields, b"", b""])


FAULTS = {
    b"\x16\x03\x01\x02\x00": 400,  # the first bytes of TLS
    b"\n": 400,
    b"GET /x\n": 400,
    b"GET /x\r\n": 400,  # HTTP/0.9
    b"GET  /x HTTP/1.1\r\n": 400,
    b"GET /x  HTTP/1.1\r\n": 400,
    b"GET /x HTTP/1.1 \r\n": 400,
    b"GET /x http/1.1\r\n": 400,
    b"GET /\x80 HTTP/1.1\r\n": 400,
    b"GET /#part HTTP/1.1\r\n": 400,
    b"GET /x HTTP/1.1\n" + HOST + b"\r\n": 400,
    b"GET /x HTTP/1.1\r\nHost: a\n": 400,
    b"GET /x\nHost: a HTTP/1.1\r\n\r\n": 400,  # llhttp issue 877
    get(b"GET x HTTP/1.1", b"Host: a"): 400,
    get(b"GET * HTTP/1.1", b"Host: a"): 400,
    get(b"GET ftp://a/ HTTP/1.1", b"Host: a"): 400,
    get(b"GET / HTTP/1.1"): 400,
    get(b"GET / HTTP/1.1", b"Host: a", b"host: a"): 400,
    get(b"GET / HTTP/1.0", b"Host: a", b"host: a"): 400,
    get(b"GET / HTTP/1.1", b"Host: a/b"): 400,
    get(b"GET / HTTP/1.1", b"Host: a b"): 400,
    get(b"GET / HTTP/1.1", b"Host : a"): 400,
    get(b"GET / HTTP/1.1", b" Host: a"): 400,
    get(b"GET / HTTP/1.1", b"Host: a", b" folded"): 400,
    get(b"GET / HTTP/1.1", b"Host: a", b"X: a\rb"): 400,
    get(b"GET / HTTP/1.1", b"Host: a", b"X: \0"): 400,
    get(b"GET / HTTP/1.1", b"Host: a", b"X: \a"): 400,
    get(b"GET / HTTP/1.1", b"Host: a", b"no colon"): 400,
    get(b"GET / HTTP/1.1", b"Host: a", b": no name"): 400,
    get(b"POST / HTTP/1.1", b"Host: a", b"Content-Length: +3"): 400,
    get(b"POST / HTTP/1.1", b"Host: a", b"Content-Length: 0x3"): 400,
    get(b"POST / HTTP/1.1", b"Host: a", b"Content-Length: -1"): 400,
    get(b"POST / HTTP/1.1", b"Host: a", b"Content-Length:"): 400,
    get(b"POST / HTTP/1.1", b"Host: a", b"Content-Length: 3, 3"): 400,
    get(b"POST / HTTP/1.1", b"Host: a", b"Content-Length: 3", b"Content-Length: 3"): 400,
    get(b"POST / HTTP/1.1", b"Host: a", b"Content-Length: 3", b"Transfer-Encoding: chunked"): 400,
    get(b"POST / HTTP/1.1", b"Host: a", b"Transfer-Encoding: chunked", b"Content-Length: 3"): 400,
    get(b"POST / HTTP/1.1", b"Host: a", b"Transfer-Encoding: chunked, chunked"): 400,
    get(b"POST / HTTP/1.0", b"Host: a", b"Transfer-Encoding: chunked"): 400,
    get(b"POST / HTTP/1.1", b"Host: a", b"Transfer-Encoding: chunked") + b"0x1\r\n": 400,
    get(b"POST / HTTP/1.1", b"Host: a", b"Transfer-Encoding: chunked") + b"+1\r\n": 400,
    get(b"POST / HTTP/1.1", b"Host: a", b"Transfer-Encoding: chunked") + b"1\na": 400,
    get(b"POST / HTTP/1.1", b"Host: a", b"Transfer-Encoding: chunked") + b"1\r\nab": 400,
    get(b"POST / HTTP/1.1", b"Host: a", b"Content-Length: 1048577"): 413,
    get(b"POST / HTTP/1.1", b"Host: a", b"Content-Length: 1048577", b"Expect: 100-continue"): 413,
    get(b"POST / HTTP/1.1", b"Host: a", b"Content-Length: 3", b"Expect: 100-continue, x"): 417,
    get(b"GET / HTTP/1.1", b"Host: a", b"Expect: tea"): 417,
    get(b"GET http://user@a/ HTTP/1.1", b"Host: a"): 400,
    get(b"GET / HTTP/1.1", b"Host: a:b"): 400,
    get(b"CONNECT /path HTTP/1.1", b"Host: a"): 400,
    get(b"POST / HTTP/1.1", b"Host: a", b"Transfer-Encoding: gzip"): 501,
    get(b"POST / HTTP/1.1", b"Host: a", b"Transfer-Encoding: gzip, chunked"): 501,
    get(b"POST / HTTP/1.1", b"Host: a", b"Transfer-Encoding: xchunked"): 501,
    get(b"POST / HTTP/1.1", b"Host: a", b"Transfer-Encoding: ,chunked"): 501,
    get(b"POST / HTTP/1.1", b"Host: a", b"Transfer-Encoding: chunked,"): 400,
    get(b"POST / HTTP/1.1", b"Host: a", b"Transfer-Encoding:"): 400,
    get(b"get / HTTP/1.1", b"Host: a"): 501,
    get(b"BREW / HTTP/1.1", b"Host: a"): 501,
    get(b"PRI / HTTP/1.1", b"Host: a"): 501,  # llhttp accepts it, and then waits for ever
    get(b"DESCRIBE / HTTP/1.1", b"Host: a"): 501,
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n": 505,
    get(b"GET / HTTP/2.0", b"Host: a"): 505,
    get(b"GET / HTTP/0.9", b"Host: a"): 505,
}


EXPECTING = get(b"GET /e HTTP/1.1", b"Host: a", b"Expect: 100-Continue", b"Content-Length: 3")


def head_of(size: int) -> bytes:
    start = b"GET / HTTP/1.1\r\nHost: a\r\nX: "
    return start + b"x" * (size - len(start) - 4) + b"\r\n\r\n"


DAY_S = 784_111_777  # Sun, 06 Nov 1994 08:49:37 GMT, the example of RFC 9110


def page(body: bytes = b"hello", status: int = 200) -> Response:
    return Response(status, "text/plain", body, DAY_S, headers=(("X-A", "b"),))
