"""Which file of engine/models/ the line of an event belongs to: events carry the number only.

The serving engine's own events belong to its model, and so do those of other processes as long as no
other engine was alive: they are its children. What is known of a process stays known.
"""

from engine.events import Event
from engine.models import MODELS
from engine.snapshot import RunStatus

KEPT = 5_000  # processes; a model may start one for each connection


class Sources:
    """What has been seen of the engines so far."""

    def __init__(self) -> None:
        self._files: dict[int, str] = {}
        self._file = ""
        self._pid: int | None = None
        self._was_draining = False
        self._alone_since_ns = 0

    def look(self, status: RunStatus, now_ns: int) -> None:
        """Once a frame, when everything up to `now_ns` has been told."""
        is_draining = status.draining > 0 or status.phase != "serving"
        if is_draining or self._was_draining or status.engine_pid != self._pid:
            self._alone_since_ns = now_ns
        self._was_draining = is_draining
        self._pid = status.engine_pid
        if status.phase == "serving" and status.engine_pid and status.engine_pid not in self._files:
            self._file = f"{MODELS[status.model].rpartition('.')[2]}.py"
            if len(self._files) > KEPT:
                self._files.clear()
            self._files[status.engine_pid] = self._file

    def place(self, event: Event) -> str:
        """`epoll_loop.py:82`, or `line 82` where the file is not certain; empty without a line."""
        if not event.line:
            return ""
        file = self._files.get(event.pid)
        if file is None and event.at_ns > self._alone_since_ns and not self._was_draining:
            file = self._files[event.pid] = self._file
        return f"{file}:{event.line}" if file else f"line {event.line}"
