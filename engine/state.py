"""ServerState: events in, snapshots out.

A connection steps through the table STEPS (connection.py). A step that it does not allow is
counted, never raised: a picture with a wrong step in it is better than none. No clock, no sockets:
time is the events' own, and an argument of snapshot().
"""

from collections import deque
from collections.abc import Callable, Iterable

from engine.connection import CELL_BIT, STEPS, Connection
from engine.detail import ConnectionDetail, requests_of
from engine.events import Event, Kind, Unreported
from engine.flow import Flow, Totals
from engine.order import BY_PLACE, Order
from engine.passing import Passed
from engine.ranked import Ranked
from engine.rows import Rows, nearest
from engine.snapshot import STRIP_CELL_NS, ConnectionView, Counts, Room, Snapshot, State

CLOSED_KEPT_NS = 3_000_000_000  # a closed connection stays on screen, so that it can be seen
CLOSED_KEPT = 200  # at most: 20,000 short connections a second would fill any screen
EVENTS_KEPT = 1_000
NUMBERS_KEPT = 50_000  # then those that nothing speaks of any more are forgotten
WAITS_KEPT = 1_000  # finished waits behind the percentiles of a room
LOG_MOST, LOG_LEAST = 400, 16  # events kept of each connection, for its detail;
LOGS_TOGETHER = 100_000  # and of all together: some 30 MB


