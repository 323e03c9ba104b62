"""An application's close() is called once, whatever happens to its answer."""

import gc
from collections.abc import Iterator
from typing import Any

import pytest

from engine.http1.stream import BodyBrokenError
from tests.served_app import GET, TEXT, Served


class Body:
    """An iterable that counts how often it is closed."""

    def __init__(self, *pieces: Any) -> None:
        self.pieces = pieces
        self.closed = 0

    def __iter__(self) -> Iterator[Any]:
        return iter(self.pieces)

    def close(self) -> None:
        self.closed += 1


@pytest.mark.parametrize(
    ("pieces", "headers", "taken"),
    [
        ((b"a", b"b"), TEXT, 99),
        ((), TEXT, 99),
        (("text",), TEXT, 99),
        ((b"a", "text"), TEXT, 99),
        ((b"abc", b"def", b"ghi"), [("Content-Length", "4")], 99),
        ((b"a",), [("Content-Length", "4")], 99),
        ((b"a", b"b", b"c"), TEXT, 1),  # the client is gone after the first piece
    ],
)
def test_close_is_called_once_whatever_happens(
    pieces: tuple[Any, ...], headers: Any, taken: int
) -> None:
    body = Body(*pieces)

    def app(environ: Any, start_response: Any) -> Body:
        start_response("200 OK", headers)
        return body

    wire = Served(app).wire()
    try:
        for _ in range(taken):
            next(wire)
    except (StopIteration, BodyBrokenError):
        pass
    del wire
    gc.collect()
    assert body.closed == 1


def test_close_is_called_for_an_answer_that_nobody_asks_for() -> None:
    body = Body(b"a", b"b")

    def app(environ: Any, start_response: Any) -> Body:
        start_response("200 OK", TEXT)
        return body

    served = Served(app)
    (request,) = served.talk.receive(GET)
    answer = served.service.answer(request)
    assert body.closed == 0
    del answer
    gc.collect()
    assert body.closed == 1
