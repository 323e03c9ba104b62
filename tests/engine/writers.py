"""Writers of the event queue, and what they write, as its tests need them."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from hypothesis import strategies as st

from engine.event_queue.shared_memory import SharedMemory
from engine.event_queue.writer import Writer
from engine.events import Event, Kind
from tests.support import OneTask


@contextmanager
def shared_memory() -> Iterator[SharedMemory]:
    memory = SharedMemory.create()
    try:
        yield memory
    finally:
        memory.close()


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


NOTES = st.sampled_from(["", "a", "b" * 40, "c" * 41, "d" * 120, "e" * 300])
