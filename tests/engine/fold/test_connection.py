"""The strip of a connection, and why it ended."""

from typing import Any

import pytest

from engine.events import Event, Kind
from engine.fold.state import ServerState
from engine.views.snapshot import STRIP_CELL_NS, STRIP_CELLS, STRIP_LETTERS
from tests.engine.made import SECOND, event


def strip(events: list[Event], now_cell: int) -> str:
    state = ServerState()
    state.fold(events)
    (view,) = state.snapshot(now_cell * STRIP_CELL_NS).connections
    return view.strip


def in_cell(cell: int, kind: Kind, **fields: Any) -> Event:
    return event(kind, 1, cell * STRIP_CELL_NS, **fields)


ASKED = [
    in_cell(0, Kind.ACCEPT),
    in_cell(1, Kind.RECV, bytes=5),
    in_cell(3, Kind.RECV, bytes=5),
    in_cell(3, Kind.REQUEST),
]
ANSWERED = [*ASKED, in_cell(6, Kind.RESPONSE, bytes=9), in_cell(6, Kind.SEND, bytes=9)]


@pytest.mark.parametrize(
    ("events", "now_cell", "letters"),
    [
        (ASKED[:1], 0, "A"),
        (ASKED[:1], 3, "AAAA"),
        (ASKED[:2], 2, "Arr"),
        (ASKED, 5, "ArrHHH"),
        (ANSWERED, 8, "ArrHHHs__"),
        ([*ASKED, in_cell(4, Kind.RESPONSE, bytes=9)], 6, "ArrHSSS"),
        ([*ANSWERED, in_cell(8, Kind.CLOSE, note="client closed first")], 10, "ArrHHHs_x  "),
        ([*ANSWERED, in_cell(8, Kind.CLOSE, note="server closed first")], 8, "ArrHHHs_X"),
        ([*ANSWERED, in_cell(7, Kind.TICK, note="lost 3")], 8, "ArrHHHs~_"),
        (ANSWERED, 40, "_" * STRIP_CELLS),
        ([*ANSWERED, in_cell(60, Kind.RECV, bytes=1)], 61, "_" * 18 + "rr"),
    ],
)
def test_the_letters_of_a_strip(events: list[Event], now_cell: int, letters: str) -> None:
    assert strip(events, now_cell) == letters.rjust(STRIP_CELLS)


def test_of_all_that_happened_in_a_cell_it_shows_what_stands_first_in_the_table() -> None:
    steps = [
        (in_cell(1, Kind.RECV, bytes=9), "r"),
        (in_cell(1, Kind.REQUEST), "H"),
        (in_cell(1, Kind.RESPONSE, bytes=9), "S"),
        (in_cell(1, Kind.SEND, bytes=9), "s"),  # nothing is unsent any more
        (in_cell(1, Kind.RECV, bytes=9), "s"),
        (in_cell(1, Kind.REQUEST), "H"),
        (in_cell(1, Kind.TICK, note="lost 3"), "~"),
        (in_cell(1, Kind.CLOSE, note="client closed first"), "x"),
    ]
    events = [in_cell(0, Kind.ACCEPT)]
    for one, letter in steps:
        events.append(one)
        assert strip(events, 1).strip() == f"A{letter}"
    together = strip([in_cell(1, Kind.ACCEPT), *events[1:7]], 1).strip()
    assert together == "A"
    assert "".join(STRIP_LETTERS).startswith("XxA~SHsr_")


@pytest.mark.parametrize(
    ("note", "after", "silent_s"),
    [
        ("server closed first", 6, 5),
        ("server closed first: client silent", 6, 5),
        ("server closed first: last answer", 6, 0),
        ("client closed first", 6, 0),
        ("server closed first", 1, 0),  # at once: something else ended it
    ],
)
def test_for_how_long_a_client_was_silent_when_it_was_closed(
    note: str, after: int, silent_s: int
) -> None:
    state = ServerState()
    state.fold([event(Kind.ACCEPT, 7, 0), event(Kind.RECV, 7, SECOND, bytes=5)])
    state.fold([event(Kind.CLOSE, 7, after * SECOND, note=note)])
    (view,) = state.snapshot(after * SECOND).connections
    assert view.silent_ns == silent_s * SECOND


def test_a_request_in_the_handler_is_no_silence_of_its_client() -> None:
    state = ServerState()
    state.fold([event(Kind.ACCEPT, 7, 0), event(Kind.RECV, 7, 1, bytes=5)])
    state.fold(
        [event(Kind.REQUEST, 7, 1), event(Kind.CLOSE, 7, 9 * SECOND, note="server closed first")]
    )
    assert state.snapshot(9 * SECOND).connections[0].silent_ns == 0
