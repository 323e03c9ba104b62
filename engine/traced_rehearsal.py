"""A rehearsal in which the tracer, too, does all that it will do in a child, and nobody is told."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from engine.event_queue import SharedMemory
from engine.event_writer import Writer
from engine.rehearsal import Wear
from engine.tracing import tracer


@contextmanager
def in_costume(listener: Any) -> Iterator[Wear]:
    """Sockets of the listener's class that report to a queue without a reader. Afterwards the tracer is
    as it was, but for the texts that children are going to need."""
    before = dict(vars(tracer))
    memory = SharedMemory.create()
    worn: list[Writer] = []

    def wear(connection: socket.socket) -> Any:
        for writer in worn[-1:]:
            writer.finish()
        tracer.begin(memory)  # what a child has taken over cannot be lent to another one
        heir = tracer.heirs().next()
        assert heir is not None
        worn.append(heir)
        tracer.after_fork(heir)
        dressed = type(listener)(*listener._family, connection.detach())
        dressed.watch(tracer.cookie(dressed), dressed.fileno())
        return dressed

    try:
        yield wear
    finally:
        vars(tracer).clear()
        vars(tracer).update(before)
        memory.close()
    tracer.heir_texts = tuple({text: 0 for writer in worn for text in writer.texts if text})
