"""The hand-over between processes: nothing twice, nothing lost unsaid, whoever dies."""

import os
import signal
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine import event_queue, event_reader, event_writer
from engine.callers import ThreadTasks
from engine.event_queue import RING, SLOTS, SharedMemory
from engine.event_reader import Reader
from engine.event_writer import Writer
from engine.events import (
    LIFE,
    PAIRS,
    RECV_REQUEST,
    RESPONSE_SEND,
    TEXT_NUMBERS,
    TEXTS_PER_WRITER,
    Event,
    Kind,
    Unreported,
    text_records,
)
from engine.no_writer import NoWriter
from tests.support import OneTask, read_until

ROOT = Path(__file__).parent.parent.parent
DETAIL = [Kind.RECV, Kind.REQUEST, Kind.RESPONSE, Kind.SEND]


@contextmanager
def shared_memory() -> Iterator[SharedMemory]:
    memory = SharedMemory.create()
    try:
        yield memory
    finally:
        memory.close()


@pytest.fixture
def memory() -> Iterator[SharedMemory]:
    with shared_memory() as memory:
        yield memory


def writer(memory: SharedMemory, task: str = "Thread-1") -> Writer:
    slot = memory.claim()
    assert slot is not None
    return Writer(memory, slot, OneTask(task))


def small_writer(memory: SharedMemory, task: str = "Thread-1") -> Writer:
    """A writer with a small ring, which is soon full."""
    first, slot = memory.claim(), memory.claim()
    assert (first, slot) == (0, 1)
    return Writer(memory, 1, OneTask(task))


def notes(events: Sequence[Event]) -> list[str]:
    return [event.note for event in events]


def put_tick(writer: Writer, note: str) -> None:
    writer.put(Kind.TICK, 1, 3, 0, note=note)


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


def test_nothing_comes_out_twice(memory: SharedMemory) -> None:
    one, reader = writer(memory), Reader(memory)
    assert reader.drain() == []
    put_tick(one, "a")
    assert notes(reader.drain()) == ["a"]
    assert reader.drain() == []


NOTES = st.sampled_from(["", "a", "b" * 40, "c" * 41, "d" * 120, "e" * 300])


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

    def packing(*args: object) -> None:
        pack(*args)  # type: ignore[arg-type]
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


# --- slots -------------------------------------------------------------------------------------------


def test_the_first_writer_gets_the_large_ring(memory: SharedMemory) -> None:
    assert memory.claim() == 0
    assert event_queue.ring_size(0) > event_queue.ring_size(1)


def test_every_slot_can_be_had_once_and_again(memory: SharedMemory) -> None:
    taken = [memory.claim() for _ in range(SLOTS)]
    assert sorted(slot for slot in taken if slot is not None) == list(range(SLOTS))
    assert memory.claim() is None
    memory.give_back(7, os.getpid())
    assert memory.claim() == 7
    assert memory.claim() is None


def test_a_slot_is_given_back_once_and_by_its_owner(memory: SharedMemory) -> None:
    slot = memory.claim()
    assert slot is not None
    memory.give_back(slot, os.getpid() + 1)
    second = memory.claim()
    assert second != slot
    memory.give_back(slot, os.getpid())
    memory.give_back(slot, os.getpid())
    assert memory.claim() == slot
    assert memory.claim() not in (slot, second)


def test_a_slot_that_is_used_again_speaks_for_its_new_writer(memory: SharedMemory) -> None:
    reader = Reader(memory)
    for turn in range(20):
        one = writer(memory, f"Thread-{turn}")
        assert one.slot == 0
        put_tick(one, f"note {turn}")
        one.finish()
        if turn % 3 == 0:
            put_tick(one, "from the grave")  # a finalizer that runs late
    events = reader.drain()
    assert notes(events) == [f"note {turn}" for turn in range(20)]
    assert [event.task for event in events] == [f"Thread-{turn}" for turn in range(20)]
    assert {event.seq for event in events} == {0}
    assert reader.unreported().dropped[Kind.TICK] == 7


