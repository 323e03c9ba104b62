"""The hand-over between processes: nothing twice, nothing lost unsaid, whoever dies."""

import os
import sys
import threading
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.event_queue import reader as event_reader
from engine.event_queue import writer as event_writer
from engine.event_queue.no_writer import NoWriter
from engine.event_queue.reader import Reader
from engine.event_queue.shared_memory import RING, SLOTS, SharedMemory
from engine.event_queue.tasks import ThreadTasks
from engine.event_queue.writer import Writer
from engine.events import (
    ACCEPT_QUEUED,
    QUEUED_MOST_MS,
    RECV_REQUEST,
    RESPONSE_SEND,
    TEXT_NUMBERS,
    TEXTS_PER_WRITER,
    Event,
    Kind,
)
from tests.engine.writers import NOTES, notes, put_tick, shared_memory, small_writer, writer

DETAIL = [Kind.RECV, Kind.REQUEST, Kind.RESPONSE, Kind.SEND]


# --- what is put comes out -------------------------------------------------------------------------


def test_an_event_comes_out_as_it_was_put(memory: SharedMemory) -> None:
    one = writer(memory)
    one.put(Kind.RECV, 2**64 - 1, -1, 2**32 - 1, 65535, "a note", at_ns=7)
    one.put(Kind.CLOSE, 5, 6, 0)
    one.put(Kind.ACCEPT, 8, 9, 0, note="::1", moved2=4321)
    recv, close, accept = Reader(memory).drain()
    assert recv == (
        *(0, 7, Kind.RECV, 2**64 - 1, -1, os.getpid()),
        *("Thread-1", 2**32 - 1, 65535, "a note"),
    )
    assert type(recv) is Event
    assert type(recv.kind) is Kind
    assert close[2:] == (Kind.CLOSE, 5, 6, os.getpid(), "Thread-1", 0, 0, "")
    assert (accept.kind, accept.bytes, accept.note) == (Kind.ACCEPT, 0, "[::1]:4321")
    assert close.seq == 1
    assert close.at_ns > recv.at_ns


def test_a_pair_is_two_events(memory: SharedMemory) -> None:
    one = writer(memory)
    one.put(RECV_REQUEST, 5, 6, 80, 10, "GET /", line2=11)
    one.put(RESPONSE_SEND, 5, 6, 300, 12, "200", moved2=299, line2=13)
    events = Reader(memory).drain()
    assert [(event.seq, event.kind, event.bytes, event.line, event.note) for event in events] == [
        (0, Kind.RECV, 80, 10, ""),
        (1, Kind.REQUEST, 0, 11, "GET /"),
        (2, Kind.RESPONSE, 300, 12, "200"),
        (3, Kind.SEND, 299, 13, ""),
    ]


def test_an_accept_that_tells_of_its_wait_is_two_events(memory: SharedMemory) -> None:
    one, reader = writer(memory), Reader(memory)
    for _ in range(2):  # the first one with a text that is new
        one.put(ACCEPT_QUEUED, 5, 6, 0, 10, "127.0.0.1", moved2=4321, line2=QUEUED_MOST_MS)
    first, second, *again = reader.drain()
    assert (first.seq, first.kind, first.line) == (0, Kind.ACCEPT, 10)
    assert (first.bytes, first.note) == (0, "127.0.0.1:4321")
    assert (second.seq, second.kind, second.line, second.bytes) == (1, Kind.TICK, 10, 0)
    assert (second.note, second.queued_ms) == ("in the accept queue for 65535 ms", 65_535)
    assert [event[2:] for event in again] == [first[2:], second[2:]]
    assert [event.seq for event in again] == [2, 3]


def test_nothing_comes_out_twice(memory: SharedMemory) -> None:
    one, reader = writer(memory), Reader(memory)
    assert reader.drain() == []
    put_tick(one, "a")
    assert notes(reader.drain()) == ["a"]
    assert reader.drain() == []


