"""What a lab is: a question, a server with a fault, a client's script, and what both of them show.

A lab is played twice, in two acts: with the fault, and with the fault mended. Each act claims what the
question is about, in sentences that hold or do not; so a lab is a test as well.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from engine.findings.finding import Finding
from engine.limits import DEFAULT_LIMITS, Limits

if TYPE_CHECKING:
    from engine.labs.stage import Stage

Figure = float | int | str | None


class LabError(Exception):
    """A lab could not be played at all; says why in one line."""


@dataclass(frozen=True, slots=True)
class Lab:
    """One failure on purpose. Its module has the server as well: serve(listener, service, mended)."""

    name: str
    """On the command line."""
    title: str
    question: str
    choices: tuple[str, ...]
    """Answers to choose from before it is played. The first one is right; shown, they are sorted."""
    look: str
    """What to look at while it is played."""
    answer: str
    """In words; `{name}` is a figure of the first act, `{mended.name}` of the second."""
    fix: str
    play: Callable[["Stage"], None]
    """The client's script. It runs beside the server's picture, in a thread of its own."""
    finding: str = ""
    """Which finding has to name the failure; empty where none can see it."""
    remains: tuple[str, ...] = ()
    """Findings that hold with the fault mended, too: they speak of something else, that is still so."""
    models: tuple[str, str] = ("", "")
    """Which models serve the two acts; empty: the lab's own server."""
    short: tuple[bool, bool] = (False, False)
    """Whether connections are short, in the two acts."""
    backlog: int = 128
    limits: Limits = DEFAULT_LIMITS
    tick_s: tuple[float, float] = (0.0, 0.0)
    """Pause after each round of the polling loop, in the two acts."""
    private_network: bool = False
    """Each act in a network of its own, since the script changes settings of the kernel there."""


@dataclass(frozen=True, slots=True)
class Claim:
    """A sentence about an act, and whether it holds."""

    text: str
    holds: bool


@dataclass(frozen=True, slots=True)
class Act:
    """How it went, with the fault or without."""

    mended: bool
    claims: tuple[Claim, ...]
    figures: dict[str, Figure] = field(default_factory=dict)
    findings: dict[str, float] = field(default_factory=dict)
    """Those that were told, and how many seconds after the beginning of the script for the first time."""
    told: dict[str, Finding] = field(default_factory=dict)
    """What each of them said when it was told last, and of whom."""
    found_after_s: float | None = None
    """When that of the lab was told for the first time. None: it was not, or it named somebody who has no
    part in the failure."""

    @property
    def holds(self) -> bool:
        """Whether all that was claimed is so; an act without a claim shows nothing."""
        return bool(self.claims) and all(claim.holds for claim in self.claims)
