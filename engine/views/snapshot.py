"""What screens and scripts read: frozen values, made by the fold, the probes and the run.

Numbers handed out are frozen, so that a picture can be compared with the one before it and drawn while
the server goes on. Times are time.monotonic_ns(); no clock is read here.
"""

from dataclasses import dataclass, field
from enum import IntEnum

from engine.events import Event, Unreported
from engine.views.worker_view import WorkerView


class State(IntEnum):
    """What a connection waits for. `handler`, `unsent` and `idle` are rooms where a request waits."""

    ACCEPTED = 0
    READING = 1
    HANDLER = 2
    UNSENT = 3
    IDLE = 4
    CLOSED = 5


@dataclass(frozen=True, slots=True)
class StateMeaning:
    """How a state is named and told to people: legend, help and colours come from this table."""

    name: str
    letter: str
    meaning: str


STATE_MEANINGS = {
    State.ACCEPTED: StateMeaning("accepted", "A", "accepted, nothing received yet"),
    State.READING: StateMeaning("reading", "r", "a part of a request has been received"),
    State.HANDLER: StateMeaning(
        "handler", "H", "a request is in the handler (the code that answers it)"
    ),
    State.UNSENT: StateMeaning(
        "unsent", "S", "an answer is made, not all of it is handed to the kernel"
    ),
    State.IDLE: StateMeaning("idle", "_", "kept alive, waiting for the client's next request"),
    State.CLOSED: StateMeaning("closed", "X", "closed by the server (x: the client closed first)"),
}

STRIP_CELLS = 20
STRIP_CELL_NS = 150_000_000  # 20 cells of 150 ms: the last 3 seconds
STRIP_LETTERS = {
    "X": "closed by the server",
    "x": "closed, the client first",
    "A": "accepted; or nothing received since",
    "~": "events not reported",
    "S": "an answer is unsent, still so at the end of the 150 ms",
    "H": "a request is in the handler, still so at the end of the 150 ms",
    "s": "answered",
    "r": "received; or a part of a request is there",
    "_": "idle",
    " ": "not open",
}
"""Of all that happened in a cell, it shows what stands first here: what is rare, and where a request
waits, is seen among a thousand answers."""


@dataclass(frozen=True, slots=True)
class ConnectionView:
    """One connection, as one row shows it."""

    number: int
    """Given in order of appearance, from 1; the same for the life of the screen."""
    conn: int
    fd: int
    pid: int
    task: str
    """Who last did something with it: thread, greenlet or coroutine of process `pid`."""
    peer: str
    state: State
    requests: int
    bytes_in: int
    bytes_out: int
    opened_ns: int
    since_ns: int
    """When it came into its state."""
    closed_ns: int
    """0 while it is open."""
    last: str
    """The last event in words: `GET /index.html`, `200`, `reset by peer`."""
    last_ns: int
    """When that was."""
    path: str
    """Method and target of the last request; empty before the first."""
    strip: str
    """STRIP_CELLS letters of STRIP_LETTERS, oldest first."""
    closed_by: str
    """`client`, `server` or what else ended it; empty while it is open."""
    silent_ns: int
    """For how long the client had been silent when the server closed it for that; 0: it did not."""
    torn: bool
    """Some of its events were not reported: its numbers are too low."""
    row: int = 0
    """Its place in the table, from 0: it keeps it as long as it is shown."""
    acceptor: int = 0
    """The process that accepted it; not `pid` where a child serves it."""
    queued_ms: float = 0.0
    """How long it was in the accept queue, at least; 0: less than 10 ms, or not known."""

    @property
    def letter(self) -> str:
        """Of its state; of a closed one also by whom."""
        return "x" if self.closed_by == "client" else STATE_MEANINGS[self.state].letter


@dataclass(frozen=True, slots=True)
class Counts:
    """Exact totals since the server began, whatever was dropped on the way to the screen."""

    accepted: int = 0
    requests: int = 0
    responses: int = 0
    released: int = 0
    closed: int = 0
    bytes_in: int = 0
    bytes_out: int = 0
    events: int = 0
    lost: int = 0
    """Events that were counted but could not be reported: there was no room for them."""
    life_lost: int = 0
    """Of those, the beginnings and ends of connections: some rows may be missing or seem open."""
    thinned: int = 0
    """Events that were only counted, since their connections were not to be reported."""
    cut: int = 0
    """Connections that ended because the process that served them was killed."""
    errors: int = 0
    illegal_steps: int = 0
    """Events that the transition table does not allow: a fault of a model, or of ours."""
    wakeups: int = 0
    """Of the running engine's loop, as are the results that would have blocked; 0 where it has none."""
    would_block: int = 0

    @property
    def open(self) -> int:
        """Connections accepted and not yet closed."""
        return self.accepted - self.closed - self.cut


