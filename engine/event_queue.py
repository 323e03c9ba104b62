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

Layout, in 8-byte words: settings | free slots | heads | tails | owners | counters; then the rings.
Writers store a record before its head; x86-64 keeps that order, and so do arm64 machines in practice,
since an interpreter runs hundreds of instructions between the two stores.
"""

import fcntl
import gc
import mmap
import os
import threading
import time
from bisect import bisect_right
from collections import Counter, deque
from collections.abc import Iterator
from contextlib import contextmanager
from operator import itemgetter
from time import monotonic_ns

from engine.events import (
    LIFE,
    PAIRS,
    RECORD,
    RECORD_BYTES,
    RECV_REQUEST,
    RESPONSE_SEND,
    TEXT,
    TEXT_KIND,
    TEXT_PIECE_BYTES,
    TEXTS_PER_WRITER,
    WRITER_KIND,
    Event,
    Kind,
    Unreported,
    text_records,
)

SLOTS = 2_048  # writers at a time: threads or child processes
FIRST_RING = 1 << 16  # records; 2.6 MB: at 300,000 events/s, the reader may be away for 0.2 s
RING = 1 << 10  # records of each further slot; pages never touched cost nothing
LIFE_RESERVE = 8  # one record in 8 of a ring is kept for life events
BACKLOG = 64 * 1024 * 1024 // 256  # life events that may wait in a writer's memory, as tuples
TORN_KNOWN = 1 << 16  # connections that a writer remembers to have dropped events of
TORN_AT_ONCE = 64  # of them, told at one event: so that none takes longer than 0.1 ms
FINISH_S = 1.0  # how long a writer that ends waits for room for its backlog

SETTINGS = 64  # words
COUNTERS = 64  # words of counters for each slot, in four groups of one word a kind:
DROPPED, DROPPED_BYTES = 0, 16  # events that found no room, and their bytes
THINNED, THINNED_BYTES = 32, 48  # events of connections that were not to be reported
LIFE_LOST = DROPPED  # kinds begin at 1; word 0: life events lost since even the backlog was full

_USED = SETTINGS - 1  # slots that have ever been used: what the reader has to look at
_FREE = SETTINGS  # the first word counts the free slots on the stack that follows
_HEADS = _FREE + 1 + SLOTS
_TAILS = _HEADS + SLOTS
_OWNERS = _TAILS + SLOTS
_COUNTERS = _OWNERS + SLOTS
_WORDS = _COUNTERS + (SLOTS + 1) * COUNTERS  # the last row: of those that found no slot
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
            place = next(filter(self._has_room, range(count, 0, -1)), count)
            slot: int = words[_FREE + place]
            # A process killed between these lines takes a slot with it; in any other order it could
            # leave one that two writers are given.
            words[_FREE + place] = words[_FREE + count]
            words[_FREE] = count - 1
            words[_OWNERS + slot] = os.getpid()
            words[_USED] = max(words[_USED], slot + 1)
            return slot

    def give_back(self, slot: int, owner: int) -> None:
        """Free a slot that `owner` still holds; does nothing when it is not (or no longer) held."""
        with self.locked() as words:
            if words[_OWNERS + slot] == owner:
                place = words[_FREE] + 1
                words[_OWNERS + slot] = 0  # first, so that nobody gives it back a second time
                words[_FREE + place] = slot
                words[_FREE] = place

    def _has_room(self, place: int) -> bool:
        """Whether the ring of the slot at this place of the stack is at most half full: threads that
        come and go by the thousand would else share the one ring that was given back last."""
        slot: int = self.words[_FREE + place]
        return int(self.words[_HEADS + slot] - self.words[_TAILS + slot]) <= ring_size(slot) // 2

    def after_fork(self) -> None:
        """In a child: a lock that another thread of the parent held would never be released here."""
        self._claiming = threading.Lock()

    def close(self) -> None:
        """Give up this process's view of the memory."""
        self.words.release()
        self._bytes.release()
        try:
            self._map.close()
        except BufferError:
            pass  # a writer still looks at its ring; the map goes with it
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
        self._thinned = _COUNTERS + slot * COUNTERS + THINNED
        self._head = memory.words[self._head_word]
        self._slow_at = 0  # the head from which on room must be looked for
        self._seq = 0
        self._task = task
        self._texts: dict[str, int] = {}
        self._deferred: deque[Deferred] = deque()
        self._torn: dict[int, int] = {}  # conn -> events dropped and not yet told of
        self._introduced = self._finished = False

    def put(
        self,
        kind: int,
        conn: int,
        fd: int,
        moved: int,
        line: int = 0,
        note: str = "",
        task: str = "",
        moved2: int = 0,
        line2: int = 0,
        at_ns: int = 0,
    ) -> None:
        """Report an event (or a pair of PAIRS) that has just happened. Never blocks, never raises.

        `moved` is the event's `bytes`; an empty `task` is the thread itself; `at_ns` 0 is now. An
        accept has the peer's host as its note and its port as `moved2`: ports would fill the texts.
        """
        if self._head >= self._slow_at and not self._make_room(kind):
            at_ns = at_ns or monotonic_ns()
            self._give_way((kind, conn, fd, moved, line, note, task, moved2, line2, at_ns))
            return
        texts = self._texts
        try:
            note_number = texts[note]
            task_number = texts[task]
        except KeyError:
            note_number, task_number = self._number(note, task)
        at_ns = at_ns or monotonic_ns()
        # A finalizer that closes a forgotten socket may run within the call below, and put an event
        # of its own: so the place is taken before it is written, and the head published as it is then.
        head = self._head
        seq = self._seq
        self._head = head + 1
        self._seq = seq + 1 if kind < RECV_REQUEST else seq + 2
        pack_record(
            self._ring, (head & self._mask) * RECORD_BYTES, kind, 0, line, line2, task_number,
            note_number, 0, fd, seq, moved, moved2, at_ns, conn,
        )  # fmt: skip
        self._words[self._head_word] = self._head

    def count_exchange(
        self, recvs: int, received: int, requests: int, responses: int, sends: int, sent: int
    ) -> None:
        """Count the events of a connection that is not to be reported."""
        words, row = self._words, self._thinned
        words[row + 3] += recvs  # Kind.RECV and so on, spelt as numbers since this is a hot path
        words[row + 4] += requests
        words[row + 5] += responses
        words[row + 6] += sends
        words[row + _BYTES_FOLLOW + 3] += received
        words[row + _BYTES_FOLLOW + 6] += sent

    def finish(self) -> None:
        """Give up the slot; waits up to FINISH_S for room for life events that are still deferred."""
        deadline_ns = monotonic_ns() + int(FINISH_S * 1e9)
        while not self._make_room(Kind.EXIT) and self._deferred and monotonic_ns() < deadline_ns:
            time.sleep(0.001)
        while self._torn and self._make_room(Kind.TICK):
            pass
        for kind, *_ in self._deferred:
            self._lose(kind)
        self._deferred.clear()
        # The ring may be another's from here on; a socket that a finalizer closes later is counted.
        self._slow_at = 0
        self._finished = True
        self._memory.give_back(self.slot, self.pid)

    # --- texts -----------------------------------------------------------------------------------

    def _introduce(self) -> None:
        """Tell the reader that another writer begins on this ring, and its own name."""
        self._introduced = True
        self._store(
            RECORD.pack(WRITER_KIND, *(0, 0, 0, _TASK_NUMBER, 0, 0), self.pid, *(0, 0, 0, 0, 0))
        )
        self._forget_texts()

    def _forget_texts(self) -> None:
        self._texts = {"": _EMPTY_NUMBER}
        for record in text_records(_TASK_NUMBER, self._task):
            self._store(record)

    def _number(self, note: str, task: str) -> tuple[int, int]:
        """The numbers of two texts, told to the reader first where they are new to it."""
        with _no_finalizers():
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

    def _make_room(self, kind: int) -> bool:
        """Whether an event of this kind, and its texts, fit now; what waits before it goes first."""
        if self._finished:
            return False
        with _no_finalizers():
            return self._look_for_room(kind)

    def _look_for_room(self, kind: int) -> bool:
        if self._seq > _LAST_SEQ:
            self._seq = 0
        tail = self._words[_TAILS + self.slot]
        full_at = tail + self._size - _ROOM_FOR_TEXTS
        if not self._introduced:
            if self._head >= full_at:
                return False
            self._introduce()
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
        kind, conn, _, moved, _, _, _, moved2, _, _ = event
        if self._finished:
            NoWriter(self._memory).put(*event)
        elif kind not in LIFE:
            for each, bytes_moved in zip(PAIRS.get(kind, (kind,)), (moved, moved2), strict=False):
                self._drop(each, bytes_moved)
            if conn in self._torn or len(self._torn) < TORN_KNOWN:
                self._torn[conn] = self._torn.get(conn, 0) + 1
        elif len(self._deferred) < BACKLOG:
            self._deferred.append(event)
            self._slow_at = 0
        else:
            self._lose(kind)

    def _drop(self, kind: int, moved: int) -> None:
        row = _COUNTERS + self.slot * COUNTERS + DROPPED
        self._seq += 1
        self._words[row + kind] += 1
        self._words[row + kind + _BYTES_FOLLOW] += moved

    def _lose(self, kind: int) -> None:
        self._drop(kind, 0)
        self._words[_COUNTERS + self.slot * COUNTERS + LIFE_LOST] += 1

    def _tell_torn(self) -> None:
        """There is room again: say which connections were not fully reported."""
        for _ in range(TORN_AT_ONCE):
            if not self._torn or self._head >= self._slow_at:
                break
            conn, count = self._torn.popitem()
            self.put(Kind.TICK, conn, -1, 0, note=f"lost {count}")
        if self._torn:
            self._slow_at = 0  # the next event tells on


