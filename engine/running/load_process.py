"""One burst as its parent sees it, with the model and mode that it met; what sustained load shares.

Belongs to the terminal's main thread. Nothing here waits.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Generic

from engine.load.result import Burst, BurstResult, Progress, parse_line
from engine.running.client_process import ClientProcess, Told
from engine.views.snapshot import BurstView


class WatchedLoad(ABC, Generic[Told]):
    """Load under way, or its result."""

    def __init__(
        self, settings: str, parse: Callable[[str], Told], model: str, mode: str, number: int
    ) -> None:
        """Start the client. `number`: as in BurstView. Raises OSError."""
        self._number = number
        self._model = model
        self._mode = mode
        self._client = ClientProcess(settings, parse)

    @property
    def is_running(self) -> bool:
        """Whether it goes on."""
        return self._client.is_running

    def note_change(self, model: str, mode: str) -> None:
        """The server has changed under the load: its result speaks of both."""
        if self.is_running:
            if not self._model.endswith(model):
                self._model += f">{model}"
            if not self._mode.endswith(mode):
                self._mode += f">{mode}"

    def advance(self) -> None:
        """Take in what it reported since the last call."""
        self._client.advance()

    def stop(self) -> None:
        """Ask it to end with what it has done."""
        self._client.stop()

    def kill(self) -> None:
        """End it now; what it had done stays on record."""
        self._client.kill()

    @abstractmethod
    def view(self) -> BurstView:
        """Its numbers, frozen."""

    def _failure(self, *, has_result: bool) -> str:
        return "" if self.is_running or has_result else self._client.last_words


class LoadProcess(WatchedLoad[Progress | BurstResult]):
    """A burst."""

    def __init__(self, burst: Burst, model: str, mode: str, number: int = 1) -> None:
        """Start it. Raises OSError."""
        super().__init__(burst.to_json(), parse_line, model, mode, number)
        self._burst = burst

    def view(self) -> BurstView:
        """Its numbers, frozen."""
        report = self._client.report
        result = report if isinstance(report, BurstResult) else None
        return BurstView(
            model=self._model,
            mode=self._mode,
            done=report.requests if report else 0,
            total=self._burst.requests,
            is_running=self.is_running,
            connections_opened=report.connections_opened if report else 0,
            requests_per_s=result.requests_per_s if result else 0.0,
            p50_ms=result.p50_ms if result else None,
            p99_ms=result.p99_ms if result else None,
            max_ms=result.max_ms if result else None,
            retried=report.retried if report else 0,
            errors=dict(report.errors) if report else {},
            failure=self._failure(has_result=result is not None),
            latencies=result.latencies if result else (),
            number=self._number,
        )
