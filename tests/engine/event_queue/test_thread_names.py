"""Threads of a process are told by number: their names need not travel."""

import threading
from collections.abc import Iterator

import pytest

from engine.event_queue.reader import Reader
from engine.event_queue.shared_memory import SharedMemory
from engine.event_queue.tasks import ThreadTasks
from engine.event_queue.writer import THREAD, Writer
from engine.events import THREAD_TASKS, Kind
from tests.support import wait_until


@pytest.fixture
def memory() -> Iterator[SharedMemory]:
    memory = SharedMemory.create()
    yield memory
    memory.close()


@pytest.fixture
def one(memory: SharedMemory) -> Writer:
    slot = memory.claim()
    assert slot is not None
    one = Writer(memory, slot, ThreadTasks())
    one.put(Kind.TICK, 0, -1, 0, 0, THREAD)  # the text is known from here on
    return one


def test_a_thread_is_named_by_its_number(memory: SharedMemory, one: Writer) -> None:
    reader = Reader(memory)
    known = len(one.texts)

    def live(number: int) -> None:
        one.begin_thread(number)
        one.put(Kind.RECV, number, 3, 1)
        one.end_thread(number)

    names = []
    for number in (7, 8, THREAD_TASKS + 7):
        thread = threading.Thread(target=live, args=(number,), name=f"Thread-{number}")
        thread.start()
        thread.join()
        names += [f"Thread-{number}"] * 3
    told = reader.drain()[1:]
    assert [event.task for event in told] == names
    assert [event.kind for event in told] == [Kind.SPAWN, Kind.RECV, Kind.EXIT] * 3
    assert [event.note for event in told] == [THREAD, "", THREAD] * 3
    assert {event.bytes for event in told if event.kind is Kind.SPAWN} == {0}
    assert len(one.texts) == known, "no name travelled as a text"


def test_a_thread_with_the_number_of_one_that_lives_is_named_by_a_text(
    memory: SharedMemory, one: Writer
) -> None:
    reader = Reader(memory)
    other_has_begun, may_end = threading.Event(), threading.Event()

    def live_long() -> None:
        one.begin_thread(5)
        other_has_begun.wait(10)
        one.put(Kind.RECV, 1, 3, 1)
        one.end_thread(5)

    def live() -> None:
        one.begin_thread(THREAD_TASKS + 5)
        other_has_begun.set()
        may_end.wait(10)
        one.end_thread(THREAD_TASKS + 5)

    old = threading.Thread(target=live_long, name="Thread-5")
    young = threading.Thread(target=live, name=f"Thread-{THREAD_TASKS + 5}")
    old.start()
    wait_until(lambda: one._threads, what="the first thread has begun")
    young.start()
    old.join()
    may_end.set()
    young.join()
    told = [(event.task, event.kind) for event in reader.drain()[1:]]
    assert told == [
        ("Thread-5", Kind.SPAWN),
        (young.name, Kind.SPAWN),
        ("Thread-5", Kind.RECV),
        ("Thread-5", Kind.EXIT),
        (young.name, Kind.EXIT),
    ]
    assert not one._threads


def test_one_named_by_a_text_leaves_the_number_to_the_other(one: Writer) -> None:
    one.begin_thread(5)

    def live() -> None:
        one.begin_thread(5)
        one.end_thread(5)

    young = threading.Thread(target=live)
    young.start()
    young.join()
    assert one._threads == {THREAD_TASKS + 5}
    one.end_thread(5)
    assert not one._threads
