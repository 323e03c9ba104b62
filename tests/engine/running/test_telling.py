"""When a run tells less: before a ring is full, not once it was."""

from types import SimpleNamespace
from typing import Any

from engine.event_queue.reader import Reader
from engine.event_queue.shared_memory import RING, SharedMemory
from engine.fold.state import ServerState
from engine.running.intake import Intake
from engine.running.telling import ADAPT_S, LATE_S, Telling
from engine.running.thinning import FULL
from engine.serving.service import TELL_BYTES, Settings
from tests.engine.writers import put_tick, small_writer

PART = int(RING * FULL)


class Told:
    """A run of one engine, without the engine: its child's writer, and who is told of it."""

    def __init__(self, memory: SharedMemory) -> None:
        self.child = small_writer(memory)
        self.reader, self.state = Reader(memory), ServerState()
        self.intake = Intake(self.state)
        self.settings = Settings(memory.words)
        engines: Any = SimpleNamespace(
            all=lambda: [SimpleNamespace(reader=self.reader, settings=self.settings)]
        )
        self.telling = Telling(self.state, self.intake, engines, tells_bytes=False)

    def put(self, events: int) -> None:
        for _ in range(events):
            put_tick(self.child, "")

    def is_due(self, now_s: float, *, whole: bool = False) -> bool:
        return self.telling.is_due(now_s, whole=whole)

    def look(self) -> float:
        """Look, and leave all to be taken in; the time of that."""
        self.intake.look([self.reader], [], whole=True)
        return -self.intake.since_look_s(0.0)


def test_what_waits_and_how_full_the_fullest_ring_is(memory: SharedMemory) -> None:
    told = Told(memory)
    told.put(1)  # with what a writer says first
    told.look()
    assert told.reader.waiting() == (0, 0)
    told.put(RING // 4)
    assert told.reader.waiting() == (RING // 4, 0.25)
    told.look()
    assert told.reader.waiting() == (0, 0)


def test_less_is_told_while_a_late_look_is_still_taken_in(memory: SharedMemory) -> None:
    """Of what fills the ring nothing is folded: no rate tells of it."""
    told = Told(memory)
    told.put(10)
    looked_s = told.look()
    told.telling.adapt(looked_s, whole=False)  # the next one is due ADAPT_S later
    told.put(PART + 10)
    assert LATE_S < ADAPT_S
    assert not told.is_due(looked_s + LATE_S * 0.9)
    late_s = looked_s + LATE_S * 1.1
    assert told.is_due(late_s)
    told.telling.adapt(late_s, whole=False)
    assert told.telling.ratio == 4  # some 15,000 events/s
    assert told.settings.thinning & (TELL_BYTES - 1) == 4
    assert not told.is_due(late_s), "the ring is as full until the next look"
    told.intake.take()
    looked_s = told.look()
    told.put(PART + 10)
    assert not told.is_due(looked_s + LATE_S * 1.1), "the next one has found what was put before"


def test_a_file_is_told_all(memory: SharedMemory) -> None:
    told = Told(memory)
    told.put(10)
    looked_s = told.look()
    told.telling.adapt(looked_s, whole=True)
    told.put(PART + 10)
    assert not told.is_due(looked_s + LATE_S * 1.1, whole=True)


def test_what_the_next_look_will_find_in_time_is_not_late(memory: SharedMemory) -> None:
    """Whoever takes in was away, as one who waits for who reads its stdout."""
    told = Told(memory)
    told.put(10)
    looked_s = told.look()
    told.intake.take()
    told.telling.adapt(looked_s, whole=False)
    told.put(PART + 10)
    assert not told.is_due(looked_s + LATE_S * 1.1)


def test_a_ring_that_is_hardly_filled_may_wait(memory: SharedMemory) -> None:
    told = Told(memory)
    told.put(10)
    looked_s = told.look()
    told.telling.adapt(looked_s, whole=False)
    told.put(PART - 10)
    assert not told.is_due(looked_s + LATE_S * 1.1)
    assert told.is_due(looked_s + ADAPT_S)
    assert told.telling.ratio == 1
