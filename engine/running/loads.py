"""The load that a run lets its built-in client make: bursts and sustained load, one at a time.

Belongs to the terminal's main thread. Nothing here waits.
"""

from collections import deque
from collections.abc import Callable
from typing import Any

from engine.load.plan import Plan
from engine.load.result import Burst
from engine.running.load_process import LoadProcess, WatchedLoad
from engine.views.snapshot import BurstView

REFUSED = "{} is under way: a burst can begin when it has ended; l ends it"
KEPT = 8  # results, so that two models or modes stand side by side


class Loads:
    """What is under way, and the last results."""

    def __init__(self) -> None:
        self.refusal = ""
        """Why the last burst did not begin, for as long as that holds; else empty."""
        self._loads: deque[WatchedLoad[Any]] = deque(maxlen=KEPT)
        self._begun = 0

    @property
    def is_running(self) -> bool:
        """Whether one is under way."""
        return any(load.is_running for load in self._loads)

    def start_burst(self, asked: Burst, model: str, mode: str) -> str:
        """Begin a burst at a server of this model and mode; why that failed, or an empty text. While
        load is under way it is refused (`refusal`)."""
        if self.is_running:
            is_burst = not self._loads[-1].view().loop
            self.refusal = REFUSED.format("a burst" if is_burst else "load")
            return ""
        return self._begin(lambda number: LoadProcess(asked, model, mode, number))

    def toggle(self, plan: Plan, model: str, mode: str) -> str:
        """Begin sustained load, or end what is under way; why that failed, or an empty text."""
        if self.is_running:
            self._loads[-1].stop()
            return ""

        from engine.running.sustained_process import SustainedProcess

        return self._begin(lambda number: SustainedProcess(plan, model, mode, number))

    def _begin(self, start: Callable[[int], WatchedLoad[Any]]) -> str:
        try:
            load = start(self._begun + 1)
        except OSError as error:
            return f"cannot start the client: {error.strerror or error}"
        self._begun += 1
        self._loads.append(load)
        return ""

    def advance(self) -> None:
        """Take in what the clients have reported."""
        for load in self._loads:
            load.advance()
        if self.refusal and not self.is_running:
            self.refusal = ""

    def note_change(self, model: str, mode: str) -> None:
        """The server has changed: what is under way speaks of both."""
        for load in self._loads:
            load.note_change(model, mode)

    def views(self) -> tuple[BurstView, ...]:
        """The last ones, oldest first."""
        return tuple(load.view() for load in self._loads)

    def kill(self) -> None:
        """End them now."""
        for load in self._loads:
            load.kill()
