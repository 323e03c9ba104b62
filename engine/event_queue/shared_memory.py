"""The hand-over of events between processes: rings in shared memory, one for each writer.

A writer is one process. It owns a slot: a ring of records, a head (how many it wrote), and
counters of what it could not write. The one reader, in the terminal's process, owns the tails. Nobody
waits for another process or makes a system call to report an event (a lock among processes is taken only
to claim a slot, once in the life of a process). What is written is visible at once, also to the reader of a
writer that has been killed: so there is nothing to flush before a call that may block, and no tail to
lose.

When a ring is nearly full, detail is dropped and counted by kind; life events may use what is left, and
then wait in the writer's memory. Totals are therefore exact: what the reader got plus what the counters
say.

Layout, in 8-byte words: settings | free slots | heads | tails | owners | counters; then the rings.
Writers store a record before its head; x86-64 keeps that order, and so do arm64 machines in practice,
since an interpreter runs hundreds of instructions between the two stores.
"""

import fcntl
import gc
import mmap
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from engine.events import RECORD_BYTES

SLOTS = 2_048  # writers at a time: an engine and its child processes
FIRST_RING = 1 << 16  # records; 2.9 MB: at 300,000 events/s, the reader may be away for 0.2 s
RING = 1 << 12  # records of each further slot; pages never touched cost nothing

SETTINGS = 64  # words
COUNTERS = 64  # words of counters for each slot, in four groups of one word a kind:
DROPPED, DROPPED_BYTES = 0, 16  # events that found no room, and their bytes
THINNED, THINNED_BYTES = 32, 48  # events of connections that were not to be reported
LIFE_LOST = DROPPED  # kinds begin at 1; word 0: life events lost since even the backlog was full

USED = SETTINGS - 1  # slots that have ever been used: what the reader has to look at
FREE = SETTINGS  # the first word counts the free slots on the stack that follows
HEADS = FREE + 1 + SLOTS
TAILS = HEADS + SLOTS
OWNERS = TAILS + SLOTS
COUNTER_ROWS = OWNERS + SLOTS
WORDS = COUNTER_ROWS + (SLOTS + 1) * COUNTERS  # the last row: of those that found no slot
HELD = 1 << 63  # of an owner: held by that process, for a child that it is about to fork
_RINGS = WORDS * 8
_BYTES = _RINGS + (FIRST_RING + (SLOTS - 1) * RING) * RECORD_BYTES


class SharedMemory:
    """The memory that a run's processes share. Made by the terminal, opened again by the engine."""

    def __init__(self, fd: int) -> None:
        self.fd = fd
        self._map = mmap.mmap(fd, _BYTES)
        self.bytes = memoryview(self._map)
        """All of it, as is."""
        self.words = self.bytes.cast("Q")
        """All of it in words, for all that is written at each event, records included: another view would be
        one more object whose count of references each child writes to, and so copies the page of."""
        lock: Any = threading.Lock()
        self._claiming: threading.Lock = lock
        self.after_fork: Callable[[], None] = lock._at_fork_reinit
        """To be called in a child: a lock that another thread of the parent held would never be released
        there. (To make a new one writes to ten pages, each of which the child has to copy.)"""

    @classmethod
    def create(cls) -> "SharedMemory":
        """New memory without a name: it is gone when its last process is."""
        memory = cls(_anonymous_file())
        memory.words[FREE + 1 : FREE + 1 + SLOTS] = memory._stack()
        memory.words[FREE] = SLOTS
        return memory

    def _stack(self) -> memoryview:
        """All slots, the first on top: so that the first writer gets the large ring."""
        numbers = b"".join(slot.to_bytes(8, "little") for slot in reversed(range(SLOTS)))
        return memoryview(numbers).cast("Q")

    def ring(self, slot: int) -> memoryview:
        """The ring of a slot."""
        start = ring_start(slot)
        return self.bytes[start : start + ring_size(slot) * RECORD_BYTES]

    @contextmanager
    def locked(self) -> Iterator[memoryview]:
        """The words, with every other thread and process kept from changing what is shared."""
        # A collection could close a forgotten socket in here, whose event wants the same lock.
        with NoFinalizers(), self._claiming:
            fcntl.lockf(self.fd, fcntl.LOCK_EX)  # the kernel releases it when its holder dies
            try:
                yield self.words
            finally:
                fcntl.lockf(self.fd, fcntl.LOCK_UN)

    def claim(self, owner: int = 0) -> int | None:
        """A free slot, now owned by this process, or by `owner`; None when all are taken."""
        with self.locked() as words:
            count = words[FREE]
            if not count:
                return None
            place = next(filter(self._has_room, range(count, 0, -1)), count)
            slot: int = words[FREE + place]
            # A process killed between these lines takes a slot with it; in any other order it could
            # leave one that two writers are given.
            words[FREE + place] = words[FREE + count]
            words[FREE] = count - 1
            words[OWNERS + slot] = owner or os.getpid()
            words[USED] = max(words[USED], slot + 1)
            return slot

    def give_back(self, slot: int, owner: int) -> None:
        """Free a slot that `owner` still holds; does nothing when it is not (or no longer) held."""
        with self.locked() as words:
            if words[OWNERS + slot] == owner:
                place = words[FREE] + 1
                words[OWNERS + slot] = 0  # first, so that nobody gives it back a second time
                words[FREE + place] = slot
                words[FREE] = place

    def has_room(self, slot: int) -> bool:
        """Whether the ring of a slot is at most half full."""
        return int(self.words[HEADS + slot] - self.words[TAILS + slot]) <= ring_size(slot) // 2

    def _has_room(self, place: int) -> bool:
        """The same of the slot at this place of the stack: children that come and go by the hundred
        would else share the one ring that was given back last."""
        return self.has_room(self.words[FREE + place])

    def close(self) -> None:
        """Give up this process's view of the memory."""
        self.words.release()
        self.bytes.release()
        try:
            self._map.close()
        except BufferError:
            pass  # a reader still looks at a ring; the map goes with it
        os.close(self.fd)


def _anonymous_file() -> int:
    if hasattr(os, "memfd_create"):
        fd = os.memfd_create("servetui-events")
    else:
        import tempfile  # here, since it loads much that every fork would have to copy

        with tempfile.TemporaryFile() as file:
            fd = os.dup(file.fileno())
    os.ftruncate(fd, _BYTES)
    return fd


def ring_start(slot: int) -> int:
    """Where the ring of a slot begins, in bytes."""
    before = FIRST_RING + (slot - 1) * RING if slot else 0
    return _RINGS + before * RECORD_BYTES


def ring_size(slot: int) -> int:
    """Records in the ring of a slot: a power of two."""
    return FIRST_RING if slot == 0 else RING


class NoFinalizers:
    """Keep the garbage collector from closing a forgotten socket, and so from putting its event,
    while texts or what was deferred are being written, or a lock is held."""

    __slots__ = ("_was_enabled",)

    def __enter__(self) -> None:
        self._was_enabled = gc.isenabled()
        gc.disable()

    def __exit__(self, *_: object) -> None:
        if self._was_enabled:
            gc.enable()
