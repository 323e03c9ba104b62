"""The engine process: read its settings, run one model, report.

Started by run.py as `python -P -m engine JSON`. Speaks with it over the control socket, a line each:

    engine -> run   ready                  imported everything, has not touched the listener
    run -> engine   go                     the engine before has left accept: the listener is yours
    engine -> run   left                   never accepts again; answers the connections it still has

and ends by itself when the last connection has ended.
"""

import gc
import json
import signal
import socket
import sys
from dataclasses import asdict, dataclass
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

from engine.dying import die_with_parent
from engine.event_queue import SharedMemory
from engine.labs import server_of
from engine.limits import Limits
from engine.models import MODELS
from engine.pool import Pool
from engine.rehearsal import in_plain_clothes, rehearse, targets_of
from engine.service import Service, Settings
from engine.site import Site


@dataclass(frozen=True, slots=True)
class EngineSettings:
    """What run.py tells a new engine."""

    model: str
    root: str
    parent_pid: int
    listener_fd: int
    memory_fd: int
    control_fd: int
    trace: bool
    limits: dict[str, Any]
    """As keywords of Limits."""
    pool: dict[str, Any]
    """As keywords of Pool."""
    serve_options: dict[str, Any]
    """What else the model's serve() is given, by name."""

    def to_json(self) -> str:
        """As the one argument of the process."""
        return json.dumps(asdict(self))


def main(settings: EngineSettings) -> None:
    """Run one model to its end."""
    die_with_parent(settings.parent_pid)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the terminal's process
    memory = SharedMemory(settings.memory_fd)
    control = socket.socket(fileno=settings.control_fd)
    site = Site(Path(settings.root))
    if settings.trace:
        import_module("engine.traced_conversation")  # before a model patches what it builds on
    model = import_module(server_of(settings.model) or MODELS[settings.model])
    gc.freeze()  # a collection in a fork would touch, and so copy, all that is loaded
    control.sendall(b"ready\n")
    if not control.recv(16):
        return
    limits = Limits(**settings.limits)
    service = Service(
        Settings(memory.words), site.answer, lambda: control.sendall(b"left\n"), limits,
        Pool(**settings.pool),
    )  # fmt: skip
    listener = _listener(settings, memory, service)
    try:
        model.serve(listener, service, **settings.serve_options)
    finally:
        _finish(settings)


def _finish(settings: EngineSettings) -> None:
    """Tell what still waits for room, or count it."""
    if settings.trace:
        from engine.tracing import tracer

        tracer.writer.finish()


def _listener(settings: EngineSettings, memory: SharedMemory, service: Service) -> socket.socket:
    """The listener as the model is to see it: of the class that it may have patched in, traced or
    not. Made from the bare descriptor, since a second gevent socket on one is not woken."""
    fd, targets = settings.listener_fd, targets_of(Path(settings.root))
    if not settings.trace:
        service.rehearse = partial(rehearse, service, targets, in_plain_clothes)
        return socket.socket(fileno=fd)
    # An engine that is not watched does without them.
    from engine import (
        traced_conversation,
        traced_queue,
        traced_rehearsal,
        traced_socket,
        tracing,
    )

    tracing.install(memory)
    traced_queue.install()
    service.converse = partial(
        traced_conversation.TracedConversation, service.settings, limits=service.limits
    )
    listener = traced_socket.traced_listener(fd, socket.socket)
    service.beside = traced_socket.traced_beside
    costume = partial(traced_rehearsal.in_costume, listener)
    service.rehearse = partial(rehearse, service, targets, costume)
    return listener


if __name__ == "__main__":
    main(EngineSettings(**json.loads(sys.argv[1])))
