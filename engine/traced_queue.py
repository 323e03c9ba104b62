"""A queue that reports how many connections wait in it for a thread."""

import queue
from typing import Any

from engine.events import Kind
from engine.tracing import tracer

_Queue = queue.Queue


class TracedQueue(_Queue[Any]):
    """Tells each put and take, with how many wait then. Both hooks run while the queue is locked, so
    that they are told in the order in which they happen."""

    def _init(self, maxsize: int) -> None:
        super()._init(maxsize)
        tracer.writer.put(Kind.TICK, 0, -1, 0, 0, "queue take")

    def _put(self, item: Any) -> None:
        super()._put(item)
        if item is not None:  # else it only tells a thread to end
            tracer.writer.put(Kind.TICK, 0, -1, 0, 0, "queue put", self._qsize())

    def _get(self) -> Any:
        item = super()._get()
        if item is not None:
            tracer.writer.put(Kind.TICK, 0, -1, 0, 0, "queue take", self._qsize())
        return item


def install() -> None:
    """Let queues that this process makes from now on report."""
    queue.Queue = TracedQueue  # type: ignore[misc]
