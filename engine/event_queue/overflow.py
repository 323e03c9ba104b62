"""What becomes of events for which a ring has no room: detail is counted, life events wait."""

from collections import deque

from engine.event_queue.shared_memory import (
    COUNTER_ROWS,
    COUNTERS,
    DROPPED,
    DROPPED_BYTES,
    LIFE_LOST,
)
from engine.events import LIFE, Put, bytes_of

BACKLOG = 64 * 1024 * 1024 // 256  # life events that may wait in a writer's memory, as tuples
TORN_KNOWN = 1 << 16  # connections that a writer remembers to have dropped events of
_MASK_32 = 2**32 - 1
_BYTES_FOLLOW = DROPPED_BYTES - DROPPED


class Overflow:
    """That of one writer."""

    slot: int
    _words: memoryview
    _slow_at: int

    def __init__(self) -> None:
        self._dropped = 0  # events, which the reader learns from the next one that fits
        self._deferred: deque[tuple[Put, str]] = deque()  # with the names of their tasks
        self._torn: dict[int, int] = {}  # conn -> events dropped and not yet told of

    def _give_way(self, put: Put, task: str) -> None:
        """There is no room for this event of a task."""
        kind, conn, _, moved, _, _, moved2, _, _ = put
        if kind not in LIFE:
            for each, bytes_moved in bytes_of(kind, moved, moved2):
                self._drop(each, bytes_moved)
            if conn in self._torn or len(self._torn) < TORN_KNOWN:
                self._torn[conn] = self._torn.get(conn, 0) + 1
        elif len(self._deferred) < BACKLOG:
            self._deferred.append((put, task))
            self._slow_at = 0  # no event may come before it
        else:
            self._lose(kind)

    def _drop(self, kind: int, moved: int) -> None:
        row = COUNTER_ROWS + self.slot * COUNTERS + DROPPED
        self._dropped = self._dropped + 1 & _MASK_32
        self._words[row + kind] += 1
        self._words[row + kind + _BYTES_FOLLOW] += moved

    def _lose(self, kind: int) -> None:
        self._drop(kind, 0)
        self._words[COUNTER_ROWS + self.slot * COUNTERS + LIFE_LOST] += 1
