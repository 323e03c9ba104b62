"""Writers for the children of a process, made before they are forked.

Each page of memory that parent and child share is copied by the first of them that writes to it, at some
3 us. To claim a slot of the queue and to make a writer would take a hundred pages.
"""

import os
from collections import deque
from collections.abc import Iterable
from types import FunctionType
from typing import Any

from engine.event_queue.shared_memory import HELD, OWNERS, RING, TAILS, SharedMemory
from engine.event_queue.tasks import Tasks
from engine.event_queue.writer import Writer, pack_record
from engine.events import HEIR_KIND, RECORD_BYTES

LOOKED_AT = 4  # writers that are lent, at one fork


class Heir(Writer):
    """The writer of a child after a child: each of them writes to its own copy of this object, so that
    here in the parent it stays as it was made."""

    # Code is specialised for the class of the objects that it sees. What is shared with the parent's own
    # writer would be specialised for that one, and each child would undo it.
    put: Any = FunctionType(
        Writer.put.__code__.replace(), Writer.put.__globals__, "put", Writer.put.__defaults__
    )

    def __init__(self, memory: SharedMemory, slot: int, tasks: Tasks, texts: Iterable[str]) -> None:
        """`texts`: what children are going to say, as far as that is known. They are told here, once for
        all of them."""
        super().__init__(memory, slot, tasks)
        self.held = HELD | self.pid
        self.tail_word, self.owner_word = TAILS + slot, OWNERS + slot
        self._introduce()
        for text in dict.fromkeys((tasks.name(), *texts)):
            self._number(text)
        self._task_numbers[self._running()] = self.texts[tasks.name()]

    def take_over(self, pid: int) -> None:
        """In the child, which has this pid: say whose the ring is now. Its first event publishes that."""
        self.pid = pid
        words = self._words
        head = words[self.head_word]
        pack_record(
            self._ring,
            (head & self._mask) * RECORD_BYTES,
            HEIR_KIND,
            0,
            0,
            0,
            0,
            pid,
            0,
            0,
            0,
            0,
            0,
        )
        self._head = head + 1
        self._slow_at = words[self.tail_word] + self._detail_limit

    def finish(self) -> None:
        if self._deferred or self._torn:
            super().finish()
        else:
            self._slow_at = 0
            self._finished = True
            self._words[self.owner_word] = self.held

    def _leave(self) -> None:
        self._words[self.owner_word] = self.held


class Heirs:
    """Those of one process. A slot stays with it: one child after another uses it, without any lock."""

    def __init__(self, memory: SharedMemory, tasks: Tasks, texts: Iterable[str] = ()) -> None:
        self._memory = memory
        self._held = HELD | os.getpid()
        self._words = memory.words
        self._tasks = tasks
        self._texts = tuple(texts)
        self._lent: deque[tuple[Heir, int]] = deque()  # and the pids of the children
        self._next: Heir | None = None

    def next(self) -> Heir | None:
        """The writer of the child that is forked next: one whose child has ended and whose ring has room,
        or a new one; None when no slot is free."""
        if self._next is not None:
            return self._next  # there was no process to be had for it
        words, lent = self._words, self._lent
        for _ in range(min(LOOKED_AT, len(lent))):
            heir, child = lent.popleft()
            owner = words[heir.owner_word]
            is_back = owner == heir.held
            if is_back and words[heir.head_word] - words[heir.tail_word] <= RING // 2:
                self._next = heir
                return heir
            # Where a child was killed, the slot has been given back to all.
            if is_back or owner == child:
                lent.append((heir, child))
        self._next = self._new()
        return self._next

    def forked(self, pid: int) -> None:
        """A child has been forked, and has the next one now.

        Should it have ended already, its slot goes to a dead owner, and from there back to all.
        """
        heir = self._next
        if heir is not None:
            self._words[heir.owner_word] = pid
            self._lent.append((heir, pid))
            self._next = None

    def _new(self) -> Heir | None:
        slot = self._memory.claim(self._held)
        if slot is None:
            return None
        return Heir(self._memory, slot, self._tasks, self._texts)
