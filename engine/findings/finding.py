"""What a rule says of a server. Pure."""

from dataclasses import dataclass
from enum import IntEnum


class Level(IntEnum):
    """How bad it is."""

    OK = 0
    WATCH = 1
    """It costs nobody anything yet, or only the client that it speaks of."""
    WARN = 2
    """Requests wait, are lost, or soon will be."""


LEVEL_LETTERS = {Level.OK: " ", Level.WATCH: "w", Level.WARN: "W"}


@dataclass(frozen=True, slots=True)
class Finding:
    """A failure that shows."""

    id: str
    level: Level
    text: str
    """What is seen, a sentence with its numbers."""
    remedy: str
    conns: tuple[int, ...] = ()
    """The connections concerned, the worst first."""
    pids: tuple[int, ...] = ()
    """The processes."""


@dataclass(frozen=True, slots=True)
class Said:
    """What a rule says when it holds: the id and the remedy are the rule's."""

    level: Level
    text: str
    conns: tuple[int, ...] = ()
    pids: tuple[int, ...] = ()
