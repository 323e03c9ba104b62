"""How a model stands in one mode: its trials merged. Pure.

Histograms are merged and counts added up; no percentile is ever averaged.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from statistics import median
from typing import Any, Self

from engine.compare.conditions import ROUNDS_LEAST, Conditions
from engine.compare.trial import Trial
from engine.load.figures import FINE, HINDERED, VERDICTS
from engine.load.result import known
from engine.load.samples import merged, percentiles
from engine.pool import DEFAULT_POOL

AT_ONCE = {
    "iterative": 1,
    "prefork": DEFAULT_POOL.workers,
    "thread-pool": DEFAULT_POOL.threads,
}
"""Models that serve so many connections at a time and no more; whoever comes later waits for an end."""


@dataclass(frozen=True, slots=True)
class Standing:
    """Its figures over all rounds. None: cannot be known."""

    model: str
    mode: str
    requests_per_s: float = 0.0
    rounds_per_s: tuple[float, ...] = ()  # of the rounds that the verdict takes in
    p50_ms: float | None = None
    p90_ms: float | None = None
    p99_ms: float | None = None
    max_ms: float | None = None
    rounds_p50_ms: tuple[float, ...] = ()
    waits: Mapping[str, float | None] | None = None  # room -> how many were in it, the mean
    cpu_us: float | None = None  # of the server, for each request; None: nobody knows
    rounds_cpu_us: tuple[float, ...] = ()
    memory_bytes: float | None = None  # for each connection
    processes: int = 0
    threads: int = 0
    descriptors: int | None = None
    errors: Mapping[str, int] | None = None
    client: str = FINE  # the worst of its verdicts on itself
    cpu_percent: Mapping[str, float | None] | None = (
        None  # of one processor, by whom, the mean of the rounds
    )
    rounds: int = 0
    hindered_rounds: int = 0
    histogram: str = ""
    failure: str = ""
    """Why there are no figures; empty: there are."""
    notes: tuple[str, ...] = ()
    """What must be known to read them."""

    @property
    def is_fair(self) -> bool:
        """Whether the verdict takes it in: all connections served, and the client had time."""
        return not self.failure and not self.errors and len(self.rounds_per_s) >= ROUNDS_LEAST

    @property
    def spread(self) -> tuple[float, float]:
        """Requests/s of the worst and of the best round; (0, 0) without rounds."""
        return min(self.rounds_per_s, default=0.0), max(self.rounds_per_s, default=0.0)

    @classmethod
    def from_values(cls, values: dict[str, Any]) -> Self:
        """From JSON. Raises ValueError."""
        told = dict(known(cls, values))
        for each in fields(cls):
            if isinstance(told.get(each.name), list):
                told[each.name] = tuple(told[each.name])
        return cls(**told)


def standing(trials: Sequence[Trial], conditions: Conditions) -> Standing:
    """Of the trials of one model in one mode, one at least."""
    model, mode = trials[0].model, trials[0].mode
    if failure := next((trial.failure for trial in trials if trial.failure), ""):
        return Standing(model, mode, failure=failure, rounds=len(trials))
    times = merged(*(trial.histogram for trial in trials))
    told = percentiles(times)
    errors = dict(sum((Counter(trial.errors) for trial in trials), Counter()))
    fair = [trial for trial in trials if not trial.is_hindered and trial.answered]
    cpu_us = [used for trial in fair if (used := _cpu_us([trial])) is not None]
    middles = [p50 for trial in fair if (p50 := trial.percentiles().p50_ms) is not None]
    weighed = [each.memory_bytes for each in trials if each.memory_bytes is not None]
    seconds = sum(trial.seconds for trial in trials)
    return Standing(
        model,
        mode,
        requests_per_s=sum(trial.answered for trial in trials) / seconds if seconds else 0.0,
        rounds_per_s=tuple(trial.requests_per_s for trial in fair),
        p50_ms=told.p50_ms,
        p90_ms=told.p90_ms,
        p99_ms=told.p99_ms,
        max_ms=told.max_ms,
        rounds_p50_ms=tuple(middles),
        waits=_means([trial.waits for trial in trials]),
        cpu_us=_cpu_us(trials),
        rounds_cpu_us=tuple(cpu_us),
        memory_bytes=median(weighed) if weighed else None,
        processes=max(trial.processes for trial in trials),
        threads=max(trial.threads for trial in trials),
        descriptors=max((each.descriptors or 0 for each in trials), default=0) or None,
        errors=errors,
        client=max((trial.client for trial in trials), key=VERDICTS.index),
        cpu_percent=_means([trial.cpu for trial in trials]),
        rounds=len(trials),
        hindered_rounds=sum(trial.is_hindered for trial in trials),
        histogram=str(times.encode().decode()),
        notes=tuple(_notes(trials, errors, conditions)),
    )


def _notes(
    trials: Sequence[Trial], errors: Mapping[str, int], conditions: Conditions
) -> Iterable[str]:
    model, mode = trials[0].model, trials[0].mode
    room, asked = AT_ONCE.get(model, conditions.connections), conditions.connections
    if room < asked:
        served = "one connection" if room == 1 else f"{room} connections"
        others = (
            f"the other {asked - room} are served when one ends, and stand in no percentile"
            if mode == "keep-alive"
            else "the others wait until one ends"
        )
        yield f"serves {served} at a time: {others}"
    if errors:
        told = ", ".join(f"{number} {kind}" for kind, number in errors.items())
        yield f"{told}: left out of the verdict"
    for verdict in HINDERED:
        if hindered := sum(trial.client == verdict for trial in trials):
            told = verdict.partition(":")[0]
            yield f"{told} in {hindered} of {len(trials)} rounds, which the verdict leaves out"


def _cpu_us(trials: Sequence[Trial]) -> float | None:
    used = [trial.server_cpu_s for trial in trials]
    answered = sum(trial.answered for trial in trials)
    if not answered or None in used:
        return None
    return sum(each for each in used if each is not None) / answered * 1e6


def _means(rounds: Sequence[Mapping[str, float | None]]) -> dict[str, float | None]:
    """Of each name, over the rounds that know it."""
    means: dict[str, float | None] = {}
    for name in rounds[0]:
        told = [each for one in rounds if (each := one[name]) is not None]
        means[name] = sum(told) / len(told) if told else None
    return means
