"""A comparison as it is told: to its parent line by line, and to people and scripts at the end. Pure."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Self

from engine.compare.conditions import Conditions, conditions_of
from engine.compare.standing import Standing
from engine.compare.sweep import Sweep
from engine.compare.verdict import Verdict, judge
from engine.load.result import as_object

VERSION = 1  # of the format


@dataclass(frozen=True, slots=True)
class Comparison:
    """As far as it has come."""

    conditions: Conditions
    standings: tuple[Standing, ...] = ()  # by mode, and in it by requests/s
    sweeps: tuple[Sweep, ...] = ()
    made: str = ""  # when it was begun: date and time of day; empty: nobody knows
    rounds: int = 0
    seconds: float = 0.0  # since it began
    share: float = 0.0
    doing: str = ""
    is_final: bool = False
    is_whole: bool = False
    """All that was asked has been done."""

    @property
    def verdicts(self) -> tuple[Verdict, ...]:
        """For each mode: who answers most, who answers soonest, who uses least of a processor."""
        modes = list(dict.fromkeys(each.mode for each in self.standings))
        return tuple(verdict for mode in modes for verdict in _verdicts(mode, self.standings))

    def to_json(self) -> str:
        """One line, for `from_json`."""
        told = {
            "kind": "comparison",
            "version": VERSION,
            "conditions": asdict(self.conditions),
            "made": self.made,
            "rounds": self.rounds,
            "seconds": self.seconds,
            "share": self.share,
            "doing": self.doing,
            "is_final": self.is_final,
            "is_whole": self.is_whole,
            "models": [_with_figures(each) for each in self.standings],
            "verdicts": [asdict(each) for each in self.verdicts],
            "sweeps": [asdict(each) | {"knee_per_s": each.knee_per_s} for each in self.sweeps],
        }
        return json.dumps(told)

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Raises ValueError for what is no such line."""
        told = as_object(text)
        if told.get("kind") != "comparison" or told.get("version") != VERSION:
            raise ValueError(f"no report of a comparison, version {VERSION}")
        try:
            standings = [_without(each, "spread_per_s", "is_fair") for each in told["models"]]
            return cls(
                conditions=conditions_of(told["conditions"]),
                standings=tuple(map(Standing.from_values, standings)),
                sweeps=tuple(
                    Sweep.from_values(_without(each, "knee_per_s")) for each in told["sweeps"]
                ),
                made=told.get("made", ""),  # reports of old do not tell
                **{name: told[name] for name in _PLAIN},
            )
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"a report of a comparison that lacks something: {error}") from error


_PLAIN = ("rounds", "seconds", "share", "doing", "is_final", "is_whole")


def _with_figures(one: Standing) -> dict[str, Any]:
    return asdict(one) | {"spread_per_s": one.spread, "is_fair": one.is_fair}


def _without(values: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in values.items() if name not in names}


def _verdicts(mode: str, standings: Sequence[Standing]) -> list[Verdict]:
    fair = [each for each in standings if each.mode == mode and each.is_fair]
    figures = (
        ("most requests/s", {each.model: each.rounds_per_s for each in fair}, True),
        ("lowest p50", {each.model: each.rounds_p50_ms for each in fair}, False),
        ("least CPU per request", {each.model: each.rounds_cpu_us for each in fair}, False),
    )
    return [judge(mode, figure, rounds, more_is_better=more) for figure, rounds, more in figures]
