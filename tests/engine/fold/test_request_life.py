"""Where the time of a request went, by the events of its connection and of the server's queue."""

import pytest

from engine.events import Event, Kind
from engine.fold.state import ServerState
from engine.views.detail import RequestLife, Split
from tests.engine.made import MS, event

ACCEPT, RECV, REQUEST, RESPONSE, SEND, TICK = (
    *(Kind.ACCEPT, Kind.RECV, Kind.REQUEST, Kind.RESPONSE, Kind.SEND, Kind.TICK),
)


def told(*events: Event) -> ServerState:
    state = ServerState()
    state.fold(list(events))
    return state


def lives(state: ServerState, at_ms: float = 1_000) -> tuple[RequestLife, ...]:
    detail = state.detail(1, round(at_ms * MS))
    assert detail is not None
    return detail.requests


def at(kind: Kind, ms: float, moved: int = 0, note: str = "") -> Event:
    return event(kind, 1, round(ms * MS), bytes=moved, note=note)


def unread(ms: float, for_ms: float) -> Event:
    return at(RECV, ms, 80, f"unread for {round(for_ms * 1e3)} us")


def answered(ms: float, sent_ms: float) -> list[Event]:
    return [at(RESPONSE, ms, 100, "200"), at(SEND, sent_ms, 100)]


def test_bytes_that_came_before_the_accept_were_in_the_accept_queue() -> None:
    first = [at(ACCEPT, 10), unread(12, 11.5), at(REQUEST, 13, note="GET /a"), *answered(20, 21)]
    second = [unread(32, 0.5), at(REQUEST, 33, note="GET /b"), *answered(40, 42)]
    state = told(*first, *second)
    assert [life.split for life in lives(state)] == [
        Split(round(9.5 * MS), 2 * MS, None, 7 * MS, 1 * MS),
        Split(None, MS // 2, None, 7 * MS, 2 * MS),
    ]
    shot = state.snapshot(50 * MS)
    assert shot.connections[0].queued_ms == 9.5


def test_one_wait_is_not_counted_twice_when_bytes_are_read_in_pieces() -> None:
    state = told(at(ACCEPT, 0), unread(20, 10), unread(25, 15), at(REQUEST, 25), *answered(26, 26))
    assert [life.unread_ns for life in lives(state)] == [15 * MS]


def test_a_request_that_waits_for_a_worker_is_not_in_the_handler() -> None:
    state = told(
        *(at(ACCEPT, 0), at(RECV, 1, 80), at(REQUEST, 1, note="GET /")),
        *(at(TICK, 2, note="queue put 1"), at(TICK, 32, note="queue take 0"), *answered(40, 40)),
    )
    assert [life.split for life in lives(state)] == [Split(None, None, 30 * MS, 9 * MS, 0)]
    assert state.snapshot(50 * MS).counts.illegal_steps == 0


def test_a_request_that_waits_in_every_room_has_a_part_for_each() -> None:
    state = told(
        *(at(ACCEPT, 10), at(TICK, 12, note="queue put 1"), at(TICK, 32, note="queue take")),
        *(unread(35, 29), at(REQUEST, 36, note="GET /"), at(RESPONSE, 50, 1000, "200")),
        *(at(SEND, 50, 600), at(SEND, 80, 400)),
    )
    assert [life.split for life in lives(state)] == [
        Split(4 * MS, 3 * MS, 20 * MS, 14 * MS, 30 * MS)
    ]


def test_of_pipelined_requests_each_has_its_own_times() -> None:
    state = told(
        *(at(ACCEPT, 0), at(RECV, 1, 160), at(REQUEST, 1, note="GET /a")),
        *(at(REQUEST, 1, note="GET /b"), at(RESPONSE, 3, 100, "200"), at(RESPONSE, 7, 50, "404")),
        *(at(SEND, 8, 120), at(SEND, 9, 30)),
    )
    assert [(life.title, life.status, life.split) for life in lives(state)] == [
        ("GET /a", "200", Split(None, None, None, 2 * MS, 5 * MS)),
        ("GET /b", "404", Split(None, None, None, 6 * MS, 2 * MS)),
    ]


def test_what_is_under_way_has_no_split_and_is_in_no_percentile() -> None:
    state = told(
        at(ACCEPT, 0), at(RECV, 1, 80), at(REQUEST, 1), at(RESPONSE, 3, 100), at(SEND, 4, 40)
    )
    (life,) = lives(state)
    assert (life.split, life.answered_ns, life.unsent) == (None, 3 * MS, 60)
    assert state.snapshot(9 * MS).rooms["handler"].p50_ms is None


def test_requests_whose_events_were_lost_are_not_told_as_under_way() -> None:
    state = told(at(ACCEPT, 0), at(RECV, 1, 80), at(REQUEST, 1), at(TICK, 2, note="lost 2"))
    assert lives(state) == ()
    state.fold([at(RECV, 5, 80), at(REQUEST, 5, note="GET /b"), *answered(6, 6)])
    assert [life.title for life in lives(state)] == ["GET /b"]


@pytest.mark.parametrize("note", ["unread for x us", "unread", "nonsense", "unread for -3 us"])
def test_a_note_that_nobody_makes_tells_nothing(note: str) -> None:
    state = told(at(ACCEPT, 0), at(RECV, 1, 80, note), at(REQUEST, 1), *answered(2, 2))
    assert [life.unread_ns for life in lives(state)] == [None]


def test_requests_are_forgotten_with_their_events() -> None:
    state = told(at(ACCEPT, 0))
    for ms in range(1, 500):
        state.fold([at(RECV, ms, 80), at(REQUEST, ms), *answered(ms + 0.5, ms + 0.5)])
    detail = state.detail(1, 1_000 * MS)
    assert detail is not None
    assert len(detail.requests) == sum(one.kind is REQUEST for one in detail.events)
    assert detail.forgotten > 0
