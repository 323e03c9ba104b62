"""What a look has found is taken in piece by piece: all of it, once, in order, before the next look."""

import functools
import time

from hypothesis import given, settings
from hypothesis import strategies as st

from engine.event_queue.reader import Reader
from engine.event_queue.shared_memory import SharedMemory
from engine.events import RECV_REQUEST, RESPONSE_SEND, Event, Kind
from engine.fold.state import ServerState
from engine.running.intake import FOLDED_AT_ONCE, SHARE_OF_S, Intake
from tests.engine.writers import notes, put_tick, shared_memory, writer
from tests.support import wait_until

AT_ONCE = 0.0  # of processor time: one piece


def test_a_piece_with_each_call(memory: SharedMemory) -> None:
    one, reader, state = writer(memory), Reader(memory), ServerState()
    for number in range(1_000):
        put_tick(one, str(number))
    intake = Intake(state)
    intake.look([reader], [], whole=True)
    told: list[Event] = []
    calls = 0
    while intake.is_under_way:
        piece = intake.take(AT_ONCE)
        assert len(piece) <= FOLDED_AT_ONCE
        told += piece
        assert state.counts[Kind.TICK] == len(told)
        calls += 1
    assert notes(told) == [str(number) for number in range(1_000)]
    assert calls > 1_000 / FOLDED_AT_ONCE
    assert intake.take() == []


def test_what_comes_while_a_look_is_taken_in_is_left_to_the_next(memory: SharedMemory) -> None:
    """Its writer has the room at once, and may write over what is still being read."""
    one, reader, intake = writer(memory), Reader(memory), Intake(ServerState())
    for number in range(40_000):
        put_tick(one, f"first {number % 7}")
    intake.look([reader], [], whole=True)
    told = intake.take(AT_ONCE)
    assert memory.has_room(one.slot)
    for number in range(40_000):
        put_tick(one, f"then {number % 7}")
    told += intake.take()
    assert notes(told) == [f"first {number % 7}" for number in range(40_000)]
    intake.look([reader], [], whole=True)
    assert notes(intake.take()) == [f"then {number % 7}" for number in range(40_000)]
    assert reader.unreported().total() == 0


@settings(max_examples=20, deadline=None)
@given(st.lists(st.integers(0, 3), min_size=300, max_size=900), st.booleans())
def test_pieces_add_up_to_what_taking_all_at_once_shows(turns: list[int], whole: bool) -> None:
    """Connections that several processes serve, and events of the terminal among them."""
    with shared_memory() as memory:
        writers = [writer(memory, f"Thread-{number}") for number in range(4)]
        for conn, turn in enumerate(turns, 1):
            writers[turn].put(Kind.ACCEPT, conn, 7, 0, note="127.0.0.1", moved2=conn)
            serving = writers[(turn + conn) % 4]
            serving.put(RECV_REQUEST, conn, 7, 80, 10, "GET /", line2=11)
            serving.put(RESPONSE_SEND, conn, 7, 300, 12, "200", moved2=300, line2=13)
            if conn % 3:
                serving.put(Kind.CLOSE, conn, 7, 0, note="client closed first")
        readers = Reader(memory), Reader(memory)
        states = ServerState(), ServerState()
        in_pieces, at_once = Intake(states[0]), Intake(states[1])
        in_pieces.look([readers[0]], [], whole=whole)
        at_once.look([readers[1]], [], whole=whole)
        pieces: list[Event] = []
        while in_pieces.is_under_way:
            pieces += in_pieces.take(AT_ONCE)
        taken = at_once.take()
    assert [event.at_ns for event in pieces] == sorted(event.at_ns for event in pieces)
    # A reader of its own may have looked a moment later; what the events say is the same.
    assert pieces == taken
    now_ns = pieces[-1].at_ns
    assert states[0].snapshot(now_ns) == states[1].snapshot(now_ns)
    assert states[0].snapshot(now_ns).counts.illegal_steps == 0


def test_events_of_this_process_stand_where_they_belong(memory: SharedMemory) -> None:
    one, reader, intake = writer(memory), Reader(memory), Intake(ServerState())
    one.put(Kind.TICK, 0, -1, 0, note="before", at_ns=1_000)
    one.put(Kind.TICK, 0, -1, 0, note="after", at_ns=3_000)
    told = Event(0, 2_000, Kind.TICK, 0, -1, 1, "MainThread", 0, 0, "told")
    intake.look([reader], [told], whole=True)
    assert notes(intake.take()) == ["before", "told", "after"]


def _is_past(end_s: float) -> bool:
    return time.monotonic() > end_s


def test_how_far_the_reader_is_behind_is_told_by_two_looks(memory: SharedMemory) -> None:
    """One that took long may have met a pause of the machine."""
    one, reader, intake = writer(memory), Reader(memory), Intake(ServerState())
    for looks in range(3):
        for number in range(1_000):
            put_tick(one, str(number))
        intake.look([reader], [], whole=True)
        intake.take(AT_ONCE)
        end_s = time.monotonic() + 0.05
        wait_until(functools.partial(_is_past, end_s))
        intake.take()
        assert (intake.behind_s >= 0.05) == (looks > 0)
    intake.begin_anew()
    assert intake.behind_s == 0


def test_the_share_is_what_was_spent_of_the_time_between(memory: SharedMemory) -> None:
    one, reader, intake = writer(memory), Reader(memory), Intake(ServerState())
    assert intake.share(1.0) == 0
    begun_s = time.thread_time()
    for number in range(20_000):
        put_tick(one, str(number % 7))
    put_s = time.thread_time() - begun_s
    intake.look([reader], [], whole=True)
    intake.take()
    spent_s = time.thread_time() - begun_s - put_s
    assert intake.share(1.0 + SHARE_OF_S / 2) == 0, "too early to say"
    share = intake.share(1.0 + 2 * SHARE_OF_S)
    assert 0 < share <= spent_s / (2 * SHARE_OF_S)
    assert intake.share(1.0 + 2.5 * SHARE_OF_S) == share
    assert intake.share(1.0 + 3 * SHARE_OF_S) == 0
