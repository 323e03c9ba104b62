"""A ring that is full: what is dropped is counted, and nothing is lost unsaid."""

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.event_queue import overflow as event_overflow
from engine.event_queue import writer as event_writer
from engine.event_queue.reader import Reader
from engine.event_queue.shared_memory import RING, SharedMemory
from engine.events import ACCEPT_QUEUED, LIFE, PAIRS, RESPONSE_SEND, Event, Kind, Unreported
from tests.engine.writers import NOTES, notes, put_tick, shared_memory, small_writer


def test_detail_is_dropped_and_counted_when_the_ring_is_full(memory: SharedMemory) -> None:
    one, reader = small_writer(memory), Reader(memory)
    for _ in range(2 * RING):
        one.put(Kind.SEND, 4, 3, 10)
    events, unreported = reader.drain(), reader.unreported()
    assert len(events) < RING
    assert len(events) + unreported.dropped[Kind.SEND] == 2 * RING
    assert unreported.bytes[Kind.SEND] == 10 * unreported.dropped[Kind.SEND]
    assert unreported.life_lost == 0


def test_life_events_wait_for_room_and_come_in_order(memory: SharedMemory) -> None:
    one, reader = small_writer(memory), Reader(memory)
    for number in range(5 * RING):
        one.put(Kind.ACCEPT, number, 3, 0)
        one.put(Kind.RECV, number, 3, 1)
    accepted: list[int] = []
    received = 0
    for _ in range(100):
        events = reader.drain()
        assert [event.at_ns for event in events] == sorted(event.at_ns for event in events)
        accepted += [event.conn for event in events if event.kind is Kind.ACCEPT]
        received += sum(event.kind is Kind.RECV for event in events)
        put_tick(one, "later")
    assert accepted == list(range(5 * RING))
    unreported = reader.unreported()
    assert received + unreported.dropped[Kind.RECV] == 5 * RING
    assert unreported.life_lost == 0


def test_an_accept_is_told_without_its_wait_where_only_that_has_room(memory: SharedMemory) -> None:
    one, reader = small_writer(memory), Reader(memory)
    for number in range(RING):  # detail, until there is no room for any
        one.put(Kind.RECV, number, 3, 1)
    before = reader.unreported().dropped[Kind.RECV]
    assert before > 0
    one.put(ACCEPT_QUEUED, RING, 3, 0, 10, "127.0.0.1", moved2=4321, line2=7)
    last = reader.drain()[-1]
    assert (last.kind, last.note) == (Kind.ACCEPT, "127.0.0.1:4321")
    dropped = reader.unreported().dropped
    assert (dropped[Kind.RECV], dropped[Kind.TICK], dropped[Kind.ACCEPT]) == (before, 1, 0)


def test_connections_with_a_gap_are_told_once_there_is_room(memory: SharedMemory) -> None:
    one, reader = small_writer(memory), Reader(memory)
    for number in range(2 * RING):
        one.put(Kind.RECV, number % 10 + 1, 3, 1)
    dropped = 2 * RING - len(reader.drain())
    put_tick(one, "room again")
    told = {event.conn: event for event in reader.drain() if event.note.startswith("lost")}
    assert sorted(told) == list(range(1, 11))
    assert {event.kind for event in told.values()} == {Kind.TICK}
    assert sum(int(event.note.split()[1]) for event in told.values()) == dropped
    put_tick(one, "nothing left to tell")
    assert notes(reader.drain()) == ["nothing left to tell"]


