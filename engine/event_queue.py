"""The hand-over of events between processes: rings in shared memory, one for each writer.

A writer is one thread of one process. It owns a slot: a ring of records, a head (how many it wrote), and
counters of what it could not write. The one reader, in the terminal's process, owns the tails. Nobody
ever waits, takes a lock or makes a system call to report an event (a lock is taken only to claim a slot,
once in the life of a thread or process). What is written is visible at once, also to the reader of a
writer that has been killed: so there is nothing to flush before a call that may block, and no tail to
lose.

When a ring is nearly full, detail is dropped and counted by kind; life events may use what is left, and
then wait in the writer's memory. Totals are therefore exact: what the reader got plus what the counters
say.

Layout, in 8-byte words: settings | free slots | heads | tails | owners | dropped; then the rings.
Writers store a record before its head; x86-64 keeps that order, and so do arm64 machines in practice,
since an interpreter runs hundreds of instructions between the two stores.
"""

import fcntl
import mmap
import os
import tempfile
import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from operator import itemgetter
from time import monotonic_ns

from engine.events import (
    LIFE,
    RECORD,
    RECORD_BYTES,
    TEXT,
    TEXT_KIND,
    TEXT_PIECE_BYTES,
    TEXTS_PER_WRITER,
    WRITER_KIND,
    Event,
    Kind,
    text_records,
)

SLOTS = 2_048  # writers at a time: threads or child processes
FIRST_RING = 1 << 16  # records; 2.6 MB: at 300,000 events/s, the reader may be away for 0.2 s
RING = 1 << 10  # records of each further slot; pages never touched cost nothing
LIFE_RESERVE = 8  # one record in 8 of a ring is kept for life events
BACKLOG = 64 * 1024 * 1024 // RECORD_BYTES  # life events that may wait in a writer's memory
FINISH_S = 1.0  # how long a writer that ends waits for room for its backlog

SETTINGS = 64  # words
COUNTERS = 16  # words of `dropped` for each slot: one a kind, then the next two
DROPPED_IN, DROPPED_OUT = 14, 15  # bytes of dropped recv and send events
LIFE_LOST = 0  # life events lost since even the backlog was full; kinds begin at 1

_FREE = SETTINGS  # the first word counts the free slots on the stack that follows
_HEADS = _FREE + 1 + SLOTS
_TAILS = _HEADS + SLOTS
_OWNERS = _TAILS + SLOTS
_DROPPED = _OWNERS + SLOTS
_WORDS = _DROPPED + (SLOTS + 1) * COUNTERS  # the last row: of those that found no slot
_RINGS = _WORDS * 8
_BYTES = _RINGS + (FIRST_RING + (SLOTS - 1) * RING) * RECORD_BYTES


pack_record = RECORD.pack_into


class SharedMemory:
    """The memory that a run's processes share. Made by the terminal, opened again by the engine."""

    def __init__(self, fd: int) -> None:
        self.fd = fd
        self._map = mmap.mmap(fd, _BYTES)
        self._bytes = memoryview(self._map)
        self.words = self._bytes[:_RINGS].cast("Q")
        self._claiming = threading.Lock()

    @classmethod
    def create(cls) -> "SharedMemory":
        """New memory without a name: it is gone when its last process is."""
        memory = cls(_anonymous_file())
        memory.words[_FREE + 1 : _FREE + 1 + SLOTS] = memory._stack()
        memory.words[_FREE] = SLOTS
        return memory

    def _stack(self) -> memoryview:
        """All slots, the first on top: so that the first writer gets the large ring."""
        numbers = b"".join(slot.to_bytes(8, "little") for slot in reversed(range(SLOTS)))
        return memoryview(numbers).cast("Q")

    def ring(self, slot: int) -> memoryview:
        """The ring of a slot."""
        before = FIRST_RING + (slot - 1) * RING if slot else 0
        start = _RINGS + before * RECORD_BYTES
        return self._bytes[start : start + ring_size(slot) * RECORD_BYTES]

    @contextmanager
    def locked(self) -> Iterator[memoryview]:
        """The words, with every other thread and process kept from changing what is shared."""
        with self._claiming:
            fcntl.lockf(self.fd, fcntl.LOCK_EX)  # the kernel releases it when its holder dies
            try:
                yield self.words
            finally:
                fcntl.lockf(self.fd, fcntl.LOCK_UN)

    def claim(self) -> int | None:
        """A free slot, now owned by this process; None when all are taken."""
        with self.locked() as words:
            count = words[_FREE]
            if not count:
                return None
            slot: int = words[_FREE + count]
            words[_FREE] = count - 1
            words[_OWNERS + slot] = os.getpid()
            return slot

    def give_back(self, slot: int, owner: int) -> None:
        """Free a slot that `owner` still holds; does nothing when it is not (or no longer) held."""
        with self.locked() as words:
            if words[_OWNERS + slot] == owner:
                words[_FREE] += 1
                words[_FREE + words[_FREE]] = slot
                words[_OWNERS + slot] = 0

    def after_fork(self) -> None:
        """In a child: a lock that another thread of the parent held would never be released here."""
        self._claiming = threading.Lock()

    def close(self) -> None:
        """Give up this process's view of the memory."""
        self.words.release()
        self._bytes.release()
        self._map.close()
        os.close(self.fd)


