"""The writing side of the queue: the events of one thread, into the ring of its slot."""

import os
import time
from collections import deque
from time import monotonic_ns

from engine.event_queue import (
    COUNTER_ROWS,
    COUNTERS,
    DROPPED,
    DROPPED_BYTES,
    HEADS,
    LIFE_LOST,
    SLOTS,
    TAILS,
    THINNED,
    THINNED_BYTES,
    SharedMemory,
    no_finalizers,
    ring_size,
)
from engine.events import (
    LIFE,
    PAIRS,
    RECORD,
    RECORD_BYTES,
    RECV_REQUEST,
    TASK_NUMBER,
    TEXTS_PER_WRITER,
    WRITER_KIND,
    Kind,
    text_records,
)

LIFE_RESERVE = 8  # one record in 8 of a ring is kept for life events
BACKLOG = 64 * 1024 * 1024 // 256  # life events that may wait in a writer's memory, as tuples
TORN_KNOWN = 1 << 16  # connections that a writer remembers to have dropped events of
TORN_AT_ONCE = 64  # of them, told at one event: so that none takes longer than 0.1 ms
FINISH_S = 1.0  # how long a writer that ends waits for room for its backlog

_EMPTY_NUMBER = 0
_LAST_SEQ = 2**32 - 2**20  # 32 bits on the wire; looked at once a ring, so begun anew in time
_BYTES_FOLLOW = THINNED_BYTES - THINNED
_ROOM_FOR_TEXTS = 36  # records: four texts of 255 bytes, that a writer begins, and the event

Deferred = tuple[int, int, int, int, int, str, str, int, int, int]
"""The arguments of Writer.put."""

pack_record = RECORD.pack_into


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
        self._head_word = HEADS + slot
        self._thinned = COUNTER_ROWS + slot * COUNTERS + THINNED
        self._head = memory.words[self._head_word]
        self._slow_at = 0  # the head from which on room must be looked for
        self._seq = 0
        self._task = task
        self._texts = {"": _EMPTY_NUMBER}
        self._deferred: deque[Deferred] = deque()
        self._torn: dict[int, int] = {}  # conn -> events dropped and not yet told of
        self._introduced = self._finished = False

    def begin_anew(self, task: str) -> None:
        """Serve another thread of this process, after `end`: what the reader knows is not told again."""
        self._task = task
        self._seq = 0
        self._slow_at = 0
        self._introduced = False

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

    def end(self) -> None:
        """The thread ends; waits up to FINISH_S for room for life events that are still deferred."""
        deadline_ns = monotonic_ns() + int(FINISH_S * 1e9)
        while not self._make_room(Kind.EXIT) and self._deferred and monotonic_ns() < deadline_ns:
            time.sleep(0.001)
        while self._torn and self._make_room(Kind.TICK):
            pass
        for kind, *_ in self._deferred:
            self._lose(kind)
        self._deferred.clear()

    def finish(self) -> None:
        """End, and give up the slot."""
        self.end()
        # The ring may be another's from here on; a socket that a finalizer closes later is counted.
        self._slow_at = 0
        self._finished = True
        self._memory.give_back(self.slot, self.pid)

    # --- texts -----------------------------------------------------------------------------------

    def _introduce(self) -> None:
        """Tell the reader that another writer begins on this ring, and its own name."""
        self._introduced = True
        self._store(
            RECORD.pack(WRITER_KIND, *(0, 0, 0, TASK_NUMBER, 0, 0), self.pid, *(0, 0, 0, 0, 0))
        )
        self._tell_name()

    def _tell_name(self) -> None:
        for record in text_records(TASK_NUMBER, self._task):
            self._store(record)

    def _number(self, note: str, task: str) -> tuple[int, int]:
        """The numbers of two texts, told to the reader first where they are new to it."""
        with no_finalizers():
            if len(self._texts) + 2 > TEXTS_PER_WRITER:
                self._texts = {"": _EMPTY_NUMBER}
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
        with no_finalizers():
            return self._look_for_room(kind)

    def _look_for_room(self, kind: int) -> bool:
        if self._seq > _LAST_SEQ:
            self._seq = 0
        tail = self._words[TAILS + self.slot]
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

    def _give_way(self, event: Deferred) -> None:
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
        row = COUNTER_ROWS + self.slot * COUNTERS + DROPPED
        self._seq += 1
        self._words[row + kind] += 1
        self._words[row + kind + _BYTES_FOLLOW] += moved

    def _lose(self, kind: int) -> None:
        self._drop(kind, 0)
        self._words[COUNTER_ROWS + self.slot * COUNTERS + LIFE_LOST] += 1

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
        self._row = COUNTER_ROWS + SLOTS * COUNTERS

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