@settings(max_examples=20)
@given(st.lists(st.tuples(st.integers(1, 300), NOTES), min_size=10, max_size=30))
def test_events_come_out_in_order_with_their_texts_over_many_wraps(
    turns: list[tuple[int, str]],
) -> None:
    with shared_memory() as memory:
        one, reader = small_writer(memory), Reader(memory)
        expected: list[tuple[int, str]] = []
        drained: list[tuple[int, str]] = []
        for count, note in turns:
            for _ in range(count):
                expected.append((len(expected), note[:255]))
                put_tick(one, note)
            drained += [(event.seq, event.note) for event in reader.drain()]
        assert drained == expected
        assert reader.unreported().total() == 0


def test_hostile_texts_begin_the_table_anew(memory: SharedMemory) -> None:
    one, reader = writer(memory), Reader(memory)
    expected = [f"GET /{number}" for number in range(5 * TEXTS_PER_WRITER)]
    for number, note in enumerate(expected):
        put_tick(one, note)
        put_tick(one, "again")
        if number % 500 == 0:
            assert len(one.texts) <= TEXTS_PER_WRITER
    events = reader.drain()
    assert notes(events)[::2] == expected
    assert set(notes(events)[1::2]) == {"again"}
    assert {event.task for event in events} == {"Thread-1"}
    assert len(reader._sources[one.slot].texts) <= TEXT_NUMBERS + 1


def test_several_writers_come_out_in_order_of_time(memory: SharedMemory) -> None:
    writers = [writer(memory, f"Thread-{number}") for number in range(5)]
    for turn in range(300):
        writers[turn * 7 % 5].put(Kind.TICK, 0, -1, 0, note=str(turn))
    events = Reader(memory).drain()
    assert notes(events) == [str(turn) for turn in range(300)]
    assert [event.task for event in events[:5]] == [f"Thread-{turn * 7 % 5}" for turn in range(5)]


