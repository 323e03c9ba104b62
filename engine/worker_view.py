"""A process or thread of the server, frozen: what it does, and what it has done. Pure."""

from dataclasses import dataclass
from enum import Enum


class WorkerState(Enum):
    """What a process or thread does now."""

    ACCEPTING = "accepting"
    READING = "reading"
    HANDLING = "handling"
    WRITING = "writing"
    IDLE = "idle"
    WAITING = "waiting"


@dataclass(frozen=True, slots=True)
class WorkerView:
    """A process or a thread of the server, as one row shows it."""

    pid: int
    task: str
    """Of a thread its name; empty: a process, with its first thread."""
    depth: int
    """In the tree: 0 for an engine, 1 for what it has started."""
    state: WorkerState
    """That of its busiest connection; without any: accepting, or waiting if it accepts nothing itself."""
    connections: int
    accepts: int
    wakeups: int
    would_block: int
    """Connections: open ones. Accepts, wake-ups of its loop, calls that would have blocked: in all."""
    strip: str
    """Letters of snapshot.STRIP_LETTERS, of all its connections together; blank: it had none."""
