"""The queue of a server, as its puts and takes tell it."""

import pytest

from engine.events import Kind
from engine.fold.state import ServerState
from engine.views.snapshot import Room
from tests.engine.made import event

MS = 1_000_000


def room(state: ServerState, now_ms: int) -> Room:
    return state.snapshot(now_ms * MS).rooms["app_queue"]


def told(*notes: str, pid: int = 10) -> ServerState:
    """Each of them a millisecond after the one before it, from 1 ms on."""
    state = ServerState()
    state.fold(
        [event(Kind.TICK, 0, at_ms * MS, pid=pid, note=note) for at_ms, note in enumerate(notes, 1)]
    )
    return state


def test_a_server_without_a_queue_has_no_such_room() -> None:
    assert "app_queue" not in told("wakeups 1 would-block 2 sockets 3").snapshot(9).rooms


def test_an_empty_queue_is_a_room_too() -> None:
    assert room(told("queue take"), 5) == Room(0, 0.0)


def test_who_waits_is_counted_from_its_put_on() -> None:
    state = told("queue take", "queue put 1", "queue put 2", "queue put 3", "queue take 2")
    assert room(state, 10) == Room(2, 7.0)
    assert list(state.server.waits.queue.waits_ns) == [3 * MS]


def test_of_twenty_that_have_waited_there_is_a_median() -> None:
    notes = [note for _ in range(20) for note in ("queue put 1", "queue take")]
    assert room(told(*notes[:-2]), 50) == Room(0, 0.0)
    assert room(told(*notes), 50) == Room(0, 0.0, 1.0)


def test_who_waits_in_the_queue_is_in_no_other_room() -> None:
    state = ServerState()
    state.fold(
        [
            event(Kind.ACCEPT, 1, 1 * MS),  # of a pool of threads: before its first request
            event(Kind.TICK, 1, 2 * MS, note="queue put 1"),
            event(Kind.ACCEPT, 2, 3 * MS),  # of a loop with a pool: with a whole request
            event(Kind.RECV, 2, 4 * MS, bytes=9),
            event(Kind.REQUEST, 2, 4 * MS, note="GET /"),
            event(Kind.TICK, 2, 4 * MS, note="queue put 2"),
        ]
    )
    rooms = state.snapshot(5 * MS).rooms
    assert {name: room.now for name, room in rooms.items() if room.now} == {"app_queue": 2}
    state.fold([event(Kind.TICK, 1, 6 * MS, note="queue take 1")])
    rooms = state.snapshot(7 * MS).rooms
    assert {name: room.now for name, room in rooms.items() if room.now} == {
        "app_queue": 1,
        "idle": 1,
    }


def test_whose_bytes_nobody_has_read_is_not_idle() -> None:
    state = ServerState()
    state.fold([event(Kind.ACCEPT, conn, conn * MS) for conn in (1, 2, 3)])
    state.fold([event(Kind.RECV, 3, 4 * MS, bytes=9), event(Kind.REQUEST, 3, 4 * MS)])
    state.server.waits.unread = {2, 3}  # the next request of 3, which is in the handler
    rooms = state.snapshot(5 * MS).rooms
    assert (rooms["idle"].now, rooms["handler"].now) == (1, 1)


def test_lost_puts_and_takes_leave_no_ghost() -> None:
    assert room(told("queue put 1", "queue put 2", "queue put 2"), 5).now == 2
    assert room(told("queue put 1", "queue put 2", "queue take"), 5).now == 0
    assert room(told("queue put 4"), 5).now == 4


def test_a_queue_ends_with_its_process() -> None:
    state = told("queue put 1", pid=10)
    state.fold([event(Kind.EXIT, 0, 2 * MS, pid=9, note="process 10 exit 0")])
    assert "app_queue" not in state.snapshot(3 * MS).rooms


@pytest.mark.parametrize("note", ["queue", "queue put x"])
def test_a_note_that_nobody_makes_is_counted(note: str) -> None:
    state = told(note + " ")
    assert state.snapshot(9).counts.illegal_steps == 1
