"""Odd WSGI applications: what is allowed works, and what is not costs the server nothing."""

from collections.abc import Iterator
from typing import Any

import h11
import pytest

from engine.handlers import wsgi
from tests.served_app import TEXT, App, Served, giving, read

# --- odd applications -------------------------------------------------------------------------------


def empty(environ: Any, start_response: Any) -> list[bytes]:
    start_response("200 OK", TEXT)
    return []


def written(environ: Any, start_response: Any) -> list[bytes]:
    write = start_response("200 OK", TEXT)
    write(b"a")
    write(b"")
    write(b"b")
    return [b"a"]


def written_amid(environ: Any, start_response: Any) -> Iterator[bytes]:
    write = start_response("200 OK", TEXT)
    yield b"a"
    write(b"b")
    yield b"c"
    write(b"d")


def late_start(environ: Any, start_response: Any) -> Iterator[bytes]:
    yield b""
    start_response("200 OK", TEXT)
    yield b"late"


def second_thoughts(environ: Any, start_response: Any) -> list[bytes]:
    start_response("200 OK", TEXT)
    try:
        raise KeyError("oh")
    except KeyError as error:
        start_response("503 Sorry", TEXT, (KeyError, error, error.__traceback__))
    return [b"sorry"]


class ClosesBadly:
    def __iter__(self) -> Iterator[bytes]:
        return iter([b"all ", b"of it"])

    def close(self) -> None:
        raise SystemExit("close")


def closes_badly(environ: Any, start_response: Any) -> ClosesBadly:
    start_response("200 OK", TEXT)
    return ClosesBadly()


def huge(environ: Any, start_response: Any) -> list[bytes]:
    start_response("200 OK", [*TEXT, ("X-Huge", "x" * 200_000)])
    return [b"huge"]


ANSWERED = [
    (empty, 200, b""),
    (written, 200, b"aba"),
    (written_amid, 200, b"abcd"),
    (late_start, 200, b"late"),
    (second_thoughts, 503, b"sorry"),
    (closes_badly, 200, b"all of it"),
    (giving(b"cafe", headers=[("X-Latin", "caf\xe9")]), 200, b"cafe"),
    (giving(b"x", status="299"), 299, b"x"),
]


@pytest.mark.parametrize(("app", "status", "body"), ANSWERED)
def test_odd_and_allowed(app: App, status: int, body: bytes) -> None:
    served = Served(app)
    for _ in range(2):
        told = served.ask()
        assert not told.ended
        got, _, content = read(told)
        assert (got, content) == (status, body)


def test_a_huge_header_is_sent_whole() -> None:
    told = Served(huge).ask()
    assert b"X-Huge: " + b"x" * 200_000 + b"\r\n" in told.raw


def raising(error: BaseException) -> App:
    def app(environ: Any, start_response: Any) -> list[bytes]:
        raise error

    return app


def never_starts(environ: Any, start_response: Any) -> list[bytes]:
    return [b"x"]


def never_starts_empty(environ: Any, start_response: Any) -> list[bytes]:
    return []


def starts_twice(environ: Any, start_response: Any) -> list[bytes]:
    start_response("200 OK", TEXT)
    start_response("200 OK", TEXT)
    return [b"x"]


def raises_before_body(environ: Any, start_response: Any) -> Iterator[bytes]:
    start_response("200 OK", TEXT)
    yield b""
    raise ValueError("before")


def writes_without_end(environ: Any, start_response: Any) -> list[bytes]:
    write = start_response("200 OK", TEXT)
    while True:
        write(b"x" * 1000)


def returns_none(environ: Any, start_response: Any) -> None:
    start_response("200 OK", TEXT)


def recursive(environ: Any, start_response: Any) -> Any:
    return recursive(environ, start_response)


class UntellableError(Exception):
    def __str__(self) -> str:
        raise ValueError("not even that")


REFUSED = [
    raising(ValueError("boom")),
    raising(SystemExit(1)),
    raising(KeyboardInterrupt()),
    raising(GeneratorExit()),
    raising(StopIteration()),
    raising(UntellableError()),
    raising(OSError(32, "broken")),
    never_starts,
    never_starts_empty,
    starts_twice,
    raises_before_body,
    writes_without_end,
    returns_none,
    recursive,
    giving("text"),
    giving(bytearray(b"x")),
    giving(None),
    giving(b"x", status="200\r\nX: y"),
    giving(b"x", status="100 Continue"),
    giving(b"x", status="OK"),
    giving(b"x", status=b"200 OK"),
    giving(b"x", headers=[("X", "a\r\nSet-Cookie: b")]),
    giving(b"x", headers=[("X", "a\nb")]),
    giving(b"x", headers=[("X", "a\0b")]),
    giving(b"x", headers=[("X Y", "a")]),
    giving(b"x", headers=[("X:", "a")]),
    giving(b"x", headers=[("", "a")]),
    giving(b"x", headers=[("X", "\u20ac")]),
    giving(b"x", headers=[("X", b"a")]),
    giving(b"x", headers=[("Transfer-Encoding", "chunked")]),
    giving(b"x", headers=[("Connection", "keep-alive")]),
    giving(b"x", headers=[("Upgrade", "h2c")]),
    giving(b"x", headers=[("Content-Length", "1"), ("Content-Length", "2")]),
    giving(b"x", headers=[("Content-Length", "-1")]),
    giving(b"x", headers=[("Content-Length", "1, 1")]),
    giving(b"x", headers=None),
]


@pytest.mark.parametrize("app", REFUSED)
def test_what_fails_before_anything_is_sent_is_a_500(
    app: App, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(wsgi, "WRITTEN_BYTES", 100_000)
    told = Served(app).ask()
    status, _, body = read(told)
    assert (status, told.ended, told.is_broken) == (500, True, False)
    assert b"X: y" not in told.raw
    assert b"boom" not in body, "what went wrong is not the client's to know"
    said = capsys.readouterr().err
    assert said.strip()
    assert len(said) < 10_000


def breaking(error: BaseException) -> App:
    def app(environ: Any, start_response: Any) -> Iterator[bytes]:
        start_response("200 OK", TEXT)
        yield b"first"
        raise error

    return app


def starts_again_too_late(environ: Any, start_response: Any) -> Iterator[bytes]:
    start_response("200 OK", TEXT)
    yield b"first"
    try:
        raise KeyError("late")
    except KeyError as error:
        start_response("500 Sorry", TEXT, (KeyError, error, error.__traceback__))
    yield b"never"


BREAKING = [
    breaking(ValueError("half")),
    breaking(SystemExit(0)),
    breaking(KeyboardInterrupt()),
    breaking(GeneratorExit()),
    breaking(StopIteration()),
    starts_again_too_late,
    giving(b"first", "text"),
    giving(b"first", headers=[("Content-Length", "6")]),
]


@pytest.mark.parametrize("app", BREAKING)
def test_what_fails_amid_its_body_ends_the_connection(
    app: App, capsys: pytest.CaptureFixture[str]
) -> None:
    told = Served(app).ask()
    assert told.is_broken
    assert b"first" in told.raw
    with pytest.raises(h11.RemoteProtocolError):
        read(told)
    assert capsys.readouterr().err.strip()
