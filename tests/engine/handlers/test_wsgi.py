"""What a WSGI application is told, and how its answers are framed; read by h11."""

import gc
from collections.abc import Iterable, Iterator
from typing import Any
from wsgiref.validate import validator

import h11
import pytest

from engine.http1.messages import PIECE_BYTES
from tests.served_app import GET, TEXT, Served, giving, read

# --- the protocol ---------------------------------------------------------------------------------


def test_a_list_of_one_piece_has_a_length_and_goes_in_one_send() -> None:
    def app(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        start_response("200 OK", TEXT)
        return [b"hello"]

    told = Served(app).ask()
    status, fields, body = read(told)
    assert (status, fields["content-length"], body) == (200, "5", b"hello")
    assert (told.pieces, told.ended) == (1, False)


def test_a_body_of_unknown_length_is_chunked_and_the_connection_stays() -> None:
    served = Served(giving(b"one", b"", b"two"))
    for _ in range(2):
        told = served.ask()
        status, fields, body = read(told)
        assert (status, fields["transfer-encoding"], body) == (200, "chunked", b"onetwo")
        assert not told.ended


def test_a_client_of_http_1_0_learns_the_end_from_the_end() -> None:
    told = Served(giving(b"one", b"two")).ask(
        b"GET / HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\n\r\n"
    )
    assert told.ended
    assert b"Transfer-Encoding" not in told.raw
    assert told.raw.endswith(b"Connection: close\r\n\r\nonetwo")


def test_short_connections_end_after_a_stream() -> None:
    told = Served(giving(b"one", b"two"), short=True).ask()
    assert read(told)[2] == b"onetwo"
    assert told.ended


def test_a_long_piece_is_cut_into_chunks() -> None:
    long = b"x" * (3 * PIECE_BYTES + 1)
    told = Served(giving(long)).ask()
    assert read(told)[2] == long
    assert told.pieces > 3


def test_pieces_are_made_one_by_one_as_they_are_sent() -> None:
    made: list[int] = []

    def app(environ: dict[str, Any], start_response: Any) -> Iterator[bytes]:
        start_response("200 OK", TEXT)
        for number in range(1000):
            made.append(number)
            yield b"x" * 10

    wire = Served(app).wire()
    for sent in range(1, 5):
        next(wire)
        assert len(made) == sent


@pytest.mark.parametrize("length", [None, "6"])
def test_head_has_the_fields_and_no_body(length: str | None) -> None:
    closed: list[bool] = []

    class Body:
        def __iter__(self) -> Iterator[bytes]:
            return iter([b"abc", b"def"])

        def close(self) -> None:
            closed.append(True)

    def app(environ: dict[str, Any], start_response: Any) -> Body:
        start_response("200 OK", TEXT + ([("Content-Length", length)] if length else []))
        return Body()

    told = Served(app).ask(GET.replace(b"GET", b"HEAD"))
    _, fields, body = read(told, "HEAD")
    assert (fields.get("content-length"), body, closed) == (length, b"", [True])
    assert told.raw.endswith(b"\r\n\r\n")


@pytest.mark.parametrize("status", ["204 No Content", "304 Not Modified"])
def test_answers_without_content_end_with_their_head(status: str) -> None:
    told = Served(giving(b"not to be sent", status=status)).ask()
    assert told.raw.endswith(b"\r\n\r\n")
    assert b"Transfer-Encoding" not in told.raw
    assert not told.ended


def test_what_exceeds_the_length_is_cut_and_the_next_answer_is_right() -> None:
    served = Served(giving(b"abc", b"defgh", b"ij", headers=[("Content-Length", "5")]))
    for _ in range(2):
        told = served.ask()
        assert read(told)[2] == b"abcde"
        assert not told.ended


def test_what_falls_short_of_the_length_ends_the_connection() -> None:
    told = Served(giving(b"abc", headers=[("Content-Length", "5")])).ask()
    assert told.is_broken
    with pytest.raises(h11.RemoteProtocolError):
        read(told)


def test_the_environ_is_as_the_standard_says() -> None:
    seen: dict[str, Any] = {}

    def app(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        seen.update(environ)
        seen["body"] = environ["wsgi.input"].read()
        seen["end"] = environ["wsgi.input"].read()
        start_response("200 OK", TEXT)
        return [b""]

    Served(app).ask(
        b"POST http://shop:8/a%20b/%c3%a9%ff?q=%20 HTTP/1.1\r\nHost: other\r\nX-A: 1\r\nX-A: 2\r\n"
        b"Cookie: a=1\r\nCookie: b=2\r\nX_A: forged\r\nContent-Type: text/x\r\n"
        b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"
    )
    expected = {
        "REQUEST_METHOD": "POST", "SCRIPT_NAME": "", "PATH_INFO": "/a b/\xc3\xa9\xff",
        "QUERY_STRING": "q=%20", "HTTP_HOST": "shop:8", "HTTP_X_A": "1, 2",
        "HTTP_COOKIE": "a=1; b=2", "CONTENT_TYPE": "text/x", "CONTENT_LENGTH": "5",
        "SERVER_NAME": "127.0.0.1", "SERVER_PORT": "80", "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "127.0.0.9", "REMOTE_PORT": "4321", "body": b"abcde", "end": b"",
    }  # fmt: skip
    assert {key: seen[key] for key in expected} == expected
    assert not {"HTTP_CONTENT_LENGTH", "HTTP_CONTENT_TYPE", "HTTP_TRANSFER_ENCODING"} & set(seen)


def test_who_waits_for_100_is_told_to_go_on_before_the_application_is_called() -> None:
    calls: list[bytes] = []

    def app(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        calls.append(environ["wsgi.input"].read())
        start_response("200 OK", TEXT)
        return [b"done"]

    served = Served(app)
    head = b"POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n"
    assert served.ask(head).raw == b"HTTP/1.1 100 Continue\r\n\r\n"
    assert calls == []
    assert served.ask(b"abc").raw.endswith(b"done")
    assert calls == [b"abc"]


def test_a_request_that_is_none_never_reaches_the_application() -> None:
    def app(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        raise AssertionError("it was called")

    assert read(Served(app).ask(b"GET / HTTP/1.1\r\n\r\n"))[0] == 400
    assert read(Served(app).ask(b"CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n"))[0] == 501


REQUESTS = [
    GET,
    GET.replace(b"GET", b"HEAD"),
    b"POST /a/b?c=d HTTP/1.1\r\nHost: a\r\nContent-Type: a/b\r\nContent-Length: 4\r\n\r\nabcd",
    b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n",
    b"GET / HTTP/1.0\r\n\r\n",
]


@pytest.mark.parametrize("data", REQUESTS)
@pytest.mark.parametrize("is_written", [False, True])
def test_the_validator_of_the_standard_library_has_no_complaint(
    data: bytes, is_written: bool, recwarn: pytest.WarningsRecorder
) -> None:
    """It asserts on each side of the protocol: what we tell, how we iterate, whether we close."""

    def app(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        environ["wsgi.input"].read(2)
        write = start_response("200 OK", TEXT)
        if is_written:
            write(b"written ")
        return [b"one ", b"two"]

    told = Served(validator(app)).ask(data)
    gc.collect()  # its iterator complains when it is collected before it was closed
    assert told.raw.startswith(b"HTTP/1.1 200 OK\r\n")
    assert not told.is_broken
    assert not list(recwarn)
