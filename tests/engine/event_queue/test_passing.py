"""Connections that are passed over add up to the same as if they had been drawn."""

from collections.abc import Iterator
from dataclasses import replace
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.event_queue.passing import KEPT
from engine.event_queue.reader import Reader
from engine.event_queue.shared_memory import SharedMemory
from engine.event_queue.writer import Writer
from engine.events import RECV_REQUEST, RESPONSE_SEND, Kind
from engine.fold.state import ServerState
from engine.views.snapshot import Snapshot
from tests.support import OneTask

Call = tuple[int, int, str, int]  # kind, bytes, note, bytes of the second event of a pair

ACCEPT: Call = (Kind.ACCEPT, 0, "127.0.0.1", 50_000)
ASK: Call = (RECV_REQUEST, 83, "GET /", 0)
ANSWER: Call = (RESPONSE_SEND, 1_500, "200", 1_500)
CLOSE: Call = (Kind.CLOSE, 0, "server closed first: last answer", 0)
SHORT = [ACCEPT, ASK, ANSWER, CLOSE]
BLOCKING = [ACCEPT, ASK, (Kind.RESPONSE, 900, "200", 0), (Kind.SEND, 900, "", 0), CLOSE]
KEPT_ALIVE = [ACCEPT, ASK, ANSWER, ASK, ANSWER, (Kind.RECV, 0, "", 0), CLOSE]
THINNED = [ACCEPT, CLOSE]
ODD = {
    "open": [ACCEPT, ASK, ANSWER],
    "unanswered": [ACCEPT, ASK, CLOSE],
    "reset": [ACCEPT, ASK, (Kind.ERROR, 0, "ECONNRESET", 0), CLOSE],
    "silent": [ACCEPT, (Kind.RECV, 0, "", 0), CLOSE],
    "slow": [ACCEPT, ASK, (Kind.RESPONSE, 900, "200", 0), (Kind.SEND, 400, "", 0),
             (Kind.SEND, 500, "", 0), CLOSE],
    "torn": [ACCEPT, (Kind.TICK, 0, "lost 3", 0), CLOSE],
    "without its beginning": [ASK, ANSWER, CLOSE],
}  # fmt: skip


@pytest.fixture
def memory() -> Iterator[SharedMemory]:
    made = SharedMemory.create()
    yield made
    made.close()


def claimed(memory: SharedMemory, task: str) -> Writer:
    slot = memory.claim()
    assert slot is not None
    return Writer(memory, slot, OneTask(task))


def put(writer: Writer, conn: int, calls: list[Call]) -> None:
    for kind, moved, note, moved2 in calls:
        writer.put(kind, conn, 7, moved, 12, note, moved2, 13)


def folded(reader: Reader, *, whole: bool) -> tuple[ServerState, Snapshot]:
    state = ServerState()
    events = reader.drain(whole=whole)
    state.note_passed(reader.take_passed())
    state.fold(events)
    return state, state.snapshot(max(event.at_ns for event in events))


def drained_both_ways(memory: SharedMemory) -> tuple[Snapshot, Snapshot]:
    """The same records, by a reader that passes over and by one that does not."""
    passing, whole = Reader(memory), Reader(memory)
    return folded(passing, whole=False)[1], folded(whole, whole=True)[1]


@pytest.mark.parametrize("life", [SHORT, BLOCKING, KEPT_ALIVE, THINNED])
def test_what_passes_unseen_adds_to_the_totals(memory: SharedMemory, life: list[Call]) -> None:
    writer = claimed(memory, "MainThread")
    for conn in range(1, 1_001):
        put(writer, conn, life)
    passed, whole = drained_both_ways(memory)
    assert passed.counts == whole.counts
    assert passed.counts.accepted == passed.counts.closed == 1_000
    assert len(passed.connections) == KEPT


def test_the_last_ones_are_drawn_under_their_own_numbers(memory: SharedMemory) -> None:
    writer = claimed(memory, "MainThread")
    for conn in range(1, 501):
        put(writer, conn, SHORT)
    passed, whole = drained_both_ways(memory)
    last = {one.conn: one for one in whole.connections}
    assert [one.conn for one in passed.connections] == list(range(501 - KEPT, 501))
    for one in passed.connections:
        assert replace(one, row=0) == replace(last[one.conn], row=0)


