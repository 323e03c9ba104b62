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
LONG_S = 1_000.0  # since the last look: at the beginning there was none


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
        self.telling.adapt(LONG_S, whole=False)

    def put(self, events: int) -> None:
        for _ in range(events):
            put_tick(self.child, "")

    def look(self) -> float:
        """Look, and leave all to be taken in; the time of that."""
        self.intake.look([self.reader], [], whole=True)
        return -self.intake.since_look_s(0.0)


def test_how_full_the_fullest_ring_is(memory: SharedMemory) -> None:
    told = Told(memory)
    told.put(1)  # with what a writer says first
    told.look()
    assert told.reader.fullest() == 0
    told.put(RING // 4)
    assert told.reader.fullest() == 0.25
    told.look()
    assert told.reader.fullest() == 0


def test_less_is_told_while_a_late_look_is_still_taken_in(memory: SharedMemory) -> None:
    told = Told(memory)
    told.put(RING - RING // 8 - 10)  # as much as there is room for
    told.look()
    told.intake.take()
    looked_s = told.look()
    told.telling.adapt(looked_s, whole=False)  # the next one is due ADAPT_S later
    assert told.telling.ratio == 1
    told.put(PART + 10)
    assert LATE_S < ADAPT_S
    assert not told.telling.is_due(looked_s + LATE_S * 0.9)
    late_s = looked_s + LATE_S * 1.1
    assert told.telling.is_due(late_s)
    told.telling.adapt(late_s, whole=True)
    assert told.telling.ratio > 1
    assert told.settings.thinning_word[0] & (TELL_BYTES - 1) == told.telling.ratio
    assert not told.telling.is_due(late_s), "once a look: the ring is as full until the next one"


def test_a_ring_that_is_hardly_filled_may_wait(memory: SharedMemory) -> None:
    told = Told(memory)
    looked_s = told.look()
    told.telling.adapt(looked_s, whole=False)
    told.put(PART - 10)
    assert not told.telling.is_due(looked_s + LATE_S * 1.1)
    assert told.telling.is_due(looked_s + ADAPT_S)
    assert told.telling.ratio == 1
