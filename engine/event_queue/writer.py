"""The writing side of the queue: the events of one process, into the ring of its slot.

All threads of a process write to one ring, and take no lock for it: the interpreter runs one of them at
a time, and changes to another only after a call or at a jump back. Where it matters there is neither.
"""

import os
import time
from _thread import RLock  # as it was before a model patches it
from collections.abc import Hashable
from time import monotonic_ns

from engine.event_queue.no_writer import NoWriter
from engine.event_queue.overflow import Overflow
from engine.event_queue.shared_memory import (
    COUNTER_ROWS,
    COUNTERS,
    HEADS,
    TAILS,
    THINNED,
    THINNED_BYTES,
    NoFinalizers,
    SharedMemory,
    ring_size,
    ring_start,
)
from engine.event_queue.tasks import Tasks
from engine.events import (
    LIFE,
    RECORD,
    RECORD_BYTES,
    TEXT_NUMBERS,
    TEXTS_PER_WRITER,
    THREAD_KIND,
    THREAD_TASKS,
    WRITER_KIND,
    Kind,
    Put,
    apart,
    text_records,
)

LIFE_RESERVE = 8  # one record in 8 of a ring is kept for life events
TORN_AT_ONCE = 64  # of them, told at one event: so that none takes longer than 0.1 ms
FINISH_S = 1.0  # how long a writer that ends waits for room for its backlog

THREAD = "thread"  # what a thread's spawn and exit say
_TICK = Kind.TICK
_BYTES_FOLLOW = THINNED_BYTES - THINNED
_ROOM_FOR_TEXTS = 36  # records: four texts of 255 bytes, that a writer begins, and the event

pack_record = RECORD.pack_into