def test_many_connections_with_a_gap_are_told_a_few_at_a_time(memory: SharedMemory) -> None:
    one, reader = small_writer(memory), Reader(memory)
    for number in range(3 * RING):
        one.put(Kind.RECV, number, 3, 1)
    unseen = set(range(3 * RING)) - {event.conn for event in reader.drain()}
    told: list[int] = []
    for _ in range(3 * RING // event_writer.TORN_AT_ONCE):
        put_tick(one, "on")
        events = reader.drain()
        assert len(events) <= 1 + event_writer.TORN_AT_ONCE
        told += [event.conn for event in events if event.note.startswith("lost")]
    assert sorted(told) == sorted(unseen)


def test_who_finishes_tells_its_gaps_first(memory: SharedMemory) -> None:
    one, reader = small_writer(memory), Reader(memory)
    for _ in range(2 * RING):
        one.put(Kind.RECV, 5, 3, 1)
    reader.drain()
    one.finish()
    assert [event.conn for event in reader.drain()] == [5]


def test_life_that_finds_no_room_to_the_end_is_counted_as_lost(
    memory: SharedMemory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(event_writer, "FINISH_S", 0)
    monkeypatch.setattr(event_overflow, "BACKLOG", 100)
    one, reader = small_writer(memory), Reader(memory)
    for number in range(2 * RING):
        one.put(Kind.ACCEPT, number, 3, 0)
    one.finish()
    events, unreported = reader.drain(), reader.unreported()
    assert len(events) + unreported.dropped[Kind.ACCEPT] == 2 * RING
    assert unreported.life_lost == unreported.dropped[Kind.ACCEPT] > 100


STEPS = st.one_of(
    st.tuples(st.sampled_from([*Kind, *PAIRS]), st.integers(1, 400), NOTES, st.integers(0, 2**20)),
    st.just("drain"),
)


def second_bytes(step: tuple[int, int, str, int]) -> int:
    """Of a pair: a request has none, a send may be a part of its response."""
    return step[3] // 2 if step[0] == RESPONSE_SEND else 0


def emitted(step: tuple[int, int, str, int]) -> tuple[Counter[Kind], Counter[Kind]]:
    """The events and the bytes, by kind, of one step."""
    kind, count, _, moved = step
    kinds = PAIRS[kind] if kind in PAIRS else (Kind(kind),)
    sizes = (0,) if kind in LIFE else (moved, second_bytes(step))
    return (
        Counter(dict.fromkeys(kinds, count)),
        Counter({each: count * size for each, size in zip(kinds, sizes, strict=False)}),
    )


@settings(max_examples=60)
@given(st.lists(STEPS, max_size=40))
def test_emitted_is_drained_plus_dropped_exactly(
    steps: list[tuple[int, int, str, int] | str],
) -> None:
    with shared_memory() as memory:
        one, reader = small_writer(memory), Reader(memory)
        events: list[Event] = []
        put: Counter[Kind] = Counter()
        put_bytes: Counter[Kind] = Counter()
        for number, step in enumerate(steps):
            if isinstance(step, str):
                events += reader.drain()
                continue
            kind, count, note, moved = step
            moved = 0 if kind in LIFE else moved
            for _ in range(count):
                one.put(kind, number, 3, moved, 9, note, moved2=second_bytes(step))
            put += emitted(step)[0]
            put_bytes += emitted(step)[1]
        while one._deferred:
            events += reader.drain()
            put_tick(one, "lost 0")  # one that is not counted here, as those that tell of gaps
        check_sums(events + reader.drain(), reader.unreported(), put, put_bytes)


def check_sums(
    events: list[Event], unreported: Unreported, put: Counter[Kind], put_bytes: Counter[Kind]
) -> None:
    events = [event for event in events if not event.note.startswith("lost")]
    assert unreported.life_lost == 0
    assert all(unreported.dropped[kind] == 0 for kind in LIFE)
    for kind in set(Kind) - {Kind.TICK}:
        mine = [event for event in events if event.kind is kind]
        assert len(mine) + unreported.dropped[kind] == put[kind]
        assert sum(event.bytes for event in mine) + unreported.bytes[kind] == put_bytes[kind]
    assert [event.at_ns for event in events] == sorted(event.at_ns for event in events)
    assert [event.seq for event in events] == sorted({event.seq for event in events})
