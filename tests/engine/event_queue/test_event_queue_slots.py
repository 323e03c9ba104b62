"""A slot of the shared memory is had by one writer at a time, and used again."""

import os
import threading

from engine.event_queue import shared_memory as event_queue
from engine.event_queue.reader import Reader
from engine.event_queue.shared_memory import RING, SLOTS, SharedMemory
from engine.events import Event, Kind
from tests.engine.writers import notes, put_tick, writer


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
