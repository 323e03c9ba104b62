"""One run of sustained load as its parent sees it.

Belongs to the terminal's main thread. Imported when load begins: histograms take 20 ms to import.
"""

from collections.abc import Mapping

from engine.load.figures import FINE, Report, response_time, verdict_on
from engine.load.plan import Plan
from engine.running.load_process import WatchedLoad
from engine.views.snapshot import BurstView

ALL_IN_USE = "all connections in use"  # of an open loop that could not ask in time
WHOSE = ("server", "client", "dashboard", "others")  # of CpuShares


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
            verdict=_verdict(report) if report and is_final else "",
            dropped=report.dropped if report else 0,
            cpu=_known(report.cpu) if report else {},
        )


def _verdict(report: Report) -> str:
    """On a client that may have had time to spare, and no connection."""
    told = verdict_on(report)
    return ALL_IN_USE if told == FINE and report.lacked_connections else told


def _known(cpu: Mapping[str, float | None]) -> dict[str, float]:
    # Sums over processes of which one may just have ended: a share may seem to be below 0.
    return {name: max(share, 0.0) for name in WHOSE if (share := cpu[name]) is not None}