class NoWriter:
    """Counts the events of a thread that found no free slot; they are lost, and said to be."""

    def __init__(self, memory: SharedMemory) -> None:
        self._memory = memory
        self._row = _COUNTERS + SLOTS * COUNTERS

    def put(
        self,
        kind: int,
        conn: int,
        fd: int,
        moved: int,
        line: int = 0,
        note: str = "",
        task: str = "",
        moved2: int = 0,
        line2: int = 0,
        at_ns: int = 0,
    ) -> None:
        """Count an event, or a pair."""
        with self._memory.locked() as words:
            for each, bytes_moved in zip(PAIRS.get(kind, (kind,)), (moved, moved2), strict=False):
                words[self._row + DROPPED + each] += 1
                words[self._row + DROPPED_BYTES + each] += bytes_moved
            words[self._row + LIFE_LOST] += kind in LIFE

    def count_exchange(
        self, recvs: int, received: int, requests: int, responses: int, sends: int, sent: int
    ) -> None:
        """Count the events of a connection that is not to be reported."""
        counts = {Kind.RECV: recvs, Kind.REQUEST: requests, Kind.RESPONSE: responses}
        with self._memory.locked() as words:
            for kind, count in (counts | {Kind.SEND: sends}).items():
                words[self._row + THINNED + kind] += count
            words[self._row + THINNED_BYTES + Kind.RECV] += received
            words[self._row + THINNED_BYTES + Kind.SEND] += sent

    def finish(self) -> None:
        """Nothing waits here."""


