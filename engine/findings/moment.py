"""What the rules look at: a server at a moment, and the moments before it. Pure.

Made from the fold, the probes and the run's status, so that a recording gives the same findings.
"""

from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from itertools import islice
from typing import NamedTuple

from engine.events import Event, Kind
from engine.fold.connection import Connection
from engine.views.kernel_numbers import EMPTY_KERNEL, KernelNumbers, KernelView
from engine.views.snapshot import (
    EMPTY_NUMBERS,
    EMPTY_SNAPSHOT,
    ProcessNumbers,
    RunStatus,
    Snapshot,
    State,
)

MS = 1_000_000
HELD_AT_LEAST_NS = 50 * MS  # what takes less is on its way, and holds nobody up
HELD_MOST = 256  # of each kind: a sentence names a few, and counts come from elsewhere
KEPT_NS = 30_000 * MS  # long enough for a leak of a descriptor a second to show
STARVED_PERCENT = 25.0  # of its time; a server that shares two cores with its load waits for less
RECENT_NS = 3_000 * MS  # for so long an error or a reset is spoken of
CLIENT_ENDED = "client closed first"  # of a close: its client's end of stream was read
NOWHERE = RunStatus("", "", "keep-alive", None, "starting")


class Held(NamedTuple):
    """An open connection that has been in its state for a while, or is kept alive."""

    conn: int
    number: int
    pid: int
    task: str
    state: State
    for_ms: float
    """In this state;"""
    silent_ms: float
    """since an event told of it."""
    requests: int
    path: str
    missing_bytes: int
    """Of an answer that is made, not yet handed to the kernel."""
    kernel: KernelView | None
    """None: the kernel does not tell."""


class Copy(NamedTuple):
    """A connection that its server has closed, and that is open nevertheless."""

    conn: int
    number: int
    for_ms: float
    """Since it was closed."""
    pids: tuple[int, ...]
    """Who holds a copy of the descriptor; empty: not known."""


class Reset(NamedTuple):
    """A connection that its server has closed while bytes of its client lay unread."""

    conn: int
    number: int
    pid: int
    unread_bytes: int
    path: str


class Dropped(NamedTuple):
    """A connection whose client has ended its half, and that its server closed with a request unanswered."""

    conn: int
    number: int
    pid: int
    path: str


@dataclass(frozen=True, slots=True)
class Moment:
    """A server at `now_ns`."""

    now_ns: int = 0
    snapshot: Snapshot = EMPTY_SNAPSHOT
    """Without connections: `held` has those that matter."""
    numbers: ProcessNumbers = EMPTY_NUMBERS
    kernel: KernelNumbers = EMPTY_KERNEL
    status: RunStatus = NOWHERE
    held: tuple[Held, ...] = ()
    copies: tuple[Copy, ...] = ()
    lost: tuple[int, ...] = ()
    """Clients that were reset in the last seconds in the queue of a listener that was closed."""
    resets: tuple[Reset, ...] = ()
    """Those of the last seconds, oldest first, as are the next."""
    dropped: tuple[Dropped, ...] = ()
    errors: tuple[Event, ...] = ()

    @property
    def has_one_thread(self) -> bool:
        """Each of the server's processes has one thread: what blocks in it blocks all of its clients."""
        return 0 < self.numbers.threads <= self.numbers.processes

    @property
    def is_starved(self) -> bool:
        """The machine has no processor for the server: who waits then tells nothing of it."""
        return self.numbers.starved_percent >= STARVED_PERCENT

    def holding(self, *states: State, at_least_ms: float) -> list[Held]:
        """Those that have been in one of these states for so long, the longest first."""
        found = [one for one in self.held if one.state in states and one.for_ms >= at_least_ms]
        return sorted(found, key=lambda one: -one.for_ms)

    def waiting(self, at_least_ms: float) -> int:
        """Clients that nobody turns to, if one of them has waited for so long: connected and not
        accepted, sent and not read, or in the queue of the server; else 0, also while the machine has no
        processor for the server."""
        rooms = [self.kernel.rooms.get(name) for name in ("accept_queue", "unread")]
        rooms.append(self.snapshot.rooms.get("app_queue"))
        there = [room for room in rooms if room is not None and room.now]
        if self.is_starved:
            return 0
        longest_ms = max([room.longest_ms or 0.0 for room in there], default=0.0)
        return sum(room.now for room in there) if longest_ms >= at_least_ms else 0


