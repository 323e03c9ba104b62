"""ServerState: events in, snapshots out.

Everything that changes a connection's state is in the table STEPS. A step that it does not allow is
counted, never raised: a picture with a wrong step in it is better than none. No clock, no sockets:
time is the events' own, and an argument of snapshot().
"""

from collections import deque
from collections.abc import Callable, Iterable, Mapping
from itertools import islice

from engine.connection import CELL_BIT, Connection
from engine.events import Event, Kind
from engine.snapshot import STRIP_CELL_NS, Counts, Room, Snapshot, State

A, R, H, U, I, C = State  # noqa: E741 - one letter each keeps the table a table
STEPS: dict[State, dict[Kind, State]] = {
    #  state: what may happen in it, and where that leads. A send that leaves bytes behind stays in
    #  `unsent`; one that leaves requests unanswered goes back to `handler` (see Connection.settle).
    A: {Kind.RECV: R, Kind.ERROR: A, Kind.RELEASE: A, Kind.CLOSE: C, Kind.TICK: A},
    R: {Kind.RECV: R, Kind.REQUEST: H, Kind.ERROR: R, Kind.RELEASE: R, Kind.CLOSE: C, Kind.TICK: R},
    H: {Kind.RECV: H, Kind.REQUEST: H, Kind.RESPONSE: U, Kind.ERROR: H, Kind.RELEASE: H, Kind.CLOSE: C,
        Kind.TICK: H},
    U: {Kind.RECV: U, Kind.REQUEST: U, Kind.RESPONSE: U, Kind.SEND: I, Kind.ERROR: U, Kind.RELEASE: U,
        Kind.CLOSE: C, Kind.TICK: U},
    I: {Kind.RECV: R, Kind.REQUEST: H, Kind.ERROR: I, Kind.RELEASE: I, Kind.CLOSE: C, Kind.TICK: I},
    # The parent's copy may be given up after the child has served and closed its own.
    C: {Kind.RELEASE: C, Kind.ERROR: C, Kind.TICK: C},
}  # fmt: skip

CLOSED_KEPT_NS = 3_000_000_000  # a closed connection stays on screen this long, so that it can be seen
CLOSED_KEPT = 200  # at most: 20,000 short connections a second would fill any screen
EVENTS_KEPT = 1_000
WAITS_KEPT = 1_000  # finished waits behind the percentiles of a room
HISTORY_SECONDS = 120
SECOND_NS = 1_000_000_000
RATE_SAMPLES = 8  # cells: rates are over the last 8 x 150 ms = 1.2 s


