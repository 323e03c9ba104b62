"""What a rule is: a function of a trail of moments. Pure."""

from collections.abc import Callable
from dataclasses import dataclass

from engine.findings.finding import Said
from engine.findings.moment import Trail

CONFIRM_MS = 150.0  # two looks: one of them may have met a server in the middle of a step


@dataclass(frozen=True, slots=True)
class Rule:
    """One failure, and how it is known."""

    id: str
    remedy: str
    holds: Callable[[Trail], Said | None]
    """What it says of the newest moment; None: nothing is wrong."""
    confirm_ms: float = CONFIRM_MS
    """For how long it has to hold before it is told; 0 where it tells of a time that has passed, or of
    something that cannot be by chance."""