def test_what_is_younger_than_the_look_waits_for_the_next(
    memory: SharedMemory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A recv in a ring that is looked at late; its accept in one that had been looked at before."""
    accepting, receiving, reader = writer(memory), writer(memory), Reader(memory)
    now_ns = iter([1_000, 2_000])
    put_tick(receiving, "makes the introduction")
    reader.drain()
    receiving.put(Kind.RECV, 1, 3, 5, at_ns=1_002)
    receiving.put(Kind.TICK, 0, -1, 0, at_ns=2_001)
    monkeypatch.setattr(event_reader, "monotonic_ns", lambda: next(now_ns))
    assert reader.drain() == []
    monkeypatch.undo()
    accepting.put(Kind.ACCEPT, 1, 3, 0, at_ns=1_001)
    monkeypatch.setattr(event_reader, "monotonic_ns", lambda: next(now_ns))
    assert [event.kind for event in reader.drain()] == [Kind.ACCEPT, Kind.RECV]
    monkeypatch.undo()
    assert [event.kind for event in reader.drain()] == [Kind.TICK]


def test_a_finalizer_that_reports_while_an_event_is_written(
    memory: SharedMemory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The garbage collector may close a forgotten socket after any call, also those of put()."""
    one = writer(memory)
    pack = event_writer.pack_record

    def packing(*args: Any) -> None:
        pack(*args)
        monkeypatch.setattr(event_writer, "pack_record", pack)
        one.put(Kind.CLOSE, 9, 9, 0, note="forgotten")

    put_tick(one, "known")
    monkeypatch.setattr(event_writer, "pack_record", packing)
    put_tick(one, "known")
    put_tick(one, "after")
    events = Reader(memory).drain()
    assert [event.seq for event in events] == [0, 1, 2, 3]
    assert notes(events) == ["known", "known", "forgotten", "after"]


def test_more_may_be_dropped_than_a_record_can_say(memory: SharedMemory) -> None:
    one, reader = small_writer(memory), Reader(memory)
    one._dropped = 2**32 - 2
    put_tick(one, "first")
    (first,) = reader.drain()
    for _ in range(2 * RING):
        one.put(Kind.SEND, 4, 3, 10)
    told = len(reader.drain())
    put_tick(one, "last")
    last = reader.drain()[-1]
    assert last.seq - first.seq == 2 * RING + 2  # with the tick that tells of the gap
    assert told < RING


# --- threads -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("ring", [writer, small_writer])
def test_threads_share_a_ring_without_a_lock(
    memory: SharedMemory, ring: Callable[[SharedMemory], Writer]
) -> None:
    """Nothing is torn, swapped or lost unsaid, however often the interpreter changes threads."""
    one, reader = ring(memory), Reader(memory)
    one._tasks, one._running = ThreadTasks(), threading.get_ident
    drained: list[Event] = []

    def work(conn: int) -> None:
        one.forget_task()  # as each thread does: one that ended before may have had its number
        for number in range(4_000):
            if number % 4:
                one.put(Kind.RECV, conn, conn, number, conn, f"{conn}")
            else:
                one.put(RESPONSE_SEND, conn, conn, number, conn, f"{conn} {number % 40}", number)

    threads = [threading.Thread(target=work, args=(conn,)) for conn in range(1, 9)]
    interval_s = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        for thread in threads:
            thread.start()
        while any(thread.is_alive() for thread in threads):
            drained += reader.drain()
    finally:
        sys.setswitchinterval(interval_s)
    one.finish()
    drained += reader.drain()
    for conn, thread in enumerate(threads, 1):
        told = [event for event in drained if event.conn == conn and event.kind is not Kind.TICK]
        # Of a small ring, a reader that is held up may see none of a thread's events.
        assert {event.task for event in told} <= {thread.name.split(" ")[0]}
        assert all(conn == event.fd == event.line for event in told if event.kind is Kind.RECV)
        numbers = [event.bytes for event in told if event.kind is not Kind.SEND]
        assert numbers == sorted(set(numbers))
        assert {event.note for event in told if event.kind is Kind.RECV} <= {f"{conn}"}
        for event in told:
            if event.kind is Kind.RESPONSE:
                assert event.note == f"{conn} {event.bytes % 40}"
    put = len([event for event in drained if event.kind is not Kind.TICK])
    assert put + reader.unreported().total() == 8 * 5_000
    for thread in threads:
        seqs = [event.seq for event in drained if event.task == thread.name.split(" ")[0]]
        assert len(set(seqs)) == len(seqs)
        if not reader.unreported().total():
            assert sorted(seqs) == list(range(5_000))


# --- counted only ----------------------------------------------------------------------------------------


def test_thinned_events_are_counted(memory: SharedMemory) -> None:
    one, reader = writer(memory), Reader(memory)
    for _ in range(3):
        one.count_exchange(1, 80, 2, 2, 4, 600)
    unreported = reader.unreported()
    assert [unreported.thinned[kind] for kind in DETAIL] == [3, 6, 6, 12]
    assert (unreported.bytes[Kind.RECV], unreported.bytes[Kind.SEND]) == (240, 1800)
    assert unreported.dropped.total() == 0
    assert reader.drain() == []


def test_a_process_without_a_slot_counts(memory: SharedMemory) -> None:
    for _ in range(SLOTS):
        memory.claim()
    counting, reader = NoWriter(memory), Reader(memory)
    assert memory.claim() is None
    counting.put(Kind.ACCEPT, 1, 3, 0, 5, "127.0.0.1:1")
    counting.put(ACCEPT_QUEUED, 1, 3, 0, 5, "127.0.0.1", moved2=1, line2=20)
    counting.put(RECV_REQUEST, 1, 3, 80, 6, "GET /")
    counting.put(RESPONSE_SEND, 1, 3, 300, 7, "200", moved2=300)
    counting.count_exchange(1, 80, 2, 3, 4, 600)
    counting.finish()
    unreported = reader.unreported()
    assert unreported.life_lost == 2
    assert [unreported.dropped[kind] for kind in [Kind.ACCEPT, *DETAIL]] == [2, 1, 1, 1, 1]
    assert unreported.dropped[Kind.TICK] == 1
    assert [unreported.thinned[kind] for kind in DETAIL] == [1, 2, 3, 4]
    assert (unreported.bytes[Kind.RECV], unreported.bytes[Kind.SEND]) == (160, 900)
    assert reader.drain() == []
