"""A queue that reports how many connections wait in it for a thread, and which come and go."""

import queue
from typing import Any

from engine.events import QUEUE, Kind
from engine.serving.service import TELL_TIMES, THINNING
from engine.tracing.tracer import tracer

_Queue = queue.Queue
_TICK = Kind.TICK.value


class TracedQueue(_Queue[Any]):
    """Tells each put and take, with how many wait then. Both hooks run while the queue is locked, so
    that they are told in the order in which they happen."""

    def _init(self, maxsize: int) -> None:
        super()._init(maxsize)
        tracer.writer.put(_TICK, 0, -1, 0, 0, f"{QUEUE}take")

    def _put(self, item: Any) -> None:
        super()._put(item)
        if item is not None:  # else it only tells a thread to end
            tracer.writer.put(_TICK, _conn(item), -1, 0, 0, f"{QUEUE}put", self._qsize())

    def _get(self) -> Any:
        item = super()._get()
        if item is not None:
            tracer.writer.put(_TICK, _conn(item), -1, 0, 0, f"{QUEUE}take", self._qsize())
        return item


def install() -> None:
    """Let queues that this process makes from now on report."""
    queue.Queue = TracedQueue  # type: ignore[misc]  # typeshed holds the name fixed


def _conn(item: Any) -> int:
    """Whose item it is: a model puts in a connection, or a client that has one and a request of it. 0
    when there is too much to tell of each: such a connection could not be passed over."""
    if not tracer.words[THINNING] & TELL_TIMES:
        return 0
    first = item[0] if type(item) is tuple else item
    conn: int = getattr(getattr(first, "connection", first), "_conn", 0)
    return conn
