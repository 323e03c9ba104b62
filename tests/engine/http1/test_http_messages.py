"""Responses as bytes, and the dates in them."""

from email.utils import formatdate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.http1.dates import format_date, parse_date
from engine.http1.messages import Response
from tests.engine.http1_inputs import DAY_S, page


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


@pytest.mark.parametrize(
    ("status", "reason"),
    [(413, "Content Too Large"), (414, "URI Too Long"), (416, "Range Not Satisfiable")],
)
def test_reasons_are_those_of_rfc_9110_in_every_version_of_python(status: int, reason: str) -> None:
    head = f"HTTP/1.1 {status} {reason}\r\n".encode()
    assert b"".join(page(status=status).wire(True, False)).startswith(head)


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
