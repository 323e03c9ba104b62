"""An application that a test has made, served by a model in a thread of the test's process.

In no other process, since the tests look into what their applications have done. So there are no models
that fork here, and nothing is traced.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from importlib import import_module
from typing import Any

from engine.handlers.application import (
    ALONE,
    WITH_PROCESSES,
    WITH_THREADS,
    CannotRunError,
    check_model,
    is_asgi,
    with_peers,
)
from engine.handlers.asgi import AsgiServer
from engine.handlers.wsgi import WsgiServer
from engine.limits import Limits
from engine.models import MODELS
from engine.serving.service import Service, Settings
from tests.support import wait_until

DEADLINE_S = 30.0  # a machine may be crowded
WORDS = 64  # of the live settings, which are a page of memory else
HOST = "127.0.0.1"
IN_A_THREAD = tuple(model for model in MODELS if model not in WITH_PROCESSES)
LIMITS = Limits(body_bytes=64 * 1024 * 1024)  # --limit-body: some tests upload more than a megabyte
SERVERS_OWN = frozenset((b"connection", b"date", b"transfer-encoding"))
"""Fields that a server adds, and no test of an application expects."""


class Calls:
    """What the calls of an application have come to; the server's thread tells, the test's asks."""

    def __init__(self) -> None:
        self.errors: list[BaseException] = []
        self._changed = threading.Condition()
        self._running = 0

    def begin(self) -> None:
        with self._changed:
            self._running += 1

    def fail(self, error: BaseException) -> None:
        self.errors.append(error)

    def end(self) -> None:
        with self._changed:
            self._running -= 1
            self._changed.notify_all()

    def wait_for_ends(self) -> None:
        """The last answer may be there before the call that made it has ended. AssertionError: late."""
        with self._changed:
            ended = self._changed.wait_for(lambda: not self._running, DEADLINE_S)
        assert ended, f"a call of the application has not ended within {DEADLINE_S} s"

    def take_error(self) -> BaseException | None:
        """The first that an application has raised since the last call, if there is one."""
        errors, self.errors = self.errors, []
        return errors[0] if errors else None


class Served:
    """An application on a free port of the loopback interface, from `start` to `stop`."""

    def __init__(
        self, application: Callable[..., Any], model: str, watched: Callable[..., Any]
    ) -> None:
        """`watched` is what is served: the application with a note of its calls. CannotRunError: the
        model would not be given this application."""
        check_model("the test's", application, model)
        self.address = ("", 0)
        self._application = watched
        self._model = model
        self._settings = Settings(memoryview(bytearray(WORDS * 8)).cast("Q"))
        self._thread = threading.Thread(target=self._run, name=f"serves by {model}")
        self._is_ready = threading.Event()
        self._failure: CannotRunError | None = None
        self._listener: socket.socket | None = None

    def start(self) -> None:
        """Serve. CannotRunError: the application's own start has failed."""
        self._listener = socket.create_server((HOST, 0))
        self.address = self._listener.getsockname()[:2]
        self._thread.start()
        assert self._is_ready.wait(DEADLINE_S), "the application has not started"
        if self._failure is not None:
            self._thread.join(DEADLINE_S)
            self._listener.close()
            raise self._failure

    def stop(self) -> None:
        """Leave, and wait for the end; the clients have closed their connections."""
        self._settings.leave()
        wait_until(lambda: not self._thread.is_alive(), DEADLINE_S, "the end of the server")

    def _run(self) -> None:
        assert self._listener is not None
        try:
            service = self._service()
        except CannotRunError as error:
            self._failure = error
            return
        finally:
            self._is_ready.set()
        import_module(MODELS[self._model]).serve(self._listener, service)

    def _service(self) -> Service:
        """As engine/__main__.py makes it."""
        if is_asgi(self._application):
            asgi = AsgiServer("the test's", self._application, self.address)
            try:
                asgi.start()
            except CannotRunError:
                asgi.run(_nothing())  # an engine's process would end
                raise
            service = Service(self._settings, asgi.answer, lambda: None, LIMITS)
            service.run = asgi.run
        else:
            wsgi = WsgiServer(
                self._application,
                self.address,
                multithread=self._model not in WITH_PROCESSES | ALONE,
                multiprocess=self._model not in WITH_THREADS | ALONE,
            )
            service = Service(self._settings, wsgi.answer, lambda: None, LIMITS)
        service.has_application = True
        service.converse = with_peers(service.converse)
        return service


async def _nothing() -> None:
    """What to serve with, to come to the end."""
