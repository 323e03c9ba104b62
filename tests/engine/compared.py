"""Trials, standings and reports made by hand."""

from typing import Any

from engine.compare.conditions import Conditions
from engine.compare.report import Comparison
from engine.compare.standing import Standing, standing
from engine.compare.trial import Trial
from engine.load.samples import Samples

CONDITIONS = Conditions(python="3.11.7", system="Linux 6", processors=2, connections=32)


def a_trial(
    model: str = "thread", per_s: int = 1000, times_ms: tuple[float, ...] = (), **fields: Any
) -> Trial:
    samples = Samples()
    for ms in times_ms or (20.0,) * 100:
        samples.add(int(ms * 1e6))
    told: dict[str, Any] = {
        "mode": "keep-alive",
        "answered": per_s,
        "seconds": 1.0,
        "histogram": samples.encoded(),
        "server_cpu_s": 0.1,
        "waits": {"unread": 1.0, "handler": 3.0, "app_queue": None},
        "memory_bytes": 30_000.0,
        "processes": 1,
        "threads": 33,
        "descriptors": 39,
    }
    return Trial(model, **{**told, **fields})


def a_standing(model: str, rounds_per_s: tuple[int, ...], **fields: Any) -> Standing:
    return standing([a_trial(model, per_s, **fields) for per_s in rounds_per_s], CONDITIONS)


def a_report(*standings: Standing) -> Comparison:
    return Comparison(CONDITIONS, standings, rounds=3, is_final=True, is_whole=True)