def test_a_slot_whose_ring_is_rather_full_is_not_the_next_to_be_used(memory: SharedMemory) -> None:
    memory.claim()
    one = writer(memory)
    for _ in range(RING // 2 + 1):
        put_tick(one, "")
    one.finish()
    assert memory.claim() != one.slot
    Reader(memory).drain()
    assert memory.claim() == one.slot


def test_many_short_writers_and_a_reader_that_is_away(memory: SharedMemory) -> None:
    """Each of them begins with its name: that, too, needs room."""
    memory.words[event_queue.FREE] = 0
    memory.words[event_queue.OWNERS + 1] = os.getpid()
    memory.give_back(1, os.getpid())  # the only slot that there is
    reader, put = Reader(memory), 0
    for turn in range(200):
        one = writer(memory, "x" * 255)
        for _ in range(10):
            put_tick(one, f"{turn}")
            put += 1
        one.finish()
    drained = [event for event in reader.drain() if not event.note.startswith("lost")]
    dropped = reader.unreported().dropped
    assert len(drained) > 200
    assert len(drained) + dropped[Kind.TICK] == put
    one = writer(memory, "the next")
    put_tick(one, "readable")
    assert [(event.task, event.note) for event in reader.drain()] == [("the next", "readable")]


def test_threads_claim_and_give_back(memory: SharedMemory) -> None:
    reader = Reader(memory)
    stop = threading.Event()
    drained: list[Event] = []

    def read() -> None:
        while not stop.is_set():
            drained.extend(reader.drain())

    def write(name: str) -> None:
        for turn in range(30):
            one = writer(memory, name)
            for number in range(10):
                put_tick(one, f"{turn} {number}")
            one.finish()

    names = [f"Thread-{number}" for number in range(6)]
    threads = [threading.Thread(target=write, args=(name,)) for name in names]
    reading = threading.Thread(target=read)
    for thread in (reading, *threads):
        thread.start()
    for thread in threads:
        thread.join()
    stop.set()
    reading.join()
    drained += reader.drain()
    expected = [f"{turn} {number}" for turn in range(30) for number in range(10)]
    for name in names:
        assert [event.note for event in drained if event.task == name] == expected
    assert memory.words[event_queue.FREE] == SLOTS


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


# --- a ring that is full -------------------------------------------------------------------------------


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
    monkeypatch.setattr(event_writer, "BACKLOG", 100)
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
    counting.put(RECV_REQUEST, 1, 3, 80, 6, "GET /")
    counting.put(RESPONSE_SEND, 1, 3, 300, 7, "200", moved2=300)
    counting.count_exchange(1, 80, 2, 3, 4, 600)
    counting.finish()
    unreported = reader.unreported()
    assert unreported.life_lost == 1
    assert [unreported.dropped[kind] for kind in [Kind.ACCEPT, *DETAIL]] == [1, 1, 1, 1, 1]
    assert [unreported.thinned[kind] for kind in DETAIL] == [1, 2, 3, 4]
    assert (unreported.bytes[Kind.RECV], unreported.bytes[Kind.SEND]) == (160, 900)
    assert reader.drain() == []


# --- processes -------------------------------------------------------------------------------------------


PRELUDE = """
import os, sys, time, threading
sys.path.insert(0, {root!r})
from engine.event_queue import SharedMemory
from engine.event_reader import Reader
from engine.event_writer import Writer
from engine.events import Kind
memory = SharedMemory({fd})
from tests.support import OneTask
def new(name): return Writer(memory, memory.claim(), OneTask(name))
"""
Script = Callable[[str], "subprocess.Popen[bytes]"]


@pytest.fixture
def script(memory: SharedMemory) -> Iterator[Script]:
    """Start a process that shares the memory; it runs after PRELUDE."""
    started: list[subprocess.Popen[bytes]] = []

    def start(source: str) -> "subprocess.Popen[bytes]":
        prelude = PRELUDE.format(root=str(ROOT), fd=memory.fd)
        process = subprocess.Popen(
            [sys.executable, "-c", prelude + source],
            pass_fds=(memory.fd,),
            stdout=subprocess.PIPE,
            bufsize=0,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.wait()
        assert process.stdout is not None
        process.stdout.close()


def output(process: "subprocess.Popen[bytes]", line: bytes) -> bytes:
    assert process.stdout is not None
    return read_until(process.stdout, line, 20)


def test_forked_children_claim_and_give_back(memory: SharedMemory, script: Script) -> None:
    process = script("""
main = new("main")
for child in range(40):
    main.put(Kind.SPAWN, 0, -1, 0, note=f"child {child}")
    if os.fork() == 0:
        memory.after_fork()
        writer = new(f"child {child}")
        for number in range(20):
            writer.put(Kind.TICK, 0, -1, 0, note=str(number))
        writer.finish()
        os._exit(0)
for child in range(40):
    os.wait()
main.finish()
""")
    assert process.wait(20) == 0
    events = Reader(memory).drain()
    assert notes([event for event in events if event.task == "main"]) == [
        f"child {child}" for child in range(40)
    ]
    for child in range(40):
        mine = [event for event in events if event.task == f"child {child}"]
        assert notes(mine) == [str(number) for number in range(20)]
        assert len({event.pid for event in mine} | {process.pid}) == 2
    assert memory.words[event_queue.FREE] == SLOTS


def test_a_child_forked_while_another_thread_claims(memory: SharedMemory, script: Script) -> None:
    """What the other thread of the parent holds must not stay locked in the child."""
    process = script("""
held, go = threading.Event(), threading.Event()
def hold():
    with memory.locked():
        held.set()
        go.wait()
thread = threading.Thread(target=hold)
thread.start()
held.wait()
child = os.fork()
if child == 0:
    memory.after_fork()
    writer = new("child")  # waits for the parent's lock on the file, not for a lock of its own
    writer.put(Kind.TICK, 0, -1, 0, note="claimed")
    writer.finish()
    os._exit(0)
go.set()
thread.join()
os.waitpid(child, 0)
""")
    assert process.wait(20) == 0
    assert notes(Reader(memory).drain()) == ["claimed"]


def test_processes_claim_at_the_same_time(memory: SharedMemory, script: Script) -> None:
    source = """
for turn in range(100):
    writers = [new(str(os.getpid())) for _ in range(5)]
    for writer in writers: writer.put(Kind.TICK, 0, -1, 0, note=str(writer.slot))
    for writer in writers: writer.finish()
"""
    for process in [script(source) for _ in range(4)]:
        assert process.wait(30) == 0
    events = Reader(memory).drain()
    assert len(events) == 4 * 100 * 5
    assert all(event.task == str(event.pid) for event in events)
    assert memory.words[event_queue.FREE] == SLOTS


def test_who_is_killed_loses_nothing_that_it_put(memory: SharedMemory, script: Script) -> None:
    process = script("""
writer = new("doomed")
for number in range(5000):
    writer.put(Kind.RECV, 1, 3, number, note=f"note {number % 7}")
print("put", flush=True)
time.sleep(60)
""")
    output(process, b"put")
    process.send_signal(signal.SIGKILL)
    process.wait()
    events = Reader(memory).drain()
    assert [event.bytes for event in events] == list(range(5000))
    assert notes(events) == [f"note {number % 7}" for number in range(5000)]


def test_slots_of_the_dead_are_freed_and_used_again(memory: SharedMemory, script: Script) -> None:
    process = script("""
writers = [new(f"Thread-{number}") for number in range(3)]
for writer in writers: writer.put(Kind.TICK, 0, -1, 0, note="last words")
print("put", flush=True)
time.sleep(60)
""")
    output(process, b"put")
    reader = Reader(memory)
    reader.free_slots_of_the_dead()
    assert memory.words[event_queue.FREE] == SLOTS - 3, "it lives"
    process.kill()
    process.wait()
    reader.free_slots_of_the_dead()
    reader.free_slots_of_the_dead()
    assert memory.words[event_queue.FREE] == SLOTS
    mine = [writer(memory, "heir") for _ in range(3)]
    assert sorted(one.slot for one in mine) == [0, 1, 2]
    for one in mine:
        put_tick(one, "mine")
    events = reader.drain()
    assert [(event.pid, event.note) for event in events] == [
        *[(process.pid, "last words")] * 3,
        *[(os.getpid(), "mine")] * 3,
    ]


def test_who_is_killed_within_a_text_spoils_no_later_one(memory: SharedMemory) -> None:
    one, reader = writer(memory), Reader(memory)
    put_tick(one, "before")
    one._store(text_records(9, "x" * 200)[0])  # and killed
    heir = Writer(memory, one.slot, OneTask("heir"))
    put_tick(heir, "after")
    assert [(event.task, event.note) for event in reader.drain()] == [
        ("Thread-1", "before"),
        ("heir", "after"),
    ]


def test_somebody_elses_process_is_alive(monkeypatch: pytest.MonkeyPatch) -> None:
    def forbid(pid: int, number: int) -> None:
        raise PermissionError

    monkeypatch.setattr(os, "kill", forbid)
    assert event_reader._is_alive(1)
