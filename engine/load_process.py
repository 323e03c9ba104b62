"""One burst or run of sustained load as its parent sees it, with the model and mode that it met.

Belongs to the terminal's main thread. Nothing here waits.
"""

from collections.abc import Callable
from typing import Generic

from engine.client_process import ClientProcess, Told
from engine.load.figures import Report, response_time, verdict_on
from engine.load.plan import Plan
from engine.load.result import Burst, BurstResult, Progress, parse_line
from engine.snapshot import BurstView


class WatchedLoad(Generic[Told]):
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

    def view(self) -> BurstView:
        """Its numbers, frozen."""
        raise NotImplementedError

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


class SustainedProcess(WatchedLoad[Report]):
    """Sustained load; its figures are live."""

    def __init__(self, plan: Plan, model: str, mode: str, number: int = 1) -> None:
        """Start it. Raises OSError."""
        super().__init__(plan.to_json(), Report.from_json, model, mode, number)
        self._plan = plan
        self._viewed: tuple[Report | None, bool] | None = None
        self._view: BurstView | None = None

    def view(self) -> BurstView:
        """Its numbers, frozen; computed once for each report, since percentiles take their time."""
        now = (self._client.report, self.is_running)
        if self._view is None or now != self._viewed:
            self._viewed, self._view = now, self._look(self._client.report)
        return self._view

    def _look(self, report: Report | None) -> BurstView:
        told = response_time(report) if report else None
        is_final = report is not None and report.is_final
        return BurstView(
            model=self._model,
            mode=self._mode,
            done=report.requests if report else 0,
            total=self._plan.requests or 0,
            is_running=self.is_running,
            connections_opened=report.connections_opened if report else 0,
            requests_per_s=told.count / report.measured_s
            if report and told and report.measured_s
            else 0.0,
            p50_ms=told.p50_ms if told else None,
            p99_ms=told.p99_ms if told else None,
            max_ms=told.max_ms if told else None,
            retried=report.retried if report else 0,
            errors=dict(report.errors) if report else {},
            failure=self._failure(has_result=is_final),
            latencies=report.latencies if report else (),
            number=self._number,
            loop="closed loop" if self._plan.rate is None else "open loop",
            share=report.share if report else 0.0,
            verdict=verdict_on(report) if report and is_final else "",
            dropped=report.offered - report.sent if report and is_final else 0,
        )
