"""The context variables of a call (contextvars): its own, from the application's call to the last piece.

What frameworks call the current request is one of them. A loop makes the pieces of many answers in one
thread, in turns; a pool makes those of one answer in several.
"""

import threading
from collections.abc import Iterator
from contextvars import ContextVar
from typing import Any

import flask

from engine.http1.messages import Piece
from tests.served_app import GET, TEXT, App, Served

current: ContextVar[str] = ContextVar("current")


def naming(name: str, closed: list[str]) -> App:
    """An application that says who is asked, when it is called, in each piece, and when it is closed."""

    class Body:
        def __init__(self) -> None:
            self._left = 3

        def __iter__(self) -> "Body":
            return self

        def __next__(self) -> bytes:
            if not self._left:
                raise StopIteration
            self._left -= 1
            return current.get("nobody").encode()

        def close(self) -> None:
            closed.append(current.get("nobody"))

    def app(environ: dict[str, Any], start_response: Any) -> Body:
        current.set(name)
        start_response("200 OK", TEXT)
        return Body()

    return app


def in_turns(*wires: Iterator[Piece]) -> list[bytes]:
    """What each of them gives: a piece of the first, one of the second, and so on."""
    told = [b""] * len(wires)
    going = dict(enumerate(wires))
    while going:
        for number, wire in list(going.items()):
            piece = next(wire, None)
            if piece is None:
                del going[number]
            else:
                told[number] += bytes(piece)
    return told


def each_in_a_thread(wire: Iterator[Piece]) -> bytes:
    """What it gives, each piece made by another thread."""
    pieces: list[bytes] = []
    is_over = threading.Event()

    def make() -> None:
        piece = next(wire, None)
        if piece is None:
            is_over.set()
        else:
            pieces.append(bytes(piece))

    while not is_over.is_set():
        thread = threading.Thread(target=make)
        thread.start()
        thread.join()
    return b"".join(pieces)


def test_answers_that_are_made_in_turns_do_not_mix() -> None:
    closed: list[str] = []
    told = in_turns(*(Served(naming(name, closed)).wire() for name in ("first", "second")))
    assert [told[0].count(b"first"), told[1].count(b"second")] == [3, 3]
    assert sorted(closed) == ["first", "second"]


def test_an_answer_that_several_threads_make_stays_itself() -> None:
    closed: list[str] = []
    assert each_in_a_thread(Served(naming("only", closed)).wire()).count(b"only") == 3
    assert closed == ["only"]


def test_what_a_call_has_set_is_gone_with_it() -> None:
    seen: list[str] = []

    def app(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        seen.append(current.get("nobody"))
        current.set("somebody")
        start_response("200 OK", TEXT)
        return [b""]

    served = Served(app)
    for _ in range(2):
        served.ask(GET)
    assert seen == ["nobody"] * 2
    assert current.get("nobody") == "nobody"


def streaming() -> App:
    app = flask.Flask(__name__)

    @app.get("/<name>")
    def name(name: str) -> flask.Response:
        def pieces() -> Iterator[str]:
            for _ in range(3):
                yield f"{flask.request.path} "

        return flask.Response(flask.stream_with_context(pieces()))

    return app


def asked(app: App, target: bytes) -> Iterator[Piece]:
    return Served(app).wire(b"GET " + target + b" HTTP/1.1\r\nHost: a\r\n\r\n")


def test_flask_streams_with_its_context_in_turns_and_across_threads() -> None:
    app = streaming()
    told = in_turns(asked(app, b"/a"), asked(app, b"/b"))
    assert [told[0].count(b"/a "), told[1].count(b"/b ")] == [3, 3]
    assert each_in_a_thread(asked(app, b"/c")).count(b"/c ") == 3
