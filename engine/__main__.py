"""The engine process: read its settings, run one model, report.

Started by running/run.py as `python -P -m engine JSON`. Speaks with it over the control socket, a line each:

    engine -> run   ready                  imported everything, has not touched the listener
    engine -> run   cannot REASON          what was asked for cannot be loaded; it ends
    run -> engine   go                     the engine before has left accept: the listener is yours
    engine -> run   left                   never accepts again; answers the connections it still has

and ends by itself when the last connection has ended.
"""

import gc
import json
import signal
import socket
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass
from functools import partial
from importlib import import_module
from io import TextIOWrapper
from pathlib import Path
from typing import Any

from engine.dying import die_with_parent
from engine.event_queue.shared_memory import SharedMemory
from engine.events import printable
from engine.failures import in_one_line
from engine.handlers.application import (
    ALONE,
    WITH_PROCESSES,
    WITH_THREADS,
    CannotRunError,
    check_model,
    is_asgi,
    load,
    with_peers,
)
from engine.handlers.site import Site
from engine.limits import Limits
from engine.pool import Pool
from engine.serving.rehearsal import AsAccepted, plain_connections, rehearse, targets_of
from engine.serving.service import Service, Settings
from engine.serving.step_gate import StepGate

REASON_CHARS = 400  # of why an engine cannot run what it was asked for


@dataclass(frozen=True, slots=True)
class EngineSettings:
    """What running/run.py tells a new engine."""

    model: str
    module: str
    """The model's."""
    root: str
    app: str
    """`module:callable` of an application to serve instead of the root; "" for none."""
    host: str
    port: int
    parent_pid: int
    listener_fd: int
    memory_fd: int
    control_fd: int
    steps_fd: int
    """From which a step is read while the server is stepped (serving/step_gate.py)."""
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
    if settings.trace:
        # Before a model patches what it builds on.
        for name in ("conversation", "processes", "threads", "waits"):
            import_module(f"engine.tracing.traced_{name}")
    try:
        serve = _serve_of(settings)
        if settings.trace:
            import_module("engine.tracing.tracer").meet_model()
        service = _service(settings, memory, lambda: control.sendall(b"left\n"))
        service.gate = StepGate(service.settings, settings.steps_fd)
    except CannotRunError as error:
        control.sendall(f"cannot {printable(str(error), REASON_CHARS)}\n".encode())
        raise SystemExit(1) from None
    gc.freeze()  # a collection in a fork would touch, and so copy, all that is loaded
    control.sendall(b"ready\n")
    if not control.recv(16):
        return
    listener = _listener(settings, memory, service)
    try:
        serve(listener, service, **settings.serve_options)
    finally:
        _finish(settings)


def _serve_of(settings: EngineSettings) -> Callable[[socket.socket, Service], None]:
    """The model itself. Raises CannotRunError."""
    try:
        serve: Callable[[socket.socket, Service], None] = import_module(settings.module).serve
    except Exception as error:  # it may need what is not installed, or come from anywhere
        raise CannotRunError(
            f"the model {settings.model} cannot be loaded: {in_one_line(error)}"
        ) from error
    return serve


def _service(
    settings: EngineSettings, memory: SharedMemory, on_leave: Callable[[], None]
) -> Service:
    """What the model is given: the site, or the user's own application. Raises CannotRunError."""
    live, limits, pool = Settings(memory.words), Limits(**settings.limits), Pool(**settings.pool)
    if not settings.app:
        return Service(live, Site(Path(settings.root)).answer, on_leave, limits, pool)
    name, address = settings.model, (settings.host, settings.port)
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(line_buffering=True)  # what it prints is read
    application = load(settings.app)  # after the model, which may have patched what it builds on
    check_model(settings.app, application, name)
    if is_asgi(application):
        from engine.handlers.asgi import AsgiServer

        asgi = AsgiServer(settings.app, application, address)
        asgi.start()
        service = Service(live, asgi.answer, on_leave, limits, pool)
        service.has_application = True
        service.run = asgi.run
        return service
    from engine.handlers.wsgi import WsgiServer

    wsgi = WsgiServer(
        application,
        address,
        multithread=name not in WITH_PROCESSES | ALONE,
        multiprocess=name not in WITH_THREADS | ALONE,
    )
    service = Service(live, wsgi.answer, on_leave, limits, pool)
    service.has_application = True
    return service


def _finish(settings: EngineSettings) -> None:
    """Tell what still waits for room, or count it."""
    if settings.trace:
        from engine.tracing.tracer import tracer

        tracer.finish()


def _listener(settings: EngineSettings, memory: SharedMemory, service: Service) -> socket.socket:
    """The listener as the model is to see it: of the class that it may have patched in, traced or
    not. Made from the bare descriptor, since a second gevent socket on one is not woken."""
    fd = settings.listener_fd
    if not settings.trace:
        _prepare(service, settings, plain_connections)
        return socket.socket(fileno=fd)
    # An engine that is not watched does without them.
    from engine.tracing import (
        line_arrays,
        traced_conversation,
        traced_processes,
        traced_queue,
        traced_rehearsal,
        traced_socket,
        traced_threads,
        traced_waits,
        tracer,
    )

    tracer.install(memory, sys.modules[settings.module].__file__ or "")
    for stand_ins in (traced_processes, traced_threads, traced_waits, traced_queue):
        stand_ins.install()
    line_arrays.install(settings.module)
    service.gauge = tracer.tracer.gauge
    service.converse = partial(
        traced_conversation.TracedConversation, service.settings, service.limits
    )
    listener: socket.socket = traced_socket.traced_listener(fd, socket.socket)
    service.beside = traced_socket.traced_beside
    _prepare(service, settings, partial(traced_rehearsal.traced_connections, listener))
    return listener


def _prepare(
    service: Service,
    settings: EngineSettings,
    connections: Callable[[], AbstractContextManager[AsAccepted]],
) -> None:
    """The site is rehearsed. Not so an application, which would take the rehearsal for visitors; but
    it is told who its clients are."""
    if settings.app:
        service.converse = with_peers(service.converse)
    else:
        service.rehearse = partial(rehearse, service, targets_of(Path(settings.root)), connections)


if __name__ == "__main__":
    main(EngineSettings(**json.loads(sys.argv[1])))
