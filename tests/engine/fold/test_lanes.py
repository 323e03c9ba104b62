"""Lanes: a letter for each column, in whose hands, and the pieces of a connection's life."""

import pytest

from engine.events import Event, Kind
from engine.fold.lanes import Lane, Span, lane, lanes, span_of
from engine.fold.state import LOG_MOST, ServerState
from engine.views.snapshot import STRIP_CELL_NS, State
from tests.engine.made import MS, SECOND, event

COLUMN = 100 * MS


def at(column: float, kind: Kind, **fields: object) -> Event:
    return event(kind, 1, round(column * COLUMN), **fields)


ASKED = [at(2, Kind.ACCEPT), at(3, Kind.RECV, bytes=9), at(3, Kind.REQUEST, note="GET /wait/500")]
ANSWERED = [*ASKED, at(6.5, Kind.RESPONSE, bytes=9), at(6.5, Kind.SEND, bytes=9)]


def folded(events: list[Event]) -> ServerState:
    state = ServerState()
    state.fold(events)
    return state


def drawn(
    events: list[Event], now: float, *, columns: int = 10, unread: float | None = None
) -> Lane:
    """The lane of connection 1, ten columns from 0 on."""
    state = folded(events)
    now_ns = round(now * COLUMN)
    views = state.snapshot(now_ns).connections
    unread_ns = {1: round(unread * COLUMN)} if unread is not None else {}
    (told,) = lanes(state.connections, views, now_ns, Span(0, columns, COLUMN), unread_ns)
    return told


@pytest.mark.parametrize(
    ("events", "now", "letters"),
    [
        (ASKED[:1], 2, "  A       "),
        (ASKED[:1], 5.9, "  AAAA    "),
        (ASKED, 5, "  AHHH    "),
        (ANSWERED, 9, "  AHHHs___"),
        (ANSWERED[:-1], 8, "  AHHHSSS "),
        (ANSWERED, 40, "  AHHHs___"),
        ([*ANSWERED, at(8, Kind.CLOSE, note="client closed first")], 9, "  AHHHs_x "),
        ([*ANSWERED, at(8, Kind.CLOSE, note="server closed first")], 9, "  AHHHs_X "),
        ([*ANSWERED, at(8, Kind.TICK, note="lost 3")], 9, "  AHHHs_~_"),
        ([*ANSWERED, at(7, Kind.TICK, note="thinned requests 3 in 1 out 1")], 9, "  AHHHs~~~"),
        ([*ASKED, at(2.9, Kind.TICK, note="in the accept queue for 120 ms")], 4, "qqAHH     "),
        ([at(2, Kind.SEND, bytes=3)], 4, "  s__     "),
    ],
)
def test_a_column_shows_what_happened_in_it_or_the_state(
    events: list[Event], now: float, letters: str
) -> None:
    assert drawn(events, now).letters.rstrip() == letters.rstrip()


@pytest.mark.parametrize(
    ("events", "unread", "letters"),
    [
        (ASKED[:1], 4, "  AAuuu"),
        (ANSWERED, 7.2, "  AHHHsuu"),
        (ASKED, 4, "  AHHHH"),  # the next request of one that is being answered
    ],
)
def test_unread_bytes_are_told_from_when_they_came(
    events: list[Event], unread: float, letters: str
) -> None:
    now = len(letters) - 1
    assert drawn(events, now, unread=unread).letters.rstrip() == letters


def test_a_killed_process_ends_its_lanes() -> None:
    killed = event(Kind.EXIT, 0, 5 * COLUMN, pid=9, note="process 10 killed by signal 9")
    assert drawn([*ASKED, killed], 9).letters.rstrip() == "  AHHX"


def test_a_piece_of_work_names_the_hands_it_is_in() -> None:
    moved = [one._replace(task="Thread-7") if one.kind is Kind.REQUEST else one for one in ASKED]
    ((begin, end, event),) = drawn(moved, 8).hands
    assert (begin, end, event.task, event.pid) == (3, 9, "Thread-7", 10)


def test_columns_are_counted_from_the_clocks_beginning() -> None:
    assert span_of(10 * SECOND, 100, 10 * SECOND) == Span(1, 100, COLUMN)
    assert span_of(10 * SECOND + COLUMN - 1, 100, 10 * SECOND) == Span(1, 100, COLUMN)
    assert span_of(0, 0, SECOND).columns == 0


def busy(requests: int) -> ServerState:
    """One request after another, 5 ms each: more events than are kept."""
    events = [at(0, Kind.ACCEPT)]
    for number in range(requests):
        start = number / 20
        events += [at(start, Kind.RECV, bytes=9), at(start, Kind.REQUEST)]
        events += [at(start + 0.04, Kind.RESPONSE, bytes=9), at(start + 0.04, Kind.SEND, bytes=9)]
    return folded(events)


def test_before_the_events_that_are_kept_the_cells_tell() -> None:
    state = busy(800)  # 4 s; the events of the last one are kept
    (connection,) = state.connections.values()
    assert connection.forgotten > LOG_MOST
    told = lane(connection, connection.view(4 * SECOND), 4 * SECOND, Span(-2, 42, COLUMN)).letters
    assert told[:2] == "  "
    assert told[2] == "A"
    assert set(told[4:-2]) == {"s"}


def test_what_not_even_the_cells_know_is_marked() -> None:
    state = busy(800)
    (connection,) = state.connections.values()
    del connection.cells[:-10]
    told = lane(connection, connection.view(4 * SECOND), 4 * SECOND, Span(0, 40, COLUMN)).letters
    assert set(told[:20]) == {":"}
    assert set(told[-10:]) == {"s"}


def test_states_stand_beside_the_events_that_are_kept() -> None:
    (connection,) = busy(800).connections.values()
    assert len(connection.states) == len(connection.log)
    after = {Kind.REQUEST: State.HANDLER, Kind.RESPONSE: State.UNSENT, Kind.SEND: State.IDLE}
    for told, state in zip(connection.log, connection.states, strict=True):
        assert after.get(told.kind, State.READING) == state


def test_a_minute_of_cells_is_kept_of_few_connections() -> None:
    asked = [event(Kind.RECV, 1, at_ns, bytes=1) for at_ns in range(SECOND, 70 * SECOND, COLUMN)]
    (connection,) = folded([at(0, Kind.ACCEPT), *asked]).connections.values()
    assert 60 * SECOND <= len(connection.cells) * STRIP_CELL_NS < 64 * SECOND


def test_bytes_that_lay_unread_are_told_by_their_recv() -> None:
    asked_again = [
        at(8.5, Kind.RECV, bytes=9, note="unread for 150000 us"),
        at(8.5, Kind.REQUEST),
    ]
    assert drawn([*ANSWERED, *asked_again], 9).letters == "  AHHHsuHH"


def test_the_queue_of_the_server_has_a_letter() -> None:
    put, take = at(2.1, Kind.TICK, note="queue put 1"), at(5, Kind.TICK, note="queue take")
    served = [at(5.2, Kind.RECV, bytes=9), at(5.2, Kind.REQUEST)]
    assert drawn([ASKED[0], put], 6.9).letters.rstrip() == "  Aaaaa"
    assert drawn([ASKED[0], put, take, *served], 7).letters.rstrip() == "  AaaHHH"