@pytest.mark.parametrize("odd", ODD.values(), ids=ODD)
def test_what_is_out_of_the_ordinary_is_drawn(memory: SharedMemory, odd: list[Call]) -> None:
    writer = claimed(memory, "MainThread")
    put(writer, 7_000, odd)
    for conn in range(1, 501):
        put(writer, conn, SHORT)
    passed, whole = drained_both_ways(memory)
    assert passed.counts == whole.counts
    assert 7_000 in {one.conn for one in passed.connections}


def test_few_connections_are_all_drawn(memory: SharedMemory) -> None:
    writer = claimed(memory, "MainThread")
    for conn in range(1, KEPT + 1):
        put(writer, conn, SHORT)
    reader = Reader(memory)
    events = reader.drain(whole=False)
    assert len(events) == 6 * KEPT
    assert reader.take_passed().connections == 0


def test_a_connection_that_was_seen_before_is_not_passed_over(memory: SharedMemory) -> None:
    writer, reader, state = claimed(memory, "MainThread"), Reader(memory), ServerState()
    put(writer, 7_000, [ACCEPT, ASK, ANSWER])
    state.fold(reader.drain(whole=False))
    put(writer, 7_000, [CLOSE])
    for conn in range(1, 501):
        put(writer, conn, SHORT)
    events = reader.drain(whole=False)
    assert [event.kind for event in events if event.conn == 7_000] == [Kind.CLOSE]


def test_texts_and_new_writers_are_never_passed_over(memory: SharedMemory) -> None:
    """Their records have other bytes where a connection's number stands."""
    writer, reader = claimed(memory, "MainThread"), Reader(memory)
    for conn in range(1, 401):
        put(writer, conn, [ACCEPT, (RECV_REQUEST, 83, f"GET /{conn:050}", 0), ANSWER, CLOSE])
    events = reader.drain(whole=False)
    reader.take_passed()
    assert [e.note for e in events if e.kind is Kind.REQUEST] == [
        f"GET /{conn:050}" for conn in range(401 - KEPT, 401)
    ]
    put(writer, 500, [ACCEPT, (RECV_REQUEST, 83, f"GET /{7:050}", 0)])
    assert reader.drain(whole=False)[-1].note == f"GET /{7:050}"  # told while it was passed over


def test_lives_in_several_rings_are_put_together(memory: SharedMemory) -> None:
    acceptor = claimed(memory, "MainThread")
    threads = [claimed(memory, f"Thread-{number}") for number in range(4)]
    for conn in range(1, 401):
        put(acceptor, conn, [ACCEPT])
        put(threads[conn % 4], conn, [ASK, ANSWER, CLOSE])
    passed, whole = drained_both_ways(memory)
    assert passed.counts == whole.counts
    assert len(passed.connections) == KEPT


@given(
    st.lists(
        st.tuples(
            st.sampled_from([SHORT, BLOCKING, KEPT_ALIVE, THINNED, *ODD.values()]),
            st.integers(0, 5),
        ),
        max_size=60,
    ),
    st.randoms(use_true_random=False),
)
def test_any_lives_interleaved_in_any_way_add_up(
    lives: list[tuple[list[Call], int]], random: Random
) -> None:
    memory = SharedMemory.create()
    try:
        writer = claimed(memory, "MainThread")
        queues = [(conn, list(life)) for conn, (life, _) in enumerate(lives, 1)]
        queues += [(conn, list(SHORT)) for conn in range(1_000, 1_200)]
        order = [conn for conn, life in queues for _ in life]
        random.shuffle(order)
        waiting = dict(queues)
        for conn in order:
            put(writer, conn, [waiting[conn].pop(0)])
        passed, whole = drained_both_ways(memory)
        assert passed.counts == whole.counts
        assert {one.conn for one in passed.connections if not one.closed_ns} == {
            one.conn for one in whole.connections if not one.closed_ns
        }
    finally:
        memory.close()