def _anonymous_file() -> int:
    if hasattr(os, "memfd_create"):
        fd = os.memfd_create("servetui-events")
    else:
        with tempfile.TemporaryFile() as file:
            fd = os.dup(file.fileno())
    os.ftruncate(fd, _BYTES)
    return fd


def ring_size(slot: int) -> int:
    """Records in the ring of a slot: a power of two."""
    return FIRST_RING if slot == 0 else RING


class Writer:
    """Reports the events of one thread. Not to be shared between threads."""

    def __init__(self, memory: SharedMemory, slot: int, task: str) -> None:
        self.slot = slot
        self.pid = os.getpid()
        self._memory = memory
        self._words = memory.words
        self._ring = memory.ring(slot)
        self._size = ring_size(slot)
        self._mask = self._size - 1
        self._detail_limit = self._size - self._size // LIFE_RESERVE
        self._head_word = _HEADS + slot
        self._head = memory.words[self._head_word]
        self._slow_at = 0  # the head from which on room must be looked for
        self._seq = 0
        self._task = task
        self._texts: dict[str, int] = {}
        self._deferred: deque[Deferred] = deque()
        self._torn: dict[int, int] = {}  # conn -> events dropped and not yet told of
        self._introduce()

    def put(
        self,
        kind: Kind,
        conn: int,
        fd: int,
        moved: int,
        line: int = 0,
        note: str = "",
        task: str = "",
        at_ns: int = 0,
    ) -> None:
        """Report an event that has just happened. Never blocks, never raises.

        `moved` is the event's `bytes`; an empty `task` is the thread itself; `at_ns` 0 is now.
        """
        at_ns = at_ns or monotonic_ns()
        head = self._head
        if head >= self._slow_at:
            if not self._make_room(kind):
                self._give_way((kind, conn, fd, moved, line, note, task, at_ns))
                return
            head = self._head
        texts = self._texts
        try:
            note_number = texts[note]
            task_number = texts[task]
        except KeyError:
            note_number, task_number = self._number(note, task)
            head = self._head
        pack_record(
            self._ring,
            (head & self._mask) * RECORD_BYTES,
            kind, 0, line, task_number, note_number, fd, self._seq, at_ns, conn, moved,
        )  # fmt: skip
        self._seq += 1
        self._words[self._head_word] = self._head = head + 1

    def finish(self) -> None:
        """Give up the slot; waits up to FINISH_S for room for life events that are still deferred."""
        deadline_ns = monotonic_ns() + int(FINISH_S * 1e9)
        while self._deferred and monotonic_ns() < deadline_ns:
            if not self._make_room(Kind.EXIT):
                time.sleep(0.001)
        self._words[_DROPPED + self.slot * COUNTERS + LIFE_LOST] += len(self._deferred)
        self._memory.give_back(self.slot, self.pid)

    # --- texts -----------------------------------------------------------------------------------

    def _introduce(self) -> None:
        """Tell the reader that another writer begins on this ring, and its own name."""
        self._forget_texts()
        self._store(
            RECORD.pack(WRITER_KIND, 0, 0, _TASK_NUMBER, 0, self.pid, 0, monotonic_ns(), 0, 0)
        )

    def _forget_texts(self) -> None:
        self._texts = {"": _EMPTY_NUMBER}
        for record in text_records(_TASK_NUMBER, self._task):
            self._store(record)

    def _number(self, note: str, task: str) -> tuple[int, int]:
        """The numbers of two texts, told to the reader first where they are new to it."""
        if len(self._texts) + 2 > TEXTS_PER_WRITER:
            self._forget_texts()
        for text in (note, task):
            if text not in self._texts:
                self._texts[text] = number = len(self._texts) + 1  # 0 and 1 are taken
                for record in text_records(number, text):
                    self._store(record)
        return self._texts[note], self._texts[task]

    def _store(self, record: bytes) -> None:
        start = (self._head & self._mask) * RECORD_BYTES
        self._ring[start : start + RECORD_BYTES] = record
        self._words[self._head_word] = self._head = self._head + 1

    # --- a ring that is nearly full ----------------------------------------------------------------

    def _make_room(self, kind: Kind) -> bool:
        """Whether an event of this kind, and its texts, fit now; what waits before it goes first."""
        tail = self._words[_TAILS + self.slot]
        self._slow_at = tail + self._detail_limit
        full_at = tail + self._size - _ROOM_FOR_TEXTS
        while self._deferred and self._head < full_at:
            deferred = self._deferred.popleft()
            self._slow_at = full_at
            self.put(*deferred)
        self._slow_at = 0 if self._deferred else tail + self._detail_limit
        if self._deferred:
            return False
        if self._head < self._slow_at:
            self._tell_torn()
            return True
        return kind in LIFE and self._head < full_at

    def _give_way(self, event: "Deferred") -> None:
        kind, conn, _, moved, *_ = event
        counters = _DROPPED + self.slot * COUNTERS
        if kind not in LIFE:
            self._seq += 1
            self._words[counters + kind] += 1
            self._torn[conn] = self._torn.get(conn, 0) + 1
            if kind is Kind.RECV or kind is Kind.SEND:
                self._words[counters + (DROPPED_IN if kind is Kind.RECV else DROPPED_OUT)] += moved
        elif len(self._deferred) < BACKLOG:
            self._deferred.append(event)
            self._slow_at = 0
        else:
            self._words[counters + LIFE_LOST] += 1

    def _tell_torn(self) -> None:
        """There is room again: say which connections were not fully reported."""
        torn, self._torn = self._torn, {}
        for conn, count in torn.items():
            self.put(Kind.TICK, conn, -1, 0, note=f"lost {count}")


