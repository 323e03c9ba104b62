"""A rising rate until the knee: where answers no longer come as fast as they are asked for. Pure.

The loop is open, so that a request that cannot be sent in time is late, and not unasked.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Self

from engine.compare.trial import Trial
from engine.load.result import known

FIRST_PER_S = 20.0
MOST_PER_S = 40_000.0  # the client does not get further
RISE = 2.0
FINER_STEPS = 3  # between the last rate that was met and the first that was not: to some 10 %
MET_FROM = 0.95  # of what was offered
ON_THE_WAY = 2  # that are counted on the other side of a look: much, of a few
SLOW_FROM = 5.0  # times the median response time of the lowest rate of which one is known
AS_AT_REST = 1.5  # times that, and the server is not what makes a client wait


@dataclass(frozen=True, slots=True)
class Point:
    """One rate."""

    offered_per_s: float
    requests_per_s: float
    p50_ms: float | None
    p90_ms: float | None
    p99_ms: float | None
    max_ms: float | None
    dropped: int
    client: str
    is_met: bool
    """The server keeps up: the answers come at that rate, and not much later than at rest."""
    capped_at: int = 0
    """The client's connections, where it could not ask in time for want of them and the server answered
    as soon as at rest: more may carry more. 0: not so."""


@dataclass(frozen=True, slots=True)
class Sweep:
    """All rates of one model in one mode."""

    model: str
    mode: str
    points: tuple[Point, ...] = ()  # by rate
    failure: str = ""

    @property
    def knee_per_s(self) -> float | None:
        """The highest rate that was met before one that was not; None: none was."""
        met = [point.offered_per_s for point in self.points if point.is_met]
        return max(met, default=None)

    @property
    def is_open(self) -> bool:
        """Every rate was met: the knee lies beyond."""
        return all(point.is_met for point in self.points)

    @classmethod
    def from_values(cls, values: dict[str, Any]) -> Self:
        """From JSON. Raises ValueError."""
        told = dict(known(cls, values))
        told["points"] = tuple(Point(**known(Point, each)) for each in told.get("points", ()))
        return cls(**told)


def climb(model: str, mode: str, load: Callable[[float], Trial]) -> Iterator[Sweep]:
    """What is known after each rate; `load` runs the load at one."""
    points: list[Point] = []
    met, missed = 0.0, 0.0
    rate, finer = FIRST_PER_S, 0
    while rate <= MOST_PER_S and finer <= FINER_STEPS:
        # Of a lower rate than that, too few were answered to know.
        at_rest_ms = next((each.p50_ms for each in points if each.p50_ms is not None), None)
        point = _point(rate, load(rate), at_rest_ms)
        if not point.is_met:  # once more: a hiccup is no knee
            point = _point(rate, load(rate), at_rest_ms)
        points = sorted([*points, point], key=lambda each: each.offered_per_s)
        yield Sweep(model, mode, tuple(points))
        if point.is_met:
            met = rate
        else:
            missed = rate
        if not met:
            return  # not even the lowest
        rate = (met * missed) ** 0.5 if missed else rate * RISE
        finer += bool(missed)


def _point(rate: float, trial: Trial, p50_at_rest_ms: float | None) -> Point:
    told = trial.percentiles()
    is_late = (
        p50_at_rest_ms is not None
        and told.p50_ms is not None
        and told.p50_ms > SLOW_FROM * p50_at_rest_ms
    )
    has_all = trial.answered + ON_THE_WAY >= MET_FROM * rate * trial.seconds
    return Point(
        offered_per_s=rate,
        requests_per_s=trial.requests_per_s,
        p50_ms=told.p50_ms,
        p90_ms=told.p90_ms,
        p99_ms=told.p99_ms,
        max_ms=told.max_ms,
        dropped=trial.dropped,
        client=trial.client,
        is_met=has_all and not is_late and not trial.errors and not trial.dropped,
        capped_at=trial.all_in_use if _is_at_rest(trial, p50_at_rest_ms) else 0,
    )


def _is_at_rest(trial: Trial, p50_at_rest_ms: float | None) -> bool:
    """Once asked, the server answers as soon as at the lowest rate."""
    return (
        p50_at_rest_ms is not None
        and trial.service_p50_ms is not None
        and trial.service_p50_ms <= AS_AT_REST * p50_at_rest_ms
    )
