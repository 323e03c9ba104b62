"""What bytes mean as requests."""

import pytest

from engine.http1.messages import Request
from tests.engine.http1_inputs import (
    CHUNKED,
    EXPECTING,
    FAULTS,
    GET,
    LAST,
    POST,
    conversation,
    get,
    read,
)


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
        (b"http://[::1]:80", "/", ""),
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


@pytest.mark.parametrize(("data", "fault"), FAULTS.items())
def test_faults(data: bytes, fault: int) -> None:
    (request,) = read(data, tail=GET)
    assert (request.fault, request.keep_alive, request.body) == (fault, False, b"")
    (_, refused) = read(GET + data, tail=GET)
    assert refused == request


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