class ServerState:
    """What the events so far add up to. Feed it in order of `at_ns`; it is not thread-safe."""

    def __init__(self) -> None:
        self.counts = dict.fromkeys(Kind, 0)
        self.dropped = dict.fromkeys(Kind, 0)
        self.bytes_in = self.bytes_out = 0
        self.illegal_steps = self.cut = 0
        self.wakeups = self.would_block = 0
        self.connections: dict[int, Connection] = {}
        self.numbered = 0
        self.workers: set[tuple[int, str]] = set()
        self.events: deque[Event] = deque(maxlen=EVENTS_KEPT)
        self.handler_ns: deque[int] = deque(maxlen=WAITS_KEPT)
        self.unsent_ns: deque[int] = deque(maxlen=WAITS_KEPT)
        self._closed: deque[Connection] = deque()
        self._dropped_bytes = (0, 0)
        self._cell = 0
        self._cell_ends_ns = 0
        self._samples: deque[tuple[int, int, int, int, int]] = deque(maxlen=RATE_SAMPLES)
        self._history: deque[int] = deque(maxlen=HISTORY_SECONDS)
        self._second_ends_ns = 0
        self._requests_before = 0

    # --- in -------------------------------------------------------------------------------------

    def fold(self, events: Iterable[Event]) -> None:
        """Take in the next events."""
        events = events if isinstance(events, list) else list(events)
        self.events.extend(events)
        counts = self.counts
        connections = self.connections
        steps = STEPS
        for event in events:
            _, at_ns, kind, conn, _, _, _, _, _, _ = event
            counts[kind] += 1
            if at_ns >= self._cell_ends_ns:
                self._begin_cell(at_ns)
            if not conn:
                self._apply_to_server(event)
                continue
            connection = connections.get(conn)
            if connection is None:
                connection = self._appear(event)
                continue
            if connection.cell != self._cell:
                connection.roll(self._cell)
            state = steps[connection.state].get(kind)
            if state is None:
                self.illegal_steps += not connection.torn
                state = connection.state
            connection.cells[-1] |= CELL_BIT[kind]
            connection.last = event
            _APPLY[kind](self, connection, event, state)

    def note_dropped(self, dropped: Mapping[Kind, int], bytes_in: int, bytes_out: int) -> None:
        """The totals so far of events that were counted but not reported, by kind and by bytes."""
        self.dropped.update(dropped)
        self._dropped_bytes = (bytes_in, bytes_out)

    def _appear(self, event: Event) -> Connection:
        self.numbered += 1
        connection = Connection(self.numbered, event, self._cell)
        self.connections[event.conn] = connection
        if event.kind is not Kind.ACCEPT:
            self.illegal_steps += 1
        return connection

    def _apply_to_server(self, event: Event) -> None:
        words = event.note.split()
        if event.kind is Kind.SPAWN:
            self.workers.add(_worker(event, words))
        elif event.kind is Kind.EXIT:
            self.workers.discard(_worker(event, words))
            if words[0] == "process":
                self._process_ended(int(words[1]), event.at_ns, clean=words[2:] == ["exit", "0"])
        elif event.kind is Kind.TICK:
            figures = dict(zip(words[::2], map(int, words[1::2]), strict=False))
            self.wakeups += figures.get("wakeups", 0)
            self.would_block += figures.get("would-block", 0)

    def _process_ended(self, pid: int, at_ns: int, *, clean: bool) -> None:
        """The kernel has closed what a killed process held, and nobody could report it."""
        self.workers = {worker for worker in self.workers if worker[0] != pid}
        if clean:
            return
        for connection in self.connections.values():
            if pid in (connection.pid, connection.acceptor) and not connection.closed_ns:
                self.cut += 1
                self._end(connection, at_ns, "cut")

    # --- one connection --------------------------------------------------------------------------

    def _accepted(self, connection: Connection, event: Event, state: State) -> None:
        self.illegal_steps += 1  # a connection is accepted once: its first event

    def _received(self, connection: Connection, event: Event, state: State) -> None:
        connection.bytes_in += event.bytes
        self.bytes_in += event.bytes
        connection.pid, connection.task = event.pid, event.task
        if event.bytes:
            connection.enter(state, event.at_ns)

    def _requested(self, connection: Connection, event: Event, state: State) -> None:
        connection.pending += 1
        connection.request_ns = event.at_ns
        connection.enter(state, event.at_ns)

    def _responded(self, connection: Connection, event: Event, state: State) -> None:
        connection.requests += 1
        connection.pending -= connection.pending > 0
        connection.unsent += event.bytes
        self.handler_ns.append(event.at_ns - connection.request_ns)
        connection.enter(state, event.at_ns)

    def _sent(self, connection: Connection, event: Event, state: State) -> None:
        connection.bytes_out += event.bytes
        self.bytes_out += event.bytes
        connection.unsent = max(connection.unsent - event.bytes, 0)
        if connection.unsent == 0:
            self.unsent_ns.append(event.at_ns - connection.since_ns)
        connection.enter(connection.settle(), event.at_ns)

    def _released(self, connection: Connection, event: Event, state: State) -> None:
        pass  # the parent's copy is gone; the child serves on

    def _ended(self, connection: Connection, event: Event, state: State) -> None:
        connection.pid, connection.task = event.pid, event.task
        self._end(connection, event.at_ns, event.note.split(" ", 1)[0])
        self._expire(event.at_ns)

    def _end(self, connection: Connection, at_ns: int, closed_by: str) -> None:
        connection.closed_ns = at_ns
        connection.closed_by = closed_by
        connection.enter(State.CLOSED, at_ns)
        self._closed.append(connection)

    def _erred(self, connection: Connection, event: Event, state: State) -> None:
        connection.enter(state, event.at_ns)

    def _unreported(self, connection: Connection, event: Event, state: State) -> None:
        connection.torn = True  # its numbers are too low from here on, and its state may be old
        connection.pending = connection.unsent = 0

    # --- time ------------------------------------------------------------------------------------

    def _begin_cell(self, at_ns: int) -> None:
        """Time has come into another cell of the strips: sample what rates are made of."""
        self._cell = at_ns // STRIP_CELL_NS
        self._cell_ends_ns = (self._cell + 1) * STRIP_CELL_NS
        self._samples.append((at_ns, *self._flow()))
        if at_ns >= self._second_ends_ns:
            self._begin_second(at_ns)

    def _begin_second(self, at_ns: int) -> None:
        requests = self._flow()[0]
        if self._second_ends_ns:
            skipped = (at_ns - self._second_ends_ns) // SECOND_NS
            self._history.append(requests - self._requests_before)
            self._history.extend([0] * min(skipped, HISTORY_SECONDS))
        self._requests_before = requests
        self._second_ends_ns = (at_ns // SECOND_NS + 1) * SECOND_NS

    def _flow(self) -> tuple[int, int, int, int]:
        """Requests, events, bytes in and bytes out so far, those not reported included."""
        dropped_in, dropped_out = self._dropped_bytes
        return (
            self.counts[Kind.REQUEST] + self.dropped[Kind.REQUEST],
            sum(self.counts.values()) + sum(self.dropped.values()),
            self.bytes_in + dropped_in,
            self.bytes_out + dropped_out,
        )

    def _expire(self, now_ns: int) -> None:
        """Forget connections that have been closed for long enough to be seen."""
        closed = self._closed
        while closed and (
            len(closed) > CLOSED_KEPT or closed[0].closed_ns < now_ns - CLOSED_KEPT_NS
        ):
            del self.connections[closed.popleft().conn]

    # --- out -------------------------------------------------------------------------------------

    def snapshot(self, now_ns: int, first_row: int = 0, rows: int = 1_000) -> Snapshot:
        """The server at `now_ns` (not before the last event), with a window of the connections."""
        if now_ns >= self._cell_ends_ns and self._cell_ends_ns:
            self._begin_cell(now_ns)
        self._expire(now_ns)
        window = list(islice(self.connections.values(), first_row, first_row + rows))
        counts = self._totals()
        per_s = self._rates(now_ns)
        return Snapshot(
            now_ns=now_ns,
            counts=counts,
            requests_per_s=per_s[0],
            events_per_s=per_s[1],
            bytes_in_per_s=per_s[2],
            bytes_out_per_s=per_s[3],
            requests_history=tuple(self._history),
            sockets=self.counts[Kind.LISTEN] and counts.open + 1,
            rooms=self._rooms(now_ns),
            connections=tuple(connection.view(now_ns) for connection in window),
            first_row=first_row,
            rows=len(self.connections),
            workers=len(self.workers),
            events=tuple(self.events),
            numbers={
                event.conn: self.connections[event.conn].number
                for event in self.events
                if event.conn in self.connections
            },
        )

    def _totals(self) -> Counts:
        total = {kind: self.counts[kind] + self.dropped[kind] for kind in Kind}
        _, events, bytes_in, bytes_out = self._flow()
        return Counts(
            accepted=total[Kind.ACCEPT],
            requests=total[Kind.REQUEST],
            responses=total[Kind.RESPONSE],
            released=total[Kind.RELEASE],
            closed=total[Kind.CLOSE],
            bytes_in=bytes_in,
            bytes_out=bytes_out,
            events=events,
            lost=sum(self.dropped.values()),
            cut=self.cut,
            errors=total[Kind.ERROR],
            illegal_steps=self.illegal_steps,
            wakeups=self.wakeups,
            would_block=self.would_block,
        )

    def _rates(self, now_ns: int) -> tuple[float, ...]:
        """Requests, events, bytes in and bytes out a second, over the last second or so."""
        if not self._samples:
            return (0.0,) * 4
        then_ns, *then = self._samples[0]
        seconds = max(now_ns - then_ns, STRIP_CELL_NS) / SECOND_NS
        return tuple((now - before) / seconds for now, before in zip(self._flow(), then, strict=True))

    def _rooms(self, now_ns: int) -> dict[str, Room]:
        """One walk over the open connections: how many are in each room, and the oldest."""
        since: dict[State, list[int]] = {state: [] for state in State}
        for connection in self.connections.values():
            since[connection.state].append(connection.since_ns)
        idle = since[State.IDLE] + since[State.ACCEPTED] + since[State.READING]
        return {
            "handler": _room(since[State.HANDLER], self.handler_ns, now_ns),
            "unsent": _room(since[State.UNSENT], self.unsent_ns, now_ns),
            "idle": _room(idle, (), now_ns),
        }


def _worker(event: Event, words: list[str]) -> tuple[int, str]:
    """(pid, task) of the process or thread that a spawn or exit event speaks of."""
    return (int(words[1]), "") if words[0] == "process" else (event.pid, words[1])


def _room(since_ns: list[int], finished_ns: Iterable[int], now_ns: int) -> Room:
    waits = sorted(finished_ns)
    return Room(
        now=len(since_ns),
        longest_ms=(now_ns - min(since_ns, default=now_ns)) / 1e6,
        p50_ms=waits[len(waits) // 2] / 1e6 if waits else None,
        p99_ms=waits[len(waits) * 99 // 100] / 1e6 if waits else None,
    )


_APPLY: dict[Kind, Callable[[ServerState, Connection, Event, State], None]] = {
    Kind.ACCEPT: ServerState._accepted,
    Kind.RECV: ServerState._received,
    Kind.REQUEST: ServerState._requested,
    Kind.RESPONSE: ServerState._responded,
    Kind.SEND: ServerState._sent,
    Kind.RELEASE: ServerState._released,
    Kind.CLOSE: ServerState._ended,
    Kind.ERROR: ServerState._erred,
    Kind.TICK: ServerState._unreported,
    Kind.LISTEN: ServerState._accepted,
    Kind.SPAWN: ServerState._accepted,
    Kind.EXIT: ServerState._accepted,
}