class Writer(Overflow):
    """Reports the events of one process, from any of its threads."""

    def __init__(self, memory: SharedMemory, slot: int, tasks: Tasks) -> None:
        super().__init__()
        self.slot = slot
        self.pid = os.getpid()
        self._memory = memory
        self._words = memory.words
        self._ring = ring_start(slot)
        self._size = ring_size(slot)
        self._mask = self._size - 1
        self._detail_limit = self._size - self._size // LIFE_RESERVE
        self.head_word = HEADS + slot
        self._thinned = COUNTER_ROWS + slot * COUNTERS + THINNED
        self._head = memory.words[self.head_word]
        self._slow_at = 0  # the head from which on room must be looked for
        self._tasks = tasks
        self._running = tasks.running
        self.texts = {"": 0}
        """What the reader has been told, with its number."""
        self._last_number = 0
        self._task_numbers: dict[Hashable, int] = {}  # of the texts that are their names, as a rule
        self._threads: set[int] = set()  # those of them that stand for living threads by themselves
        # Re-entrant: before its collections are off, one may close a forgotten socket, whose event
        # takes the same path.
        self._slow_path = RLock()
        self._introduced = self._finished = False

    def put(
        self,
        kind: int,
        conn: int,
        fd: int,
        moved: int,
        line: int = 0,
        note: str = "",
        moved2: int = 0,
        line2: int = 0,
        at_ns: int = 0,
    ) -> None:
        """Report an event (or a pair of PAIRS) that has just happened; at_ns 0 is now. Never raises or
        waits for the reader; a new text or a full ring takes a lock among the threads of the process.

        `moved` is the event's `bytes`. What would fill the texts is told as `moved2`: the peer's port
        of an accept, a child's pid, for how many microseconds the kernel had had what is received; and as
        `line2`, for how many milliseconds a connection had waited to be accepted (at most QUEUED_MOST_MS).
        """
        at_ns = at_ns or monotonic_ns()
        running = self._running  # an attribute that is called at once is looked for anew each time
        task = self._task_numbers.get(running()) or self._meet()
        text = self.texts.get(note)
        # No call and no loop from here to pack_record: so no other thread, and no finalizer, takes
        # this place, or publishes a head beyond it before the record is there.
        head = self._head
        if head >= self._slow_at or text is None or not task:
            self._put_slowly((kind, conn, fd, moved, line, note, moved2, line2, at_ns))
            return
        self._head = head + 1
        words = self._words
        pack_record(
            words, self._ring + (head & self._mask) * RECORD_BYTES, kind, line, line2, task, text, fd,
            self._dropped, moved, moved2, at_ns, conn,
        )  # fmt: skip
        words[self.head_word] = self._head

    def begin_thread(self, number: int) -> None:
        """The running thread begins, which Python named `Thread-number`."""
        at_ns, running = monotonic_ns(), self._running()
        task, text = THREAD_TASKS + number % THREAD_TASKS, self.texts.get(THREAD)
        # One that is so many threads older may live.
        if task in self._threads or text is None or self._head >= self._slow_at:
            self._task_numbers.pop(running, None)  # of a thread that ended untold
            self._put_slowly((Kind.SPAWN, 0, -1, 0, 0, THREAD, 0, 0, at_ns))
            return
        self._threads.add(task)
        self._task_numbers[running] = task
        self._head = (head := self._head) + 1  # from here on as in put()
        pack_record(
            self._words, self._ring + (head & self._mask) * RECORD_BYTES, THREAD_KIND, 0, 0, task, text,
            -1, self._dropped, number, 0, at_ns, 0,
        )  # fmt: skip
        self._words[self.head_word] = self._head

    def end_thread(self, number: int) -> None:
        """The running thread ends: what tells it from the others may soon be another's."""
        self.put(Kind.EXIT, 0, -1, 0, 0, THREAD)
        task = THREAD_TASKS + number % THREAD_TASKS
        if self._task_numbers.pop(self._running(), 0) == task:
            self._threads.discard(task)

    def forget_task(self) -> None:
        """The running thread ends: what tells it from the others may soon be another's."""
        self._task_numbers.pop(self._running(), None)

    def count_exchange(
        self, recvs: int, received: int, requests: int, responses: int, sends: int, sent: int
    ) -> None:
        """Count the events of a connection that is not to be reported."""
        words, row = self._words, self._thinned  # and kinds as numbers, since this is a hot path
        words[row + 3] += recvs
        words[row + 4] += requests
        words[row + 5] += responses
        words[row + 6] += sends
        words[row + _BYTES_FOLLOW + 3] += received
        words[row + _BYTES_FOLLOW + 6] += sent

    def finish(self) -> None:
        """The process ends: wait up to FINISH_S for room for what is deferred; give up the slot."""
        deadline_ns = monotonic_ns() + int(FINISH_S * 1e9)
        while not self._empty() and self._deferred and monotonic_ns() < deadline_ns:
            time.sleep(0.001)
        with self._slow_path, NoFinalizers():
            while self._deferred:
                self._lose(self._deferred.popleft()[0][0])
            # The ring may be another's from here on; a socket that a finalizer closes later is counted.
            self._slow_at = 0
            self._finished = True
        self._leave()

    def _leave(self) -> None:
        self._memory.give_back(self.slot, self.pid)

    def _empty(self) -> bool:
        """Write what waits; whether there was room for it all."""
        with self._slow_path, NoFinalizers():
            now_ns = monotonic_ns()
            has_room = self._look_for_room(Kind.EXIT, now_ns)
            while has_room and self._torn and self._head < self._slow_at:
                self._tell_torn(now_ns)
            return has_room

    # --- the slow path: a new text, or a ring that is nearly full ------------------------------------

    def _meet(self) -> int:
        """The number of the name of the running task, if the reader knows it already; 0 if not."""
        if number := self.texts.get(self._tasks.name(), 0):
            self._task_numbers[self._running()] = number  # a greenlet has got a name only now
        return number

    def _number(self, text: str) -> int:
        """The number of a text, which is told to the reader first where it is new to it."""
        number = self.texts.get(text)
        if number is None:
            if len(self.texts) >= TEXTS_PER_WRITER:
                self.texts = {"": 0}
                self._task_numbers = {}
                self._threads.clear()  # they get texts for names now
            # Not used again for as long as another thread may be about to write it.
            number = self._last_number = self._last_number % TEXT_NUMBERS + 1
            for record in text_records(number, text):
                self._store(record)
            self.texts[text] = number
        return number

    def _put_slowly(self, put: Put) -> None:
        task = self._tasks.name()  # may take a lock of the library, so before our own
        with self._slow_path, NoFinalizers():
            for one in apart(put):  # of two, only a life event may use what is kept for these
                if self._finished:
                    NoWriter(self._memory).put(*one)
                elif self._look_for_room(one[0], one[-1]):
                    self._write(one, task)
                else:
                    self._give_way(one, task)

    def _write(self, put: Put, task: str) -> None:
        """Write an event of a task. Other threads may write meanwhile."""
        kind, conn, fd, moved, line, note, moved2, line2, at_ns = put
        text, number = self._number(note), self._number(task)
        self._head = (head := self._head) + 1  # from here on as in put()
        pack_record(
            self._words, self._ring + (head & self._mask) * RECORD_BYTES, kind, line, line2, number, text,
            fd, self._dropped, moved, moved2, at_ns, conn,
        )  # fmt: skip
        self._words[self.head_word] = self._head

    def _introduce(self) -> None:
        self._introduced = True
        shares = self._tasks.share_a_thread
        self._store(RECORD.pack(WRITER_KIND, shares, *(0, 0, 0), self.pid, *(0, 0, 0, 0, 0)))

    def _store(self, record: bytes) -> None:
        start = self._ring + (self._head & self._mask) * RECORD_BYTES  # from here on as in put()
        self._memory.bytes[start : start + RECORD_BYTES] = record
        self._words[self.head_word] = self._head = self._head + 1

    def _look_for_room(self, kind: int, at_ns: int) -> bool:
        """Whether an event of this kind and time, and its texts, fit now; what waits goes first."""
        if self._finished:
            return False
        tail = self._words[TAILS + self.slot]
        full_at = tail + self._size - _ROOM_FOR_TEXTS
        if self._head >= full_at:
            self._slow_at = 0
            return False
        if not self._introduced:
            self._introduce()
        while self._deferred and self._head < full_at:
            self._write(*self._deferred.popleft())
        if self._deferred:
            self._slow_at = 0  # no other thread may come before them
            return False
        self._slow_at = tail + self._detail_limit
        if self._head < self._slow_at:
            self._tell_torn(at_ns)
            return True
        return kind in LIFE

    def _tell_torn(self, at_ns: int) -> None:
        """There is room again: say which connections were not fully reported."""
        for _ in range(min(TORN_AT_ONCE, len(self._torn))):
            if self._head >= self._slow_at:
                break
            conn, count = self._torn.popitem()
            self._write((_TICK, conn, -1, 0, 0, f"lost {count}", 0, 0, at_ns), self._tasks.name())
        if self._torn:
            self._slow_at = 0  # the next event tells on