class NoWriter:
    """Counts the events of a thread that found no free slot; they are lost, and said to be."""

    def __init__(self, memory: SharedMemory) -> None:
        self._memory = memory

    def put(
        self, kind: Kind, conn: int, fd: int, moved: int, line: int = 0, note: str = "", task: str = ""
    ) -> None:
        """Count one event."""
        with self._memory.locked() as words:
            row = _DROPPED + SLOTS * COUNTERS
            words[row + kind] += 1
            words[row + LIFE_LOST] += kind in LIFE
            if kind is Kind.RECV or kind is Kind.SEND:
                words[row + (DROPPED_IN if kind is Kind.RECV else DROPPED_OUT)] += moved

    def finish(self) -> None:
        """Nothing waits here."""


Deferred = tuple[Kind, int, int, int, int, str, str, int]

_EMPTY_NUMBER = 0
_TASK_NUMBER = 1
_ROOM_FOR_TEXTS = 20  # records: two texts of 255 bytes and the event


@dataclass(frozen=True, slots=True)
class Dropped:
    """Events that were counted but could not be written."""

    by_kind: dict[Kind, int] = field(default_factory=lambda: dict.fromkeys(Kind, 0))
    bytes_in: int = 0
    bytes_out: int = 0
    life_lost: int = 0
    """Of them, life events: connections may be missing or seem open."""

    def __add__(self, other: "Dropped") -> "Dropped":
        return Dropped(
            {kind: self.by_kind[kind] + other.by_kind[kind] for kind in Kind},
            self.bytes_in + other.bytes_in,
            self.bytes_out + other.bytes_out,
            self.life_lost + other.life_lost,
        )


