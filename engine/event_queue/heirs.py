"""Writers for the children of a process, made before they are forked.

Each page of memory that parent and child share is copied by the first of them that writes to it, at some
3 us. To claim a slot of the queue and to make a writer would take a hundred pages.
"""

import os
from collections import deque
from collections.abc import Callable, Iterable
from types import FunctionType
from typing import Any

from engine.event_queue.shared_memory import HELD, OWNERS, RING, TAILS, SharedMemory
from engine.event_queue.tasks import Tasks
from engine.event_queue.writer import Writer, pack_record
from engine.events import HEIR_KIND, RECORD_BYTES

# Whoever wants so much lets the C library join all small pieces that were given back to it. Were it a
# child, it would copy each page on which a piece lies.
LARGE_BYTES = 2_048
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
        self.child = 0
        """The process that it was lent to last."""
        self.tail_word, self.owner_word = TAILS + slot, OWNERS + slot
        self._introduce()
        for text in dict.fromkeys((tasks.name(), *texts)):
            self._number(text)
        self._task_numbers[self._running()] = self.texts[tasks.name()]

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
        self._lent: deque[Heir] = deque()
        self.heir: Heir | None = None
        """In a child: its writer; None when no slot was free. In the parent: of a child to come."""

    def fork(self, fork: Callable[[], int]) -> int:
        """Call `fork`, which returns as os.fork() does: first choose the writer of the child, one whose
        child has ended and whose ring has room, or a new one. In the child, say whose the ring is now: its
        first event publishes that. In the parent, remember who has it: should the child have ended already,
        the slot goes to a dead owner, and from there back to all.

        The trap: all this is one function, since parent and child copy a page or two for each that runs.
        """
        words, lent = self._words, self._lent
        if self.heir is None:  # else there was no process to be had for it
            for _ in range(min(LOOKED_AT, len(lent))):
                heir = lent.popleft()
                owner = words[heir.owner_word]
                is_back = owner == heir.held
                if is_back and words[heir.head_word] - words[heir.tail_word] <= RING // 2:
                    self.heir = heir
                    break
                # Where a child was killed, the slot has been given back to all.
                if is_back or owner == heir.child:
                    lent.append(heir)
            else:
                self.heir = self._new()
        chosen, self.heir = self.heir, None  # so that no other thread lends it, too
        try:
            child = fork()
        except OSError:
            self.heir = chosen
            raise
        if chosen is None:
            return child
        if child:
            words[chosen.owner_word] = chosen.child = child
            lent.append(chosen)
            return child
        self.heir = chosen
        chosen.pid = pid = os.getpid()
        head = words[chosen.head_word]
        start = chosen._ring + (head & chosen._mask) * RECORD_BYTES
        pack_record(words, start, HEIR_KIND, 0, 0, 0, 0, pid, 0, 0, 0, 0, 0)
        chosen._head = head + 1
        chosen._slow_at = words[chosen.tail_word] + chosen._detail_limit
        return 0

    def _new(self) -> Heir | None:
        slot = self._memory.claim(self._held)
        if slot is None:
            return None
        heir = Heir(self._memory, slot, self._tasks, self._texts)
        bytes(LARGE_BYTES)
        return heir