@dataclass(frozen=True, slots=True)
class Room:
    """One of the places where requests wait."""

    now: int
    longest_ms: float | None
    """Of those in it now; 0 when it is empty, None when that cannot be known."""
    p50_ms: float | None = None
    """Of the last finished waits; None when fewer than 10 of them are above it."""
    p99_ms: float | None = None
    limit: int | None = None
    """How many there is room for; None where that cannot be said."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The server as the events tell it, at `now_ns`."""

    now_ns: int = 0
    counts: Counts = field(default_factory=Counts)
    requests_per_s: float = 0.0
    events_per_s: float = 0.0
    bytes_in_per_s: float = 0.0
    bytes_out_per_s: float = 0.0
    wakeups_per_s: float = 0.0
    """Of the running engine's loop, as are the results that would have blocked."""
    would_block_per_s: float = 0.0
    requests_history: tuple[int, ...] = ()
    """Requests in each of the last seconds, oldest first, the running second left out."""
    sockets: int = 0
    """Sockets in the server's list: the listener and what it has accepted."""
    rooms: dict[str, Room] = field(default_factory=dict)
    """`handler`, `unsent`, `idle`, and `app_queue` where there is one: the rooms that events tell of; of
    `accept_queue` and `unread` only how long those waited that have left it. Percentiles of `unread`,
    `handler` and `unsent` are those of the last finished requests."""
    connections: tuple[ConnectionView, ...] = ()
    """Those in a window of rows: open ones and, for some seconds, closed ones. A row may be free."""
    first_row: int = 0
    """The row of the table at which `connections` begins."""
    rows: int = 0
    """How many rows the table has in all."""
    workers: int = 0
    """Processes and threads started by the server that have not ended."""
    worker_views: tuple[WorkerView, ...] = ()
    """The engines, and the first of those, each below what has started it."""
    events: tuple[Event, ...] = ()
    """The last events, oldest first."""
    numbers: dict[int, int] = field(default_factory=dict)
    """conn -> number, for the connections that `events` speaks of."""
    unreported: Unreported = field(default_factory=Unreported)
    """What `counts` has of events that were counted only."""


EMPTY_SNAPSHOT = Snapshot()


@dataclass(frozen=True, slots=True)
class ProcessNumbers:
    """What the operating system says of the server's processes. None: cannot be known."""

    processes: int = 0
    threads: int = 0
    zombies: int = 0
    zombie_pids: tuple[int, ...] = ()
    descriptors: int | None = None
    """Of the first process of the running engine."""
    children_descriptors: int | None = None
    """Of its child processes together; 0 where there are none."""
    starved_percent: float = 0.0
    """Of the time since the last sample, the first process was ready and got no processor."""
    children_switches: int = 0
    """How often they have given up a processor to wait for something, together."""
    descriptor_limit: int = 0
    """For each process."""
    cpu_percent: float = 0.0
    """Of one core, all processes together, since the last sample."""
    memory_bytes: int = 0
    """Resident, all processes together; shared pages count in each."""
    accept_queue: int | None = None
    """Connections that the kernel completed and nobody has accepted."""
    accept_queue_limit: int | None = None


EMPTY_NUMBERS = ProcessNumbers()


@dataclass(frozen=True, slots=True)
class RunStatus:
    """What runs, and how it is going."""

    model: str
    url: str
    mode: str
    """`keep-alive` or `short`."""
    engine_pid: int | None
    phase: str
    """`starting`, `serving`, `switching to thread`, `dead`."""
    thinning: int = 1
    """Of how many connections one is reported in detail; the others are only counted."""
    draining: int = 0
    """Engines that have left accept and still answer their connections."""
    last_words: tuple[str, ...] = ()
    """What an engine that died said on stderr, and how it ended."""
    cap: int = 0
    """How many connections the running engine lets in."""
    refused: int = 0
    """Clients that were answered 503 since that many were open."""
    refused_for_lack: int = 0
    """And those since the system gave no more threads or processes."""
    restarts: int = 0
    """How often a dead engine was started anew without being asked."""


@dataclass(frozen=True, slots=True)
class BurstView:
    """One burst of the built-in client, or a run of its sustained load: under way, or its result."""

    model: str
    mode: str
    """What the server ran with when it began: `keep-alive` or `short`."""
    done: int
    total: int
    """Requests."""
    is_running: bool
    connections_opened: int
    requests_per_s: float
    p50_ms: float | None
    p99_ms: float | None
    max_ms: float | None
    """Of successful requests; None when there were none, and a percentile of too few."""
    retried: int
    """Requests that the server closed on unanswered, and that the protocol lets a client repeat."""
    errors: dict[str, int]
    """Kind -> count."""
    failure: str = ""
    """Why there is no result; empty when there is one."""
    latencies: tuple[int, ...] = ()
    """How many successful requests took how long: counts by load.result.HISTOGRAM_EDGES_MS, and one
    for what is above. Empty while it runs, and when there is no result."""
    number: int = 0
    """From 1, in the order of their beginnings; the same for the life of the screen."""
    loop: str = ""
    """`closed loop` or `open loop` of sustained load, whose percentiles are live; empty: a burst."""
    share: float = 0.0
    """Of sustained load: how much of what was asked has been done, 0 to 1."""
    verdict: str = ""
    """Of sustained load that has ended: whether its client had time and connections to spare."""
    dropped: int = 0
    """Requests of an open loop that were due and never sent, since no connection was free."""
    cpu: dict[str, float] = field(default_factory=dict)
    """Of sustained load: who used how much of a processor, in percent, for those that are known."""