class Trail:
    """The last moments, the newest one last."""

    def __init__(self) -> None:
        self._moments: deque[Moment] = deque()

    def add(self, moment: Moment) -> None:
        """A new one. When another engine serves, or time runs back, those before say nothing of it."""
        last = self._moments[-1] if self._moments else moment
        if moment.now_ns < last.now_ns or _served_by(moment) != _served_by(last):
            self._moments.clear()
        self._moments.append(moment)
        while self._moments[0].now_ns < moment.now_ns - KEPT_NS:
            self._moments.popleft()

    @property
    def now(self) -> Moment:
        """The newest."""
        return self._moments[-1]

    def since(self, ms: float) -> list[Moment]:
        """Those of the last `ms`, oldest first: also the one in which that time began. Empty when they
        do not reach back so far."""
        begin_ns = self.now.now_ns - ms * MS
        found = []
        for moment in reversed(self._moments):
            found.append(moment)
            if moment.now_ns <= begin_ns:
                return found[::-1]
        return []

    def samples(self) -> list[Moment]:
        """Those with the last two samples of process numbers, oldest first; empty when there is one."""
        found: list[Moment] = []
        known: list[ProcessNumbers] = []
        for moment in reversed(self._moments):
            if not any(moment.numbers is one for one in known):
                known.append(moment.numbers)
            if len(known) > 2:
                break
            found.append(moment)
        return found[::-1] if len(known) > 1 else []

    def before(self, ms: float) -> Iterable[Moment]:
        """Those that are older than that, oldest first."""
        end_ns = self.now.now_ns - ms * MS
        return [moment for moment in self._moments if moment.now_ns <= end_ns]


def _served_by(moment: Moment) -> tuple[str, int | None]:
    return moment.status.model, moment.status.engine_pid


def moment_of(
    snapshot: Snapshot,
    events: Iterable[Event],
    connections: Iterable[Connection],
    numbers: ProcessNumbers,
    kernel: KernelNumbers,
    status: RunStatus,
    view: Callable[[int], KernelView | None],
    copies: tuple[Copy, ...] = (),
    lost: tuple[int, ...] = (),
) -> Moment:
    """Put together what is known. `events`: the last ones; `view`: what the kernel says of one connection."""
    now_ns = snapshot.now_ns
    known = list(connections)
    errors = [event for event in events if event.kind is Kind.ERROR]
    return Moment(
        now_ns=now_ns,
        # Thirty seconds of events are kept nowhere else either.
        snapshot=replace(snapshot, connections=(), events=(), numbers={}),
        numbers=numbers,
        kernel=kernel,
        status=status,
        held=held_of(known, now_ns, view),
        copies=copies,
        lost=lost,
        resets=_resets(known, now_ns),
        dropped=_dropped(known, now_ns),
        errors=tuple(event for event in errors if event.at_ns >= now_ns - RECENT_NS),
    )


def held_of(
    connections: Iterable[Connection], now_ns: int, view: Callable[[int], KernelView | None]
) -> tuple[Held, ...]:
    """Those of the open connections that wait for long, and some that are kept alive."""
    open_ones = [one for one in connections if not (one.closed_ns or one.torn)]
    old_ns = now_ns - HELD_AT_LEAST_NS
    busy = (one for one in open_ones if one.state is not State.IDLE and one.since_ns <= old_ns)
    idle = (one for one in open_ones if one.state is State.IDLE and not one.is_only_counted)
    chosen = [*islice(busy, HELD_MOST), *islice(idle, HELD_MOST)]
    return tuple(_held(one, now_ns, view(one.conn)) for one in chosen)


def _resets(connections: Iterable[Connection], now_ns: int) -> tuple[Reset, ...]:
    closed = [one for one in connections if one.closed_ns >= now_ns - RECENT_NS]
    return tuple(
        Reset(one.conn, one.number, one.pid, one.last.bytes, one.path)
        for one in closed
        if one.last.kind is Kind.CLOSE and one.last.bytes and one.closed_by == "server"
    )


def _dropped(connections: Iterable[Connection], now_ns: int) -> tuple[Dropped, ...]:
    """One that is reset is not among them: that client is gone indeed."""
    return tuple(
        Dropped(one.conn, one.number, one.pid, one.path)
        for one in connections
        if one.closed_ns >= now_ns - RECENT_NS
        and one.pending
        and not one.torn
        and one.last.note == CLIENT_ENDED
    )


def _held(one: Connection, now_ns: int, kernel: KernelView | None) -> Held:
    return Held(
        conn=one.conn,
        number=one.number,
        pid=one.pid,
        task=one.task,
        state=one.state,
        for_ms=(now_ns - one.since_ns) / MS,
        silent_ms=(now_ns - one.last.at_ns) / MS,
        requests=one.requests,
        path=one.path,
        missing_bytes=max(one.unsent, 0),
        kernel=kernel,
    )