Deferred = tuple[int, int, int, int, int, str, str, int, int, int]
"""The arguments of Writer.put."""


_EMPTY_NUMBER = 0
_TASK_NUMBER = 1
_LAST_SEQ = 2**32 - 2**20  # 32 bits on the wire; looked at once a ring, so begun anew in time
_BYTES_FOLLOW = THINNED_BYTES - THINNED
_ROOM_FOR_TEXTS = 36  # records: four texts of 255 bytes, that a writer begins, and the event


class Reader:
    """Takes events out of the rings. One a memory; lives in the terminal's process."""

    def __init__(self, memory: SharedMemory) -> None:
        self.memory = memory
        self._tails = [0] * SLOTS
        self._pids = [0] * SLOTS
        self._texts: list[list[str]] = [[] for _ in range(SLOTS)]
        self._unfinished: dict[int, bytes] = {}
        self._early: list[Event] = []

    def drain(self) -> list[Event]:
        """All events up to now, in order of time.

        While rings are looked at one by one, a writer may put a recv into a later one whose accept
        came into an earlier one just after that was looked at. So what is younger than the first
        look waits for the next call: no event comes before one that another thread put before it.
        """
        now_ns = monotonic_ns()
        used = self.memory.words[_USED]
        heads = self.memory.words[_HEADS : _HEADS + used].tolist()
        events, self._early = self._early, []
        if not events and heads == self._tails[:used]:
            return []
        sources = len(events[:1])
        for slot, (head, tail) in enumerate(zip(heads, self._tails, strict=False)):
            if head != tail:
                sources += 1
                self._take(slot, tail, head, events)
                self._tails[slot] = self.memory.words[_TAILS + slot] = head
        if sources > 1:
            events.sort(key=_AT_NS)
        if events and events[-1].at_ns > now_ns:
            end = bisect_right(events, now_ns, key=_AT_NS)
            events, self._early = events[:end], events[end:]
        return events

    def unreported(self) -> Unreported:
        """What all writers counted so far without reporting it."""
        used = self.memory.words[_USED] * COUNTERS
        words = self.memory.words[_COUNTERS : _COUNTERS + used].tolist()
        words += self.memory.words[_WORDS - COUNTERS : _WORDS].tolist()
        if not any(words):
            return _NOTHING_UNREPORTED
        return Unreported(
            _by_kind(words, DROPPED),
            _by_kind(words, THINNED),
            _by_kind(words, DROPPED_BYTES) + _by_kind(words, THINNED_BYTES),
            sum(words[LIFE_LOST::COUNTERS]),
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
            kind, _, line, line2, task, note, _, fd, seq, moved, moved2, at_ns, conn = record
            if kind == RECV_REQUEST:
                name = texts[task or _TASK_NUMBER]
                append(_event(Event, (seq, at_ns, _RECV, conn, fd, pid, name, moved, line, "")))
                append(
                    _event(
                        Event,
                        (seq + 1, at_ns, _REQUEST, conn, fd, pid, name, 0, line2, texts[note]),
                    )
                )
            elif kind == RESPONSE_SEND:
                name = texts[task or _TASK_NUMBER]
                append(
                    _event(
                        Event,
                        (seq, at_ns, _RESPONSE, conn, fd, pid, name, moved, line, texts[note]),
                    )
                )
                append(
                    _event(Event, (seq + 1, at_ns, _SEND, conn, fd, pid, name, moved2, line2, ""))
                )
            elif kind == _ACCEPT:
                host, name = texts[note], texts[task or _TASK_NUMBER]
                peer = f"[{host}]:{moved2}" if ":" in host else f"{host}:{moved2}"
                append(_event(Event, (seq, at_ns, _ACCEPT, conn, fd, pid, name, 0, line, peer)))
            elif TEXT_KIND < kind < RECV_REQUEST:
                name = texts[task or _TASK_NUMBER]
                append(
                    _event(
                        Event,
                        (seq, at_ns, kinds[kind], conn, fd, pid, name, moved, line, texts[note]),
                    )
                )
            elif kind == TEXT_KIND:
                self._learn(slot, RECORD.pack(*record))
            else:
                pid = self._pids[slot] = fd
                self._unfinished.pop(slot, None)  # the writer before was killed within a text

    def _learn(self, slot: int, record: bytes) -> None:
        _, length, number, piece = TEXT.unpack(record)
        text = self._unfinished.pop(slot, b"") + piece[:length]
        if length > TEXT_PIECE_BYTES:
            self._unfinished[slot] = text
            return
        texts = self._texts[slot]
        texts += [""] * (number + 1 - len(texts))
        texts[number] = text.decode("ascii")


_NOTHING_UNREPORTED = Unreported()


def _by_kind(words: list[int], group: int) -> Counter[Kind]:
    return Counter({kind: sum(words[group + kind :: COUNTERS]) for kind in Kind})


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass  # somebody else's process has its number by now; it will end, too
    return True


@contextmanager
def _no_finalizers() -> Iterator[None]:
    """Keep the garbage collector from closing a forgotten socket, and so from putting its event,
    while texts or what was deferred are being written."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


_AT_NS = itemgetter(1)
_ACCEPT = Kind.ACCEPT
_RECV, _REQUEST, _RESPONSE, _SEND = Kind.RECV, Kind.REQUEST, Kind.RESPONSE, Kind.SEND
_KINDS = [Kind.TICK, *Kind]  # by number; 0 is not a kind
_event = tuple.__new__  # Event(...) checks its arguments by name, which costs as much again