class ServerState:
    """What the events so far add up to. Feed it in order of `at_ns`; it is not thread-safe."""

    def __init__(self) -> None:
        self.counts = dict.fromkeys(Kind, 0)
        self.unreported = Unreported()
        self.bytes_in = self.bytes_out = 0
        self.illegal_steps = self.cut = 0
        self.wakeups = self.would_block = 0
        self.connections: dict[int, Connection] = {}
        self.numbered = 0
        self.workers: dict[int, set[tuple[int, str]]] = {}  # by the process that started them
        self.events: deque[Event] = deque(maxlen=EVENTS_KEPT)
        self.handler_ns: deque[int] = deque(maxlen=WAITS_KEPT)
        self.unsent_ns: deque[int] = deque(maxlen=WAITS_KEPT)
        self._numbers: dict[int, int] = {}
        self._engines: list[int] = []  # those that listened and have not ended; the last one serves
        self._last_child: dict[int, int] = {}  # process -> the child that it forked last
        self._closed: deque[Connection] = deque()
        self._rows = Rows()
        self._ranked = Ranked()
        self._log_limit = LOG_MOST
        self._flow = Flow()
        self._cell = 0
        self._cell_ends_ns = 0

    # --- in -------------------------------------------------------------------------------------

    def fold(self, events: Iterable[Event]) -> None:
        """Take in the next events."""
        events = events if isinstance(events, list) else list(events)
        self.events.extend(events)
        counts = self.counts
        connections = self.connections
        bits = CELL_BIT
        for event in events:
            _, at_ns, kind, conn, _, _, _, _, _, _ = event
            if at_ns >= self._cell_ends_ns:
                self._begin_cell(at_ns)
            counts[kind] += 1
            if not conn:
                self._apply_to_server(event)
                continue
            connection = connections.get(conn)
            if connection is None:
                self._appear(event)
                continue
            if connection.cell != self._cell:
                connection.roll(self._cell)
            state = connection.steps.get(kind)
            if state is None:
                self._misstep(connection, event)
                continue
            connection.happened |= bits[kind]
            connection.log.append(event)
            if len(connection.log) > self._log_limit:
                connection.forget(self._log_limit // 2)
            if kind is not _RELEASE:  # what the parent gives up says nothing of the connection
                connection.last = event
            _APPLY[kind](self, connection, event, state)

    def note_passed(self, passed: Passed) -> None:
        """Add the totals of connections that came and went unseen."""
        for kind, count in passed.counts.items():
            self.counts[kind] += count
        self.numbered += passed.connections
        self.bytes_in += passed.bytes_in
        self.bytes_out += passed.bytes_out

    def note_unreported(self, unreported: Unreported) -> None:
        """The totals so far of events that were counted but not reported."""
        self.unreported = unreported

    def _appear(self, event: Event) -> None:
        """The first event of a connection: its accept, or what follows an accept that was lost.

        What can come after the end, too, begins nothing: a connection that is forgotten already
        would come back, and stay open for ever.
        """
        if event.kind not in _BEGIN:
            self.illegal_steps += 1
            return
        self.numbered += 1
        connection = Connection(self.numbered, event, self._cell)
        self.connections[event.conn] = connection
        self._number(event.conn)
        self._rows.take(connection)
        if event.kind is Kind.ACCEPT:
            return
        self.illegal_steps += 1
        connection.torn = True
        if event.kind in STEPS[State.ACCEPTED]:
            _APPLY[event.kind](self, connection, event, STEPS[State.ACCEPTED][event.kind])
        else:
            self._misstep(connection, event)

    def _number(self, conn: int) -> None:
        """Remember numbers for as long as events speak of them, also when the row is gone."""
        self._numbers[conn] = self.numbered
        if len(self._numbers) > NUMBERS_KEPT:
            wanted = {event.conn for event in self.events} | self.connections.keys()
            self._numbers = {one: number for one, number in self._numbers.items() if one in wanted}

    def _misstep(self, connection: Connection, event: Event) -> None:
        """A step that the table does not allow. It is counted, and so are its bytes; the connection
        goes on as the event says, but nothing opens it again."""
        kind = event.kind
        connection.log.append(event)
        if kind is Kind.CLOSE and connection.closed_by == "cut":
            self.cut -= 1  # it had been closed in time, as is only told now
            connection.closed_by = event.note.split(" ", 1)[0]
            return
        self.illegal_steps += not connection.torn
        if kind is Kind.ACCEPT:
            connection.peer = connection.peer or event.note
        elif connection.closed_ns:
            self.bytes_in += event.bytes if kind is Kind.RECV else 0
            self.bytes_out += event.bytes if kind is Kind.SEND else 0
        elif kind in _AFTER:
            connection.happened |= CELL_BIT[kind]
            connection.last = event
            _APPLY[kind](self, connection, event, _AFTER[kind])

    def _apply_to_server(self, event: Event) -> None:
        words = event.note.split()
        if event.kind is Kind.LISTEN:
            self.wakeups = self.would_block = 0  # of the engine that begins, not of the one before
            self._engines.append(event.pid)
        try:
            if event.kind is Kind.SPAWN:
                self.workers.setdefault(event.pid, set()).add(_worker(event, words))
                if words[0] == "process":
                    self._last_child[event.pid] = int(words[1])
            elif event.kind is Kind.EXIT:
                self._worker_ended(event, words)
            elif event.kind is Kind.TICK and event.pid not in self._engines[:-1]:
                figures = dict(zip(words[::2], map(int, words[1::2]), strict=False))
                self.wakeups += figures.get("wakeups", 0)
                self.would_block += figures.get("would-block", 0)
        except (IndexError, ValueError):
            self.illegal_steps += 1  # a note that no writer of ours makes

    def _worker_ended(self, event: Event, words: list[str]) -> None:
        self.workers.get(event.pid, set()).discard(_worker(event, words))
        if words[0] == "process":
            self._process_ended(int(words[1]), event.at_ns, clean=words[2:] == ["exit", "0"])

    def _process_ended(self, pid: int, at_ns: int, *, clean: bool) -> None:
        """The kernel has closed what a killed process held, and nobody could report it. What it had
        started is killed with it (dying.py)."""
        ended = [pid]
        for one in ended:
            ended += [child for child, _ in self.workers.pop(one, ()) if child not in ended]
            self._last_child.pop(one, None)
        cut = set(ended[1:] if clean else ended)
        is_engine = pid in self._engines
        if is_engine:
            self._engines.remove(pid)
        if not cut and not is_engine:
            return
        for connection in self.connections.values():
            if connection.closed_ns:
                continue
            if not cut.isdisjoint((connection.pid, connection.acceptor)):
                self.cut += 1
                self._end(connection, at_ns, "cut")
            elif connection.acceptor == pid:
                # It ended in order, so this one was closed: the event of it was lost, and counted.
                self._end(connection, at_ns, "not reported")

    # --- one connection --------------------------------------------------------------------------

    def _accepted(self, connection: Connection, event: Event, state: State) -> None:
        pass  # the table allows it nowhere: a connection is accepted once, by its first event

    def _received(self, connection: Connection, event: Event, state: State) -> None:
        connection.bytes_in += event.bytes
        self.bytes_in += event.bytes
        connection.pid, connection.task = event.pid, event.task
        if event.bytes:
            connection.enter(state, event.at_ns)

    def _requested(self, connection: Connection, event: Event, state: State) -> None:
        connection.pending += 1
        connection.path = event.note
        connection.request_ns = event.at_ns
        connection.enter(state, event.at_ns)

    def _responded(self, connection: Connection, event: Event, state: State) -> None:
        connection.requests += 1
        connection.unsent += event.bytes
        if connection.pending:  # else its request was not reported
            connection.pending -= 1
            self.handler_ns.append(event.at_ns - connection.request_ns)
        connection.enter(state, event.at_ns)

    def _sent(self, connection: Connection, event: Event, state: State) -> None:
        connection.bytes_out += event.bytes
        self.bytes_out += event.bytes
        connection.unsent = max(connection.unsent - event.bytes, 0)
        if connection.unsent == 0 and connection.state is State.UNSENT:
            self.unsent_ns.append(event.at_ns - connection.since_ns)
        connection.enter(connection.settle() if state is State.IDLE else state, event.at_ns)

    def _released(self, connection: Connection, event: Event, state: State) -> None:
        # The parent's copy is gone; the child that it has just made serves on.
        if connection.pid == event.pid:
            connection.pid = self._last_child.get(event.pid, event.pid)

    def _ended(self, connection: Connection, event: Event, state: State) -> None:
        connection.pid, connection.task = event.pid, event.task
        how, _, thinned = event.note.partition("; not shown ")
        if thinned:
            connection.requests += int(thinned) if thinned.isdecimal() else 0
            connection.torn = True
        self._end(connection, event.at_ns, how.split(" ", 1)[0])
        if len(self._closed) > 2 * CLOSED_KEPT:  # many at once, since one at a time costs more
            self._expire(event.at_ns)

    def _end(self, connection: Connection, at_ns: int, closed_by: str) -> None:
        if connection.cell != self._cell:  # nothing of its own has happened, as when it is cut
            connection.roll(self._cell)
        connection.closed_ns = at_ns
        connection.closed_by = closed_by
        connection.enter(State.CLOSED, at_ns)
        self._closed.append(connection)

    def _erred(self, connection: Connection, event: Event, state: State) -> None:
        connection.enter(state, event.at_ns)

    def _unreported(self, connection: Connection, event: Event, state: State) -> None:
        words = event.note.split()
        if words[:1] == ["thinned"]:  # thinned requests N in BYTES out BYTES
            try:
                requests, received, sent = map(int, words[2::2])
            except ValueError:
                requests = received = sent = 0
                self.illegal_steps += 1
            connection.requests += requests
            connection.bytes_in += received
            connection.bytes_out += sent
        connection.torn = True
        connection.pending = connection.unsent = 0
        if connection.state is not State.CLOSED:
            connection.enter(State.IDLE, event.at_ns)  # as far as one can know

    # --- time ------------------------------------------------------------------------------------

    def _begin_cell(self, at_ns: int) -> None:
        """Time has come into another cell of the strips, or into another second: sample what rates
        are made of."""
        self._cell = at_ns // STRIP_CELL_NS
        self._expire(at_ns)
        share = LOGS_TOGETHER // max(len(self.connections), 1)
        self._log_limit = min(max(share, LOG_LEAST), LOG_MOST)
        self._flow.sample(at_ns, self._totals())
        self._cell_ends_ns = min((self._cell + 1) * STRIP_CELL_NS, self._flow.second_ends_ns)

    def _totals(self) -> Totals:
        unreported = self.unreported
        return Totals(
            requests=self.counts[Kind.REQUEST] + unreported.count(Kind.REQUEST),
            events=sum(self.counts.values()) + unreported.total(),
            bytes_in=self.bytes_in + unreported.bytes[Kind.RECV],
            bytes_out=self.bytes_out + unreported.bytes[Kind.SEND],
        )

    def _expire(self, now_ns: int) -> None:
        """Forget connections that have been closed for long enough to be seen."""
        closed = self._closed
        while closed and (
            len(closed) > CLOSED_KEPT or closed[0].closed_ns < now_ns - CLOSED_KEPT_NS
        ):
            connection = closed.popleft()
            del self.connections[connection.conn]
            self._rows.free(connection)

    # --- out -------------------------------------------------------------------------------------

    def snapshot(
        self, now_ns: int, first_row: int = 0, rows: int = 1_000, order: Order = BY_PLACE
    ) -> Snapshot:
        """The server at `now_ns` (not before the last event), with a window of the connections."""
        if now_ns >= self._cell_ends_ns and self._cell_ends_ns:
            self._begin_cell(now_ns)
        self._expire(now_ns)
        # Ticks of the server stand among its figures; ten a second, they would hide all else here.
        told = tuple(event for event in self.events if event.conn or event.kind is not Kind.TICK)
        views, row_count = self._window(now_ns, first_row, rows, order)
        counts = self._counts()
        per_s = self._flow.rates(now_ns, self._totals())
        return Snapshot(
            now_ns=now_ns,
            counts=counts,
            requests_per_s=per_s[0],
            events_per_s=per_s[1],
            bytes_in_per_s=per_s[2],
            bytes_out_per_s=per_s[3],
            requests_history=tuple(self._flow.history),
            sockets=self.counts[Kind.LISTEN] and counts.open + 1,
            rooms=self._rooms(now_ns),
            connections=views,
            first_row=first_row,
            rows=row_count,
            workers=sum(map(len, self.workers.values())),
            events=told,
            numbers={
                event.conn: self._numbers[event.conn]
                for event in told
                if event.conn in self._numbers
            },
        )

    def _window(
        self, now_ns: int, first_row: int, rows: int, order: Order
    ) -> tuple[tuple[ConnectionView, ...], int]:
        if order == BY_PLACE:
            placed = self._rows.window(first_row, rows, now_ns)
            return tuple(one.view(now_ns) for one in placed), len(self._rows)
        ranked = self._ranked.take(self.connections, order, now_ns)
        seen = enumerate(ranked[first_row : first_row + rows], first_row)
        return tuple(one.view(now_ns, row) for row, one in seen), len(ranked)

    def row_of(self, conn: int, now_ns: int, order: Order = BY_PLACE) -> int | None:
        """The row of a connection in the table; None when it is not in it."""
        connection = self.connections.get(conn)
        if connection is None or order == BY_PLACE:
            return connection.row if connection else None
        ranked = self._ranked.take(self.connections, order, now_ns)
        return next((row for row, one in enumerate(ranked) if one is connection), None)

    def neighbour(
        self, row: int, steps: int, now_ns: int, order: Order = BY_PLACE
    ) -> tuple[int, int] | None:
        """(row, conn) of the connection `steps` further down the table than `row` (negative: up), or
        of the last one in that direction; None when there is none. Free rows do not count."""
        if order == BY_PLACE:
            found = self._rows.nearest(row, steps)
        else:
            found = nearest(self._ranked.take(self.connections, order, now_ns), row, steps)
        return (found[0], found[1].conn) if found else None

    def detail(self, conn: int, now_ns: int) -> ConnectionDetail | None:
        """What is known of one connection; None when it is forgotten, or never was."""
        connection = self.connections.get(conn)
        if connection is None:
            return None
        events = tuple(connection.log)
        view = connection.view(now_ns)
        return ConnectionDetail(view, events, connection.forgotten, requests_of(events))

    def events_per_s(self, now_ns: int) -> float:
        """Events of all kinds, reported or not, over the last second or so."""
        return self._flow.rates(now_ns, self._totals())[1]

    def _counts(self) -> Counts:
        count = {kind: self.counts[kind] + self.unreported.count(kind) for kind in Kind}
        totals = self._totals()
        return Counts(
            accepted=count[Kind.ACCEPT],
            requests=totals.requests,
            responses=count[Kind.RESPONSE],
            released=count[Kind.RELEASE],
            closed=count[Kind.CLOSE],
            bytes_in=totals.bytes_in,
            bytes_out=totals.bytes_out,
            events=totals.events,
            lost=self.unreported.dropped.total(),
            life_lost=self.unreported.life_lost,
            thinned=self.unreported.thinned.total(),
            cut=self.cut,
            errors=count[Kind.ERROR],
            illegal_steps=self.illegal_steps,
            wakeups=self.wakeups,
            would_block=self.would_block,
        )

    def _rooms(self, now_ns: int) -> dict[str, Room]:
        """One walk over the open connections: how many are in each room, and the oldest."""
        since: dict[State, list[int]] = {state: [] for state in State}
        for connection in self.connections.values():
            since[connection.state].append(connection.since_ns)
        return {
            "handler": _room(since[State.HANDLER], self.handler_ns, now_ns),
            "unsent": _room(since[State.UNSENT], self.unsent_ns, now_ns),
            "idle": _room(since[State.IDLE], (), now_ns),
        }


def _worker(event: Event, words: list[str]) -> tuple[int, str]:
    """(pid, task) of the process or thread that a spawn or exit event speaks of."""
    return (int(words[1]), "") if words[0] == "process" else (event.pid, event.task)


def _room(since_ns: list[int], finished_ns: Iterable[int], now_ns: int) -> Room:
    waits = sorted(finished_ns)
    return Room(
        now=len(since_ns),
        longest_ms=(now_ns - min(since_ns, default=now_ns)) / 1e6,
        p50_ms=waits[len(waits) // 2] / 1e6 if waits else None,
        p99_ms=waits[len(waits) * 99 // 100] / 1e6 if waits else None,
    )


_AFTER = {Kind.REQUEST: State.HANDLER, Kind.RESPONSE: State.UNSENT, Kind.SEND: State.IDLE}
"""Where a step leads that came without the one before it."""
_RELEASE = Kind.RELEASE
_BEGIN = {Kind.ACCEPT, Kind.RECV, *_AFTER}
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
