"""What bytes mean as requests, and what responses look like as bytes."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from email.utils import formatdate
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine import http1
from engine.http1 import Conversation
from engine.http_dates import format_date, parse_date
from engine.http_messages import CONTINUE, Request, Response
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


@contextmanager
def without_memo() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(http1, "_memos", {})
        patch.setattr(http1, "MEMO_LIMIT_BYTES", -1)
        yield


# --- requests ---


def test_a_plain_get() -> None:
    assert read(GET, tail=GET) == [
        Request("GET", "/", "/", "", 1, True, ((b"Host", b"a"),), b"", is_plain=True),
    ]


@pytest.mark.parametrize(
    ("target", "path", "query"),
    [
        (b"/", "/", ""),
        (b"/a/b?c=d?e&f=%20", "/a/b", "c=d?e&f=%20"),
        (b"/a%20b%2Fc", "/a b/c", ""),
        (b"/%C3%A9", "/é", ""),
        (b"/%252e", "/%2e", ""),
        (b"/%00", "", ""),
        (b"/%ff", "", ""),
        (b"/%zz", "", ""),
        (b"/%", "", ""),
        (b"//x", "//x", ""),
        (b"http://a/b?c", "/b", "c"),
        (b"HTTP://a:80?c", "/", "c"),
        (b"https://[::1]:80", "/", ""),
    ],
)
def test_the_target_gives_path_and_query(target: bytes, path: str, query: str) -> None:
    (request,) = read(get(b"GET " + target + b" HTTP/1.1", b"Host: a"))
    assert (request.target, request.path, request.query) == (target.decode(), path, query)
    assert request.fault == 0


def test_the_forms_that_belong_to_one_method() -> None:
    (options,) = read(get(b"OPTIONS * HTTP/1.1", b"Host: a"))
    assert (options.path, options.fault) == ("*", 0)
    (connect,) = read(get(b"CONNECT a:80 HTTP/1.1", b"Host: a"), tail=GET)
    assert (connect.path, connect.fault, connect.keep_alive) == ("", 0, False)


@pytest.mark.parametrize(
    ("version", "fields", "keep_alive"),
    [
        (b"1.1", [], True),
        (b"1.1", [b"Connection: close"], False),
        (b"1.1", [b"Connection: foo,CLOSE ,bar"], False),
        (b"1.1", [b"Connection: foo", b"connection: Close"], False),
        (b"1.1", [b"Connection: closed"], True),
        (b"1.1", [b"Connection: keep-alive, close"], False),
        (b"1.0", [], False),
        (b"1.0", [b"Connection: Keep-Alive"], True),
        (b"1.0", [b"Connection: keep-alive, close"], False),
        (b"1.2", [], True),
        (b"1.9", [b"Connection: close"], False),
    ],
)
def test_who_may_stay(version: bytes, fields: list[bytes], keep_alive: bool) -> None:
    (request,) = read(get(b"GET / HTTP/" + version, b"Host: a", *fields), tail=GET)
    assert request.keep_alive is keep_alive
    assert request.http_minor == (0 if version == b"1.0" else 1)


def test_nothing_is_read_after_the_last_request() -> None:
    assert [request.path for request in read(LAST + GET)] == ["/last"]
    for _ in ("parsed", "from the memo"):
        talk = conversation()
        talk.receive(LAST)
        assert talk.receive(GET) == ()
        assert not talk.partial


def test_bodies() -> None:
    first, second, third = read(POST + CHUNKED + GET)
    assert (first.path, first.body) == ("/form", b"abc")
    assert (second.path, second.body) == ("/c", b"a\r\nb\n\n\n")
    assert [name for name, _ in second.headers] == [b"Host", b"Transfer-Encoding"]
    assert third.path == "/"


def test_field_values_lose_the_space_around_them() -> None:
    (request,) = read(get(b"GET / HTTP/1.1", b"Host:\t a \t", b"Empty:", b"Latin: \xe9"))
    assert request.headers == ((b"Host", b"a"), (b"Empty", b""), (b"Latin", b"\xe9"))


def test_upgrade_is_ignored() -> None:
    upgrade = get(b"GET /h2 HTTP/1.1", b"Host: a", b"Connection: Upgrade", b"Upgrade: h2c")
    assert [(one.path, one.keep_alive) for one in read(upgrade + GET)] == [
        ("/h2", True),
        ("/", True),
    ]


@pytest.mark.parametrize("blank", [b"\r\n", b"\r\n\r\n\r\n"])
def test_blank_lines_before_a_request_are_ignored(blank: bytes) -> None:
    assert len(read(blank + GET + blank + POST + blank)) == 2


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


@pytest.mark.parametrize(("data", "fault"), FAULTS.items())
def test_faults(data: bytes, fault: int) -> None:
    (request,) = read(data, tail=GET)
    assert (request.fault, request.keep_alive, request.body) == (fault, False, b"")
    (_, refused) = read(GET + data, tail=GET)
    assert refused == request


EXPECTING = get(b"GET /e HTTP/1.1", b"Host: a", b"Expect: 100-Continue", b"Content-Length: 3")


def test_a_request_that_expects_leave_comes_as_its_head_first() -> None:
    head, whole, after = read(EXPECTING + b"abc" + GET)
    assert (head.expects_continue, head.path, head.body, head.keep_alive) == (
        True,
        "/e",
        b"",
        False,
    )
    assert (whole.expects_continue, whole.path, whole.body) == (False, "/e", b"abc")
    assert whole.keep_alive
    assert whole.headers == head.headers
    assert after.path == "/"


@pytest.mark.parametrize("keep_alive", [True, False])
def test_leave_to_send_the_content_is_an_interim_answer(keep_alive: bool) -> None:
    talk = conversation(keep_alive=keep_alive)
    (head,) = talk.receive(EXPECTING)
    assert head.expects_continue
    assert talk.partial
    assert b"".join(talk.send(CONTINUE)) == b"HTTP/1.1 100 Continue\r\n\r\n"
    assert not talk.ended
    assert talk.partial
    (whole,) = talk.receive(b"abc")
    assert whole.body == b"abc"
    assert not talk.partial
    assert b"".join(talk.send(page())).startswith(b"HTTP/1.1 200 ")
    assert talk.ended is not keep_alive


def test_another_answer_to_the_head_is_the_last() -> None:
    talk = conversation()
    talk.receive(EXPECTING + b"abc" + GET)
    wire = b"".join(talk.send(page(status=405)))
    assert b" 405 " in wire
    assert b"\r\nConnection: close\r\n" in wire
    assert talk.ended
    assert not talk.partial
    assert talk.receive(GET) == ()
    assert b"".join(talk.send(page())) == b""


def test_expectations_without_content_or_from_1_0_do_not_matter() -> None:
    expect = b"Expect: 100-continue"
    for fields in ([expect], [expect, b"Content-Length: 0"]):
        (request,) = read(get(b"GET / HTTP/1.1", b"Host: a", *fields))
        assert (request.fault, request.expects_continue) == (0, False)
    old = get(b"POST / HTTP/1.0", b"Content-Length: 1", expect) + b"x"
    assert [(one.fault, one.body) for one in read(old)] == [(0, b"x")]


@pytest.mark.parametrize(
    ("line", "field", "is_plain"),
    [
        (b"GET / HTTP/1.1", b"X: y", True),
        (b"HEAD / HTTP/1.1", b"If-Range: x", True),
        (b"POST / HTTP/1.1", b"X: y", False),
        (b"GET / HTTP/1.1", b"RANGE: bytes=0-1", False),
        (b"GET / HTTP/1.1", b"If-Match: *", False),
        (b"GET / HTTP/1.1", b"if-none-match: *", False),
        (b"HEAD / HTTP/1.1", b"If-Modified-Since: x", False),
        (b"GET / HTTP/1.1", b"If-Unmodified-Since: x", False),
    ],
)
def test_which_requests_are_plain(line: bytes, field: bytes, is_plain: bool) -> None:
    assert read(get(line, b"Host: a", field))[0].is_plain is is_plain


def head_of(size: int) -> bytes:
    start = b"GET / HTTP/1.1\r\nHost: a\r\nX: "
    return start + b"x" * (size - len(start) - 4) + b"\r\n\r\n"


def test_the_limit_of_the_head() -> None:
    limit = DEFAULT_LIMITS.head_bytes
    assert feed([head_of(limit)])[0].fault == 0
    assert feed([head_of(limit + 1)])[0].fault == 431
    assert feed([head_of(limit + 1)[:limit]])[0].fault == 431
    assert feed([head_of(limit + 1)[: limit - 1]]) == []
    late_newline = head_of(limit + 9)[:-8] + b"\n"
    assert feed([late_newline]) == feed(late_newline[i : i + 999] for i in range(0, 18_000, 999))


@pytest.mark.parametrize("end", [b"", b" HTTP/1.1\r\nHost: a\r\n\r\n", b"\n", b"\r\n"])
def test_the_limit_of_the_request_line(end: bytes) -> None:
    limit = DEFAULT_LIMITS.line_bytes
    start = b"GET /" + b"x" * (limit - 4)
    (refused,) = feed([start + end])
    assert (refused.fault, refused.method, len(refused.target)) == (414, "GET", limit - 4)
    assert feed([start, end]) == [refused]
    assert feed([start[:-1]]) == []
    longest = get(b"GET /" + b"x" * (limit - 14) + b" HTTP/1.1", b"Host: a")
    assert feed([longest])[0].fault == 0
    assert feed([longest.replace(b"/x", b"/xx")])[0].fault == 414


def test_the_limit_of_the_number_of_fields() -> None:
    fields = [b"X: %d" % number for number in range(DEFAULT_LIMITS.fields - 1)]
    assert read(get(b"GET / HTTP/1.1", b"Host: a", *fields))[0].fault == 0
    assert read(get(b"GET / HTTP/1.1", b"Host: a", *fields, b"X: y"))[0].fault == 431


@pytest.mark.parametrize(
    ("limits", "fault"),
    [
        (Limits(line_bytes=15), 414),
        (Limits(head_bytes=47), 431),
        (Limits(fields=1), 431),
        (Limits(body_bytes=2), 413),
        (Limits(16, 48, 2, 3), 0),
    ],
)
def test_limits_are_those_of_the_conversation(limits: Limits, fault: int) -> None:
    data = get(b"POST /f HTTP/1.1", b"Host: a", b"Content-Length: 3") + b"abc"
    assert len(data) == 16 + 2 + 9 + 19 + 2 + 3
    for tried, expected in [(DEFAULT_LIMITS, 0), (limits, fault), (DEFAULT_LIMITS, 0)]:
        assert [request.fault for request in feed([data], tried)] == [expected]


def test_the_memo_does_not_answer_for_other_limits() -> None:
    assert feed([GET])[0].fault == 0
    assert feed([GET], Limits(line_bytes=8))[0].fault == 414
    assert feed([GET])[0].fault == 0


def test_the_limit_of_the_body() -> None:
    limit = DEFAULT_LIMITS.body_bytes
    head = get(b"POST / HTTP/1.1", b"Host: a", b"Content-Length: %d" % limit)
    (request,) = feed([head, b"x" * (limit - 1), b"x"])
    assert (request.fault, len(request.body)) == (0, limit)


@pytest.mark.parametrize("step", [1000, 65_536, 1 << 22])
@pytest.mark.parametrize(("over", "fault"), [(0, 0), (1, 413)])
def test_the_limit_of_a_chunked_body_counts_its_framing(step: int, over: int, fault: int) -> None:
    framing = len(b"fffff\r\n\r\n0\r\n\r\n")
    size = DEFAULT_LIMITS.body_bytes - framing + over
    chunks = b"%x\r\n%b\r\n0\r\n\r\n" % (size, b"x" * size)
    data = get(b"POST / HTTP/1.1", b"Host: a", b"Transfer-Encoding: chunked") + chunks
    requests = feed((data + GET)[i : i + step] for i in range(0, len(data + GET), step))
    assert [request.fault for request in requests] == ([fault] if fault else [0, 0])


CHUNKED_HEAD = get(b"POST / HTTP/1.1", b"Host: a", b"Transfer-Encoding: chunked")


@pytest.mark.parametrize(
    "endless",
    [b"0\r\n" + b"X: y\r\n" * 200_000, b"0\r\nX:" + b"y" * 20_000, b"1;" + b"x" * 9_000],
)
def test_lines_around_chunks_are_bounded(endless: bytes) -> None:
    (request,) = feed([CHUNKED_HEAD, endless])
    assert request.fault == 413
    assert feed(CHUNKED_HEAD + endless[at : at + 7] for at in range(0, 7, 7)) == []
    pieces = (endless[at : at + 7] for at in range(0, len(endless), 7))
    assert feed([CHUNKED_HEAD, *pieces]) == [request]


def test_a_chunk_beyond_the_limit_is_refused_by_its_size() -> None:
    assert feed([CHUNKED_HEAD, b"7fffffff\r\n"])[0].fault == 413
    assert feed([CHUNKED_HEAD, b"%x\r\n" % (DEFAULT_LIMITS.body_bytes - 7)]) == []


@pytest.mark.parametrize(
    ("data", "partial"),
    [
        (b"", False),
        (b"G", True),
        (GET[:-1], True),
        (GET, False),
        (GET + b"G", True),
        (POST[:-1], True),
        (POST, False),
        (CHUNKED[:-1], True),
        (b"\r", True),
        (b"\r\n", False),
        (LAST + b"G", False),
        (b"GET /x\n", False),
    ],
)
def test_partial(data: bytes, partial: bool) -> None:
    talk = conversation()
    talk.receive(data)
    assert talk.partial is partial


# --- the memo ---


def memo() -> http1.Memo:
    return http1._memos.get(DEFAULT_LIMITS, {})


def test_the_memo_gives_the_same_objects_again() -> None:
    http1._memos.clear()
    first = conversation().receive(GET + GET)
    assert conversation().receive(GET + GET) is first
    assert len(first) == 2


@pytest.mark.parametrize("data", [POST, GET[:-1], b"GET /x\n", head_of(3000), b"", b"\r\n"])
def test_what_the_memo_does_not_keep(data: bytes) -> None:
    http1._memos.clear()
    conversation().receive(data)
    assert memo() == {}


def test_the_memo_is_bounded() -> None:
    http1._memos.clear()
    for number in range(http1.MEMO_ENTRIES + 10):
        conversation().receive(get(b"GET /%d HTTP/1.1" % number, b"Host: a"))
        assert len(memo()) <= http1.MEMO_ENTRIES
    http1._memos.clear()


STREAM_PARTS = [
    GET,
    POST,
    CHUNKED,
    LAST,
    EXPECTING,
    EXPECTING + b"abc",
    *FAULTS,
    b"\r\n",
    b"\r",
    b"G",
    b"HEAD",
]
STREAMS = st.lists(st.sampled_from(STREAM_PARTS), max_size=6).map(b"".join)


def cut(data: bytes, places: list[int]) -> list[bytes]:
    edges = [0, *sorted(place % (len(data) + 1) for place in places), len(data)]
    return [data[start:end] for start, end in pairwise(edges)]


def behaviour(pieces: list[bytes]) -> tuple[list[Request], list[bytes], bool, bool]:
    """All that can be seen of a conversation: requests, answers, and its two flags."""
    talk = conversation()
    requests: list[Request] = []
    sent: list[bytes] = []
    for piece in pieces:
        for request in talk.receive(piece):
            requests.append(request)
            final = Response(200, "text/plain", request.target.encode(), 0)
            goes_on = request.expects_continue and request.method == "GET"
            sent.append(b"".join(talk.send(CONTINUE if goes_on else final)))
    return requests, sent, talk.ended, talk.partial


@given(STREAMS | st.binary(max_size=60), st.lists(st.integers(0, 2000), max_size=8))
def test_the_memo_and_the_cuts_change_nothing(data: bytes, places: list[int]) -> None:
    with without_memo():
        truth = behaviour([data])
        assert behaviour(cut(data, places)) == truth
        assert behaviour([data[i : i + 1] for i in range(len(data))]) == truth
        assert memo() == {}
    for _ in ("first fill the memo", "then use it"):
        assert behaviour([data]) == truth
        assert behaviour(cut(data, places)) == truth


@given(STREAMS, st.lists(st.sampled_from(STREAM_PARTS), max_size=4))
def test_the_memo_changes_nothing_for_whole_requests(start: bytes, parts: list[bytes]) -> None:
    with without_memo():
        truth = behaviour([start, *parts])
    assert behaviour([start, *parts]) == truth
    assert behaviour([start, *parts]) == truth


# --- responses ---

DAY_S = 784_111_777  # Sun, 06 Nov 1994 08:49:37 GMT, the example of RFC 9110


def page(body: bytes = b"hello", status: int = 200) -> Response:
    return Response(status, "text/plain", body, DAY_S, headers=(("X-A", "b"),))


def test_the_bytes_of_a_response() -> None:
    assert b"".join(page().wire(True, False)) == (
        b"HTTP/1.1 200 OK\r\n"
        b"Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
        b"Content-Type: text/plain\r\n"
        b"Content-Length: 5\r\n"
        b"Connection: keep-alive\r\n"
        b"X-A: b\r\n"
        b"\r\n"
        b"hello"
    )
    assert b"\r\nConnection: close\r\n" in b"".join(page().wire(False, False))


def test_the_bytes_are_made_once() -> None:
    response = page()
    for keep_alive in (True, False):
        for head_only in (True, False):
            made = response.wire(keep_alive, head_only)
            assert response.wire(keep_alive, head_only) is made


@pytest.mark.parametrize("keep_alive", [True, False])
def test_head_leaves_out_the_body_only(keep_alive: bool) -> None:
    whole = b"".join(page().wire(keep_alive, False))
    assert whole == b"".join(page().wire(keep_alive, True)) + b"hello"


def test_a_view_is_a_body() -> None:
    body = memoryview(b"0123456789")[:4]
    assert b"".join(Response(200, "a/b", body, 0).wire(True, False)).endswith(b"\r\n\r\n0123")


@pytest.mark.parametrize("status", [204, 304])
def test_answers_without_a_body(status: int) -> None:
    wire = b"".join(Response(status, "", b"ignored", 0).wire(True, False))
    assert wire.endswith(b"\r\n\r\n")
    assert b"Content-" not in wire


def test_an_unknown_status_has_a_reason_too() -> None:
    assert b"".join(page(status=299).wire(True, False)).startswith(b"HTTP/1.1 299 Unknown\r\n")


@pytest.mark.parametrize("value", ["a\r\nSet-Cookie: b", "a\nb"])
def test_a_header_cannot_smuggle_a_line(value: str) -> None:
    with pytest.raises(ValueError, match="line end"):
        Response(200, "a/b", b"", 0, headers=(("X", value),)).wire(True, False)


@given(st.integers(0, 4_102_444_800))
def test_dates(at_s: int) -> None:
    assert format_date(at_s) == formatdate(at_s, usegmt=True)
    assert parse_date(format_date(at_s), 0) == at_s


@pytest.mark.parametrize(
    ("text", "at_s"),
    [
        ("Sun, 06 Nov 1994 08:49:37 GMT", DAY_S),  # the three of RFC 9110 5.6.7
        ("Sunday, 06-Nov-94 08:49:37 GMT", DAY_S),
        ("Sun Nov  6 08:49:37 1994", DAY_S),
        ("Sun, 6 Nov 1994 08:49:37 GMT", None),
        ("Sun, 06 Nov 1994 08:49:37 UTC", None),
        ("Sun, 31 Feb 1994 08:49:37 GMT", None),
        ("Sun, 06 Nov 1994 25:49:37 GMT", None),
        ("Sun, 06 nov 1994 08:49:37 GMT", None),
        ("Sun, 0\u0666 Nov 1994 08:49:37 GMT", None),
        ("", None),
    ],
)
def test_the_formats_of_dates(text: str, at_s: int | None) -> None:
    assert parse_date(text, DAY_S) == at_s


def test_a_year_of_two_digits_is_at_most_fifty_years_ahead() -> None:
    start_of_2026_s = 1_767_225_600
    ahead = parse_date("Friday, 01-Jan-76 00:00:00 GMT", start_of_2026_s)
    behind = parse_date("Friday, 01-Jan-77 00:00:00 GMT", start_of_2026_s)
    assert (ahead, behind) == (3_345_062_400, 220_924_800)


# --- conversations ---


def test_answers_follow_the_order_of_the_requests() -> None:
    talk = conversation()
    requests = talk.receive(GET.replace(b"GET", b"HEAD") + GET + POST)
    assert [request.method for request in requests] == ["HEAD", "GET", "POST"]
    wires = [b"".join(talk.send(page())) for _ in requests]
    assert [wire.endswith(b"hello") for wire in wires] == [False, True, True]
    assert not talk.ended


def test_the_conversation_ends_with_its_last_request() -> None:
    talk = conversation()
    talk.receive(GET + LAST)
    assert b"keep-alive" in b"".join(talk.send(page()))
    assert not talk.ended
    assert b"Connection: close" in b"".join(talk.send(page()))
    assert talk.ended


def test_a_fault_ends_the_conversation() -> None:
    talk = conversation()
    talk.receive(b"GET /x\n")
    assert b"Connection: close" in b"".join(talk.send(page(status=400)))
    assert talk.ended


def test_the_server_may_want_short_connections() -> None:
    talk = conversation(keep_alive=False)
    talk.receive(GET + GET)
    assert b"Connection: close" in b"".join(talk.send(page()))
    assert talk.ended
    assert b"".join(talk.send(page())) == b""
    assert talk.receive(GET) == ()


def test_the_policy_is_read_at_each_answer() -> None:
    mode = Mode()
    talk = Conversation(mode)
    talk.receive(GET + GET)
    talk.send(page())
    mode.keep_alive = False
    talk.send(page())
    assert talk.ended


def test_an_answer_that_nobody_asked_for_is_the_last() -> None:
    talk = conversation()
    talk.receive(b"GET / HT")
    assert b"Connection: close" in b"".join(talk.send(page(status=408)))
    assert (talk.ended, talk.partial) == (True, False)


def test_an_old_client_is_told_that_the_connection_stays() -> None:
    talk = conversation()
    talk.receive(get(b"GET / HTTP/1.0", b"Connection: keep-alive"))
    assert b"\r\nConnection: keep-alive\r\n" in b"".join(talk.send(page()))
