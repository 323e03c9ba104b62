"""ServerState: events in, snapshots out.

A connection steps through the table STEPS (connection.py). A step that it does not allow is
counted, never raised: a picture with a wrong step in it is better than none. No clock, no sockets:
time is the events' own, and an argument of snapshot().
"""

from collections import deque
from collections.abc import Iterable
from dataclasses import replace
from itertools import islice

from engine.event_queue.passing import Passed
from engine.events import QUEUE, Event, Kind, Unreported
from engine.fold.connection import STEPS, Connection
from engine.fold.flow import Flow, Totals
from engine.fold.request_life import life_of
from engine.fold.steps import AFTER, APPLY, Server, end_with_process
from engine.fold.strip_letters import CELL_BIT
from engine.fold.totals import counts_of, totals_of
from engine.fold.worker_views import WorkerViews
from engine.views.detail import ConnectionDetail
from engine.views.order import BY_PLACE, Order
from engine.views.snapshot import STRIP_CELL_NS, STRIP_CELLS, Snapshot, State
from engine.views.worker_view import WorkerDetail

EVENTS_KEPT = 1_000
EVENTS_TOLD = 200  # in a snapshot: more than any screen has lines
NUMBERS_KEPT = 50_000  # then those that nothing speaks of any more are forgotten
LOG_MOST, LOG_LEAST = 400, 16  # events kept of each connection, for its detail;
LOGS_TOGETHER = 100_000  # and of all together: some 30 MB
CELLS_MOST = 400  # and finished cells, for its lane: 60 s of them;
CELLS_TOGETHER = 200_000  # and of all together: some 8 MB
BEGIN = {Kind.ACCEPT, Kind.RECV, *AFTER}
"""What can come first of a connection, if its accept was lost."""
ACCEPT, RELEASE, TICK = Kind.ACCEPT, Kind.RELEASE, Kind.TICK


