"""A rehearsal in which the tracer, too, does all that it will do in a child, and nobody is told."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import fields
from typing import Any

from engine.event_queue.shared_memory import SharedMemory
from engine.event_queue.writer import Writer
from engine.serving.rehearsal import AsAccepted
from engine.serving.service import Settings
from engine.tracing.kernel_times import rehearse_timed_recv
from engine.tracing.traced_processes import fork_told
from engine.tracing.tracer import tracer


@contextmanager
def traced_connections(listener: Any) -> Iterator[AsAccepted]:
    """Sockets of the listener's class that report to a queue without a reader. Afterwards the tracer is
    as it was, but for the texts that children are going to need, and the code that closes there."""
    before = {each.name: getattr(tracer, each.name) for each in fields(tracer)}
    memory = SharedMemory.create()
    settings = Settings(memory.words)
    heirs: list[Writer] = []
    closes_in = None
    texts: dict[str, int] = {}  # an ordered set

    def as_accepted(connection: socket.socket) -> Any:
        for writer in heirs[-1:]:
            writer.finish()
            texts.update(writer.texts)
        tracer.heir_texts = tuple(filter(None, texts))  # what is usual is rehearsed as usual
        settings.set_thinning(1, tell_times=len(heirs) % 4 != 0)  # as a rule: but not in a crowd
        rehearse_timed_recv()  # these sockets tell of no times
        tracer.begin(memory)  # what a child has taken over cannot be lent to another one
        fork_told(int)  # 0, as in a child
        assert isinstance(tracer.writer, Writer)
        heirs.append(tracer.writer)
        traced = type(listener)(*listener._family, connection.detach())
        traced.watch(tracer.cookie(traced), traced.fileno())
        return traced

    try:
        yield as_accepted
    finally:
        told, closes_in = tracer.heir_texts, tracer.closes_in
        for name, value in before.items():
            setattr(tracer, name, value)
        memory.close()
    tracer.heir_texts, tracer.heirs_close_in = told, closes_in
