"""A process or thread of the server, frozen: what it does, what it has done, and what it holds. Pure."""

from dataclasses import dataclass, field
from enum import StrEnum

from engine.events import Event

NOT_TOLD = "~"
"""Instead of the letter of a state, which is not told."""


class WorkerState(StrEnum):
    """What a process or thread does now."""

    ACCEPTING = "accepting"
    READING = "reading"
    HANDLING = "handling"
    WRITING = "writing"
    IDLE = "idle"
    WAITING = "waiting"
    COUNTED = "counted"


@dataclass(frozen=True, slots=True)
class WorkerView:
    """A process or a thread of the server, as one row shows it."""

    pid: int
    task: str
    """Of a thread its name; empty: a process, with its first thread."""
    depth: int
    """In the tree: 0 for an engine, 1 for what it has started."""
    state: WorkerState
    """That of its busiest connection; counted: the others are only counted, under so much load; without any
    connection: accepting, or waiting if it accepts nothing itself."""
    connections: int
    accepts: int
    wakeups: int
    would_block: int
    """Connections: open ones. Accepts, wake-ups of its loop, calls that would have blocked: in all."""
    strip: str
    """Letters of snapshot.STRIP_LETTERS, of all its connections together; blank: it had none."""
    ready: int | None = None
    """The longest list of ready sockets that its loop was told of while the strip was drawn; None: it has no
    loop, or one that nobody watches."""
    listener: int = 0
    """The cookie of a listening socket that it has opened itself; 0: it takes from one that was there."""
    longest_turn_ms: float | None = None
    """Of the turns of its loop that ended while the strip was drawn: so long may a ready socket have waited.
    None: it has no loop, or one that nobody watches."""
    gauges: dict[str, int] = field(default_factory=dict)
    """What its model has in hand, by its own account, and how many of each."""


@dataclass(frozen=True, slots=True)
class Held:
    """A connection that a worker serves now."""

    number: int
    letter: str
    """Of its state, in snapshot.STATE_MEANINGS, or NOT_TOLD."""
    path: str
    """Method and target of its last request; empty before the first."""
    since_ns: int
    """When it came into its state."""


@dataclass(frozen=True, slots=True)
class Descriptor:
    """An open descriptor of a process."""

    number: int
    what: str
    """`listener`, `connection`, `unix socket`, `socket`, `pipe`, `eventpoll`, or a path."""
    conn: int
    """Of a connection; else 0."""
    holders: int
    """Processes of the server that hold the same, the terminal's among them. While there is one, a
    connection is not closed, whoever else has closed it."""


@dataclass(frozen=True, slots=True)
class Descriptors:
    """Those of a process."""

    first: tuple[Descriptor, ...]
    """By their numbers."""
    total: int


@dataclass(frozen=True, slots=True)
class WorkerDetail:
    """What is known of one worker."""

    view: WorkerView
    held: tuple[Held, ...]
    """Of its open connections, the first."""
    events: tuple[Event, ...]
    """What it did, oldest first, as far as it is kept: the last events of all, and those of the connections
    that it has or has just had."""
    numbers: dict[int, int] = field(default_factory=dict)
    """conn -> number, of connections that `events` speaks of."""
    history: str = ""
    """Letters as those of `view.strip`, of its last 60 s at most; the last one is now."""
    descriptors: Descriptors | None = None
    """Of its process. None: the system does not tell."""
