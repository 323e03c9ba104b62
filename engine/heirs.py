"""Writers for the children of a process, made before they are forked.

Each page of memory that parent and child share is copied by the first of them that writes to it, at some
3 us. To claim a slot of the queue and to make a writer would take a hundred pages.
"""

import os
from collections import deque
from collections.abc import Iterable

from engine.event_queue import HELD, OWNERS, TAILS, SharedMemory
from engine.event_writer import Tasks, Writer
from engine.events import RECORD_BYTES, text_records

LOOKED_AT = 4  # writers that are lent, at one fork


class Heir(Writer):
    """The writer of a child after a child: each of them writes to its own copy of this object, so that
    here in the parent it stays as it was made."""

    def __init__(self, memory: SharedMemory, slot: int, tasks: Tasks, texts: Iterable[str]) -> None:
        """`texts`: what children are going to say, as far as that is known."""
        super().__init__(memory, slot, tasks)
        self._held = HELD | self.pid
        self._introduced = True
        self._introduction = 0  # the place of the record that names the process
        records = [self._introducing()]
        for text in dict.fromkeys((tasks.name(), *texts)):
            self._last_number = self.texts[text] = len(self.texts)
            records += text_records(self._last_number, text)
        self._task_numbers[self._running()] = self.texts[tasks.name()]
        self._prelude = b"".join(records)

    def is_back(self) -> bool:
        """Its child has ended, and its ring has room."""
        return self.owner() == self._held and self._memory.has_room(self.slot)

    def owner(self) -> int:
        """Whose the slot is now."""
        return self._words[OWNERS + self.slot]

    def lay_out(self) -> None:
        """Before a fork: put down what a child says first. It is published by its first event."""
        self._introduction = head = self._words[self._head_word]
        start = (head & self._mask) * RECORD_BYTES
        before_end = len(self._ring) - start
        first, rest = self._prelude[:before_end], self._prelude[before_end:]
        self._ring[start : start + len(first)] = first
        self._ring[: len(rest)] = rest
        self._head = head + len(self._prelude) // RECORD_BYTES
        self._slow_at = self._words[TAILS + self.slot] + self._detail_limit

    def take_over(self) -> None:
        """In the child: say whose it is."""
        self.pid = os.getpid()
        start = (self._introduction & self._mask) * RECORD_BYTES
        self._ring[start : start + RECORD_BYTES] = self._introducing()

    def _leave(self) -> None:
        self._words[OWNERS + self.slot] = self._held


class Heirs:
    """Those of one process. A slot stays with it: one child after another uses it, without any lock."""

    def __init__(self, memory: SharedMemory, tasks: Tasks, texts: Iterable[str] = ()) -> None:
        self.pid = os.getpid()
        self._memory = memory
        self._tasks = tasks
        self._texts = tuple(texts)
        self._lent: deque[tuple[Heir, int]] = deque()  # and the pids of the children
        self._next: Heir | None = None

    def next(self) -> Heir | None:
        """The writer of the child that is forked next; None when no slot is free."""
        if self._next is None:
            self._next = self._one_that_is_back() or self._new()
            if self._next is not None:
                self._next.lay_out()
        return self._next

    def forked(self, pid: int) -> None:
        """A child has been forked, and has the next one now.

        Should it have ended already, its slot goes to a dead owner, and from there back to all.
        """
        if self._next is not None:
            self._memory.words[OWNERS + self._next.slot] = pid
            self._lent.append((self._next, pid))
            self._next = None

    def _one_that_is_back(self) -> Heir | None:
        for _ in range(min(LOOKED_AT, len(self._lent))):
            heir, child = self._lent.popleft()
            if heir.is_back():
                return heir
            # Where a child was killed, the slot has been given back to all.
            if heir.owner() in (child, HELD | self.pid):
                self._lent.append((heir, child))
        return None

    def _new(self) -> Heir | None:
        slot = self._memory.claim(HELD | self.pid)
        if slot is None:
            return None
        return Heir(self._memory, slot, self._tasks, self._texts)
