"""What is asked of a comparison, and what must be alike in two that are compared. Pure."""

from __future__ import annotations

import json
import platform
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Self

from engine.compare.cores import allowed, halves
from engine.load.plan import Plan
from engine.load.result import as_object, known

MODES = ("keep-alive", "short")
ROUNDS_LEAST = 3  # with fewer, a spread says nothing
SECONDS_LEAST = 0.8
SECONDS = 1.2  # of one run: 16 models in two modes and three rounds then take some four minutes
LATE_S = 1.0  # that a request may take longer than the run
CONNECTIONS = 32


@dataclass(frozen=True, slots=True)
class Conditions:
    """The same for each model. Reports that differ in one of these are not comparable."""

    path: str = "/wait/20"
    connections: int = CONNECTIONS
    seconds: float = SECONDS
    app: str = ""
    """`module:callable`; empty: the site of our own."""
    pin: bool = False
    """Server and client each on processors of their own."""
    trace: bool = True
    """Watched: only then is it known who waits in the handler, and what that costs is in the figures."""
    python: str = field(default_factory=platform.python_version)
    system: str = field(default_factory=lambda: f"{platform.system()} {platform.release()}")
    processors: int = field(default_factory=lambda: len(allowed()))

    def plan(self, url: str, mode: str, rate: float | None = None) -> Plan:
        """The load of one run; with a rate, an open loop.

        A connection that is never served is given up soon after the end, and counts as an error.
        """
        return Plan(
            url,
            connections=self.connections,
            seconds=self.seconds,
            rate=rate,
            per_connection=1 if mode == "short" else None,
            paths=((self.path, 1.0),),
            timeout_s=self.seconds + LATE_S,
        )


@dataclass(frozen=True, slots=True)
class Asked:
    """Which models under which conditions. Raises ValueError for what means nothing."""

    models: tuple[str, ...]
    modes: tuple[str, ...] = MODES
    rounds: int = ROUNDS_LEAST
    sweeps: bool = False
    conditions: Conditions = field(default_factory=Conditions)
    parent_pid: int | None = None

    def __post_init__(self) -> None:
        if not self.models or len(set(self.models)) != len(self.models):
            raise ValueError("each model once, and one at least")
        if not self.modes or not set(self.modes) <= set(MODES):
            raise ValueError(f"modes are {' and '.join(MODES)}, not {self.modes!r}")
        if self.rounds < ROUNDS_LEAST:
            raise ValueError(f"{self.rounds} rounds show no spread; take {ROUNDS_LEAST} or more")
        if self.conditions.seconds < SECONDS_LEAST:
            raise ValueError(f"a run of less than {SECONDS_LEAST:g} s shows nothing")
        if self.conditions.pin:
            halves(allowed())
        self.conditions.plan("http://127.0.0.1/", "short")  # which refuses what cannot be

    def to_json(self) -> str:
        """One line, for `from_json`."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Raises ValueError for what is no such line."""
        values = known(cls, as_object(text))
        for name in ("models", "modes"):
            if name in values:
                values[name] = tuple(values[name])
        values["conditions"] = conditions_of(values.get("conditions", {}))
        return cls(**values)


def conditions_of(values: dict[str, Any]) -> Conditions:
    """From JSON. Raises ValueError."""
    return Conditions(**known(Conditions, values))


def unlike(one: Conditions, other: Conditions) -> list[str]:
    """Each difference in words; empty: they may be compared."""
    return [
        f"{each.name} is {getattr(one, each.name)!r} there and {getattr(other, each.name)!r} here"
        for each in fields(Conditions)
        if getattr(one, each.name) != getattr(other, each.name)
    ]
