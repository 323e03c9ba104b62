"""One burst as its parent sees it, with the model and mode that it met.

Belongs to the terminal's main thread. Nothing here waits.
"""

from engine.client_process import ClientProcess
from engine.load.result import Burst, BurstResult, Progress, parse_line
from engine.snapshot import BurstView


class LoadProcess:
    """A burst under way, or its result."""

    def __init__(self, burst: Burst, model: str, mode: str, number: int = 1) -> None:
        """Start the client. `number`: as in BurstView. Raises OSError."""
        self._number = number
        self._burst = burst
        self._model = model
        self._mode = mode
        self._client: ClientProcess[Progress | BurstResult] = ClientProcess(
            burst.to_json(), parse_line
        )

    @property
    def is_running(self) -> bool:
        """Whether the burst goes on."""
        return self._client.is_running

    def note_change(self, model: str, mode: str) -> None:
        """The server has changed under the burst: its result speaks of both."""
        if self.is_running:
            if not self._model.endswith(model):
                self._model += f">{model}"
            if not self._mode.endswith(mode):
                self._mode += f">{mode}"

    def advance(self) -> None:
        """Take in what it reported since the last call."""
        self._client.advance()

    def kill(self) -> None:
        """End it now; what it had done stays on record."""
        self._client.kill()

    def view(self) -> BurstView:
        """Its numbers, frozen."""
        report = self._client.report
        result = report if isinstance(report, BurstResult) else None
        has_failed = not self.is_running and result is None
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
            failure=self._client.last_words if has_failed else "",
            latencies=result.latencies if result else (),
            number=self._number,
        )