class ServerState:
    """What the events so far add up to. Feed it in order of `at_ns`; it is not thread-safe."""

    def __init__(self) -> None:
        self.counts = dict.fromkeys(Kind, 0)
        self.unreported = Unreported()
        self.server = Server()
        self.workers = self.server.workers
        self._worker_views = WorkerViews(self.workers)
        self.connections = self.server.table.connections
        self.numbered = 0
        self.events: deque[Event] = deque(maxlen=EVENTS_KEPT)
        self.began_ns = 0
        """When the first event happened; 0: there was none."""
        self._numbers: dict[int, int] = {}
        self._log_limit, self._cells_kept = LOG_MOST, CELLS_MOST
        self._flow = Flow()
        self._cell_ends_ns = 0

    # --- in -------------------------------------------------------------------------------------

    def fold(self, events: Iterable[Event]) -> None:
        """Take in the next events."""
        events = events if isinstance(events, list) else list(events)
        self.events.extend(events)
        counts = self.counts
        connections = self.connections
        server, bits = self.server, CELL_BIT
        for event in events:
            _, at_ns, kind, conn, _, _, _, _, _, _ = event
            if at_ns >= self._cell_ends_ns:
                self._begin_cell(at_ns)
            counts[kind] += 1
            if not conn or (kind is TICK and event.note.startswith(QUEUE)):
                self._apply_to_server(event)
                continue
            connection = connections.get(conn)
            if connection is None:
                self._appear(event)
                continue
            if connection.cell != server.cell:
                connection.roll(server.cell, self._cells_kept)
            state = connection.steps.get(kind)
            if state is None:
                self._misstep(connection, event)
                connection.log.append(event)
                connection.states.append(connection.state)
                continue
            connection.log.append(event)
            if len(connection.log) > self._log_limit:
                connection.forget(self._log_limit // 2)
            if kind is TICK and (queued_ms := event.queued_ms):
                connection.queued_ns = queued_ms * 1_000_000
                server.waits.note_queued(connection)
            elif kind is not TICK or not event.tells_bytes:  # then nothing has happened besides
                connection.happened |= bits[kind]
                if kind is not RELEASE:  # what the parent gives up says nothing of the connection
                    connection.last = event
                APPLY[kind](server, connection, event, state)
            connection.states.append(connection.state)

    def note_passed(self, passed: Passed) -> None:
        """Add the totals of connections that came and went unseen."""
        for kind, count in passed.counts.items():
            self.counts[kind] += count
        self.numbered += passed.connections
        for pid, accepts in passed.accepts.items():
            self.workers.accepted(pid, accepts)
        self.server.bytes_in += passed.bytes_in
        self.server.bytes_out += passed.bytes_out

    def note_unreported(self, unreported: Unreported) -> None:
        """The totals so far of events that were counted but not reported."""
        self.unreported = unreported

    def _appear(self, event: Event) -> None:
        """The first event of a connection: its accept, or what follows an accept that was lost.

        What can come after the end, too, begins nothing: a connection that is forgotten already
        would come back, and stay open for ever.
        """
        if event.kind not in BEGIN:
            self.server.illegal_steps += 1
            return
        self.numbered += 1
        connection = Connection(self.numbered, event, self.server.cell)
        self.server.table.add(connection)
        self._number(event.conn)
        if event.kind is ACCEPT:
            self.workers.accepted(event.pid)
            return
        self.server.illegal_steps += 1
        connection.torn = True
        if event.kind in STEPS[State.ACCEPTED]:
            APPLY[event.kind](self.server, connection, event, STEPS[State.ACCEPTED][event.kind])
        else:
            self._misstep(connection, event)
        connection.states[-1] = connection.state

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
        if kind is Kind.CLOSE and connection.closed_by == "cut":
            self.server.cut -= 1  # it had been closed in time, as is only told now
            connection.closed_by = event.note.split(" ", 1)[0]
            return
        self.server.illegal_steps += not connection.torn
        if kind is Kind.ACCEPT:
            connection.peer = connection.peer or event.note
        elif connection.closed_ns:
            self.server.bytes_in += event.bytes if kind is Kind.RECV else 0
            self.server.bytes_out += event.bytes if kind is Kind.SEND else 0
        elif kind in AFTER:
            connection.happened |= CELL_BIT[kind]
            connection.last = event
            APPLY[kind](self.server, connection, event, AFTER[kind])

    def _apply_to_server(self, event: Event) -> None:
        try:
            if event.kind is TICK and event.note.startswith(QUEUE):
                waited_ns = self.server.waits.queue.take(event, event.note.split())
                connection = self.connections.get(event.conn)
                if connection is not None:
                    connection.pass_queue(event, waited_ns)
                return
            ended = self.workers.take(event)
        except (IndexError, ValueError):
            self.server.illegal_steps += 1  # a note that no writer of ours makes
            return
        if ended is not None:
            self.server.waits.queue.forget(ended.pid)
            if ended.killed or ended.was_engine:
                end_with_process(self.server, ended, event.at_ns)

    # --- time ------------------------------------------------------------------------------------

    def _begin_cell(self, at_ns: int) -> None:
        """Time has come into another cell of the strips: sample what rates are made of."""
        self.began_ns = self.began_ns or at_ns
        before, self.server.cell = self.server.cell, at_ns // STRIP_CELL_NS
        if cells := self.server.cell - before:
            self._worker_views.roll(self.connections.values(), before, cells)
        self.server.table.expire(at_ns)
        known = max(len(self.connections), 1)
        self._log_limit = min(max(LOGS_TOGETHER // known, LOG_LEAST), LOG_MOST)
        self._cells_kept = min(max(CELLS_TOGETHER // known, STRIP_CELLS), CELLS_MOST)
        self._flow.sample(at_ns, self._totals())
        self._cell_ends_ns = min((self.server.cell + 1) * STRIP_CELL_NS, self._flow.second_ends_ns)

    def _totals(self) -> Totals:
        return totals_of(self.counts, self.unreported, self.server)

    # --- out -------------------------------------------------------------------------------------

    def snapshot(
        self, now_ns: int, first_row: int = 0, rows: int = 1_000, order: Order = BY_PLACE
    ) -> Snapshot:
        """The server at `now_ns` (not before the last event), with a window of the connections."""
        if now_ns >= self._cell_ends_ns and self._cell_ends_ns:
            self._begin_cell(now_ns)
        self.server.table.expire(now_ns)
        told = self._last_events()
        views, row_count = self.server.table.window(now_ns, first_row, rows, order)
        counts = counts_of(self.counts, self.unreported, self.server)
        per_s = self._flow.rates(now_ns, self._totals())
        return Snapshot(
            now_ns=now_ns,
            counts=counts,
            requests_per_s=per_s[0],
            events_per_s=per_s[1],
            bytes_in_per_s=per_s[2],
            bytes_out_per_s=per_s[3],
            wakeups_per_s=per_s[4],
            would_block_per_s=per_s[5],
            requests_history=tuple(self._flow.history),
            sockets=self.counts[Kind.LISTEN] and counts.open + 1,
            rooms=self.server.waits.rooms(self.connections.values(), now_ns, self.numbered),
            connections=views,
            first_row=first_row,
            rows=row_count,
            workers=len(self.workers),
            worker_views=self._worker_views.take(self.connections.values(), self.server.cell),
            events=told,
            numbers={
                event.conn: self._numbers[event.conn]
                for event in told
                if event.conn in self._numbers
            },
            unreported=self.unreported,
        )

    def _last_events(self) -> tuple[Event, ...]:
        """Ticks of the server stand among its figures; ten a second, they would hide all else here."""
        told = (
            event
            for event in reversed(self.events)
            if event.kind is not TICK or event.is_of_connection
        )
        return tuple(islice(told, EVENTS_TOLD))[::-1]

    def row_of(self, conn: int, now_ns: int, order: Order = BY_PLACE) -> int | None:
        """The row of a connection in the table; None when it is not in it."""
        return self.server.table.row_of(conn, now_ns, order)

    def neighbour(
        self, row: int, steps: int, now_ns: int, order: Order = BY_PLACE
    ) -> tuple[int, int] | None:
        """(row, conn) of the connection so many steps from a row, as far as there is one."""
        return self.server.table.neighbour(row, steps, now_ns, order)

    def detail(self, conn: int, now_ns: int) -> ConnectionDetail | None:
        """What is known of one connection; None when it is forgotten, or never was."""
        connection = self.server.table.known(conn)
        if connection is None:
            return None
        told = connection.log
        events = tuple(event for event in told if not event.tells_bytes)
        moved = tuple(event for event in told if event.tells_bytes)
        view = connection.view(now_ns)
        requests = tuple(map(life_of, connection.told))
        return ConnectionDetail(view, events, connection.forgotten, requests, moved)

    def worker(self, pid: int, task: str, now_ns: int) -> WorkerDetail | None:
        """What is known of a process (task empty) or thread; None when it has ended, or never was."""
        told = self._worker_views.detail(
            (pid, task), self.connections.values(), self.events, now_ns, self.server.cell
        )
        if told is None:
            return None
        conns = {event.conn for event in told.events if event.conn in self._numbers}
        return replace(told, numbers={conn: self._numbers[conn] for conn in conns})

    def events_per_s(self, now_ns: int) -> float:
        """Events of all kinds, reported or not, over the last second or so."""
        return self._flow.rates(now_ns, self._totals())[1]
