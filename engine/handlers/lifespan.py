"""The start and the end of an ASGI application (lifespan 2.0), for those that know of them."""

from __future__ import annotations

import asyncio
from typing import Any

from engine.failures import in_one_line, print_failure
from engine.handlers.asgi_call import Application, Message

SHUTDOWN_S = 5.0  # for the application's own end, after the last connection's
VERSIONS = {"version": "3.0", "spec_version": "2.3"}


class Lifespan:
    """The application's start and end, for those that know of them."""

    def __init__(self, application: Application, state: dict[str, Any]) -> None:
        self._application = application
        self._state = state
        self._reason = ""
        self._is_told = False
        self._started = asyncio.Event()
        self._leaving = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> str:
        """Why it could not; "" when it has, or does not know of lifespans (and says so by failing)."""
        self._task = asyncio.create_task(self._run())
        await self._started.wait()
        return self._reason

    async def stop(self) -> None:
        """Let it shut down, for a bounded while."""
        self._leaving.set()
        if self._task is not None:
            await asyncio.wait({self._task}, timeout=SHUTDOWN_S)

    async def _run(self) -> None:
        scope = {"type": "lifespan", "asgi": VERSIONS, "state": self._state}
        try:
            await self._application(scope, self._receive, self._send)
        except BaseException as error:  # also SystemExit, which would end the loop
            if self._leaving.is_set():
                print_failure(error)
            elif not isinstance(error, Exception):  # sys.exit(): it does not want to be served
                self._reason = in_one_line(error)
            elif self._is_told and not self._started.is_set():
                print_failure(f"the application is served without a start: {in_one_line(error)}")
        finally:
            self._started.set()

    async def _receive(self) -> Message:
        if not self._is_told:
            self._is_told = True
            return {"type": "lifespan.startup"}
        await self._leaving.wait()
        return {"type": "lifespan.shutdown"}

    async def _send(self, message: Message) -> None:
        kind = message["type"]
        if not kind.startswith("lifespan."):  # it takes this for a request, and is not to go on
            raise RuntimeError(f"the application sent {kind!r:.80}, which cannot follow here")
        if kind == "lifespan.startup.failed":
            # Starlette sends a whole traceback: its last line says what.
            lines = str(message.get("message", "")).strip().splitlines()
            self._reason = lines[-1] if lines else "it did not say why"
        elif kind == "lifespan.shutdown.failed":
            print_failure(f"the application's shutdown failed: {message.get('message', '')}")
        self._started.set()
