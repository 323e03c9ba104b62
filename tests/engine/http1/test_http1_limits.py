"""What is too long or too much for the HTTP core, to the byte."""

import pytest

from engine.limits import DEFAULT_LIMITS, Limits
from tests.engine.http1_inputs import GET, feed, get, head_of, read


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