class Reader:
    """Takes events out of the rings. One a memory; lives in the terminal's process."""

    def __init__(self, memory: SharedMemory) -> None:
        self.memory = memory
        self._tails = [0] * SLOTS
        self._pids = [0] * SLOTS
        self._texts: list[list[str]] = [[] for _ in range(SLOTS)]
        self._unfinished: dict[int, bytes] = {}

    def drain(self) -> list[Event]:
        """All events that are there now, in order of time."""
        heads = self.memory.words[_HEADS : _HEADS + SLOTS].tolist()
        if heads == self._tails:
            return []
        events: list[Event] = []
        sources = 0
        for slot, (head, tail) in enumerate(zip(heads, self._tails, strict=True)):
            if head != tail:
                sources += 1
                self._take(slot, tail, head, events)
                self._tails[slot] = self.memory.words[_TAILS + slot] = head
        if sources > 1:
            events.sort(key=_AT_NS)
        return events

    def backlog(self) -> float:
        """How full the fullest ring is: 0 to 1."""
        heads = self.memory.words[_HEADS : _HEADS + SLOTS].tolist()
        waiting = zip(heads, self._tails, range(SLOTS), strict=True)
        return max((head - tail) / ring_size(slot) for head, tail, slot in waiting)

    def dropped(self) -> "Dropped":
        """What was counted but not written so far, by all writers."""
        rows = self.memory.words[_DROPPED:_WORDS].tolist()
        by_kind = {kind: sum(rows[kind::COUNTERS]) for kind in Kind}
        return Dropped(
            by_kind,
            bytes_in=sum(rows[DROPPED_IN::COUNTERS]),
            bytes_out=sum(rows[DROPPED_OUT::COUNTERS]),
            life_lost=sum(rows[LIFE_LOST::COUNTERS]),
        )

    def free_slots_of_the_dead(self) -> None:
        """Processes that were killed could not give their slots back: do it for them."""
        owners = self.memory.words[_OWNERS : _OWNERS + SLOTS].tolist()
        dead = {owner for owner in set(owners) - {0} if not _is_alive(owner)}
        for slot, owner in enumerate(owners):
            if owner in dead:
                self.memory.give_back(slot, owner)

    def _take(self, slot: int, tail: int, head: int, events: list[Event]) -> None:
        size = ring_size(slot)
        ring = self.memory.ring(slot)
        start, count = tail % size, head - tail
        first = min(count, size - start)
        self._decode(slot, ring[start * RECORD_BYTES : (start + first) * RECORD_BYTES], events)
        if count > first:
            self._decode(slot, ring[: (count - first) * RECORD_BYTES], events)

    def _decode(self, slot: int, records: memoryview, events: list[Event]) -> None:
        texts = self._texts[slot]
        pid = self._pids[slot]
        append = events.append
        kinds = _KINDS
        for record in RECORD.iter_unpack(records):
            kind, _, line, task, note, fd, seq, at_ns, conn, moved = record
            if TEXT_KIND < kind < WRITER_KIND:
                append(
                    _event(
                        Event,
                        (
                            seq, at_ns, kinds[kind], conn, fd, pid,
                            texts[task or _TASK_NUMBER], moved, line, texts[note],
                        ),
                    )
                )  # fmt: skip
            elif kind == TEXT_KIND:
                self._learn(slot, RECORD.pack(*record))
            else:
                pid = self._pids[slot] = fd

    def _learn(self, slot: int, record: bytes) -> None:
        _, length, number, piece = TEXT.unpack(record)
        text = self._unfinished.pop(slot, b"") + piece[:length]
        if length > TEXT_PIECE_BYTES:
            self._unfinished[slot] = text
            return
        texts = self._texts[slot]
        texts += [""] * (number + 1 - len(texts))
        texts[number] = text.decode("ascii")


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


_AT_NS = itemgetter(1)
_KINDS = [Kind.TICK, *Kind]  # by number; 0 is not a kind
_event = tuple.__new__  # Event(...) checks its arguments by name, which costs as much again
