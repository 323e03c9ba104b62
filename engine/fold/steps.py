"""What each kind of event does: to its connection, and to the sums of the server.

Which steps a connection may take stands in connection.py. Called only by the fold (state.py), once an
event, so plain functions. Pure.
"""

from collections.abc import Callable

from engine.events import Event, Kind
from engine.fold.connection import Connection
from engine.fold.table import Table
from engine.fold.waits import Waits
from engine.fold.workers import Ended, Workers
from engine.views.snapshot import State

_IDLE, _CLOSED = State.IDLE, State.CLOSED


class Server:
    """What the events add up to, beside how many there were."""

    def __init__(self) -> None:
        self.bytes_in = self.bytes_out = 0
        self.illegal_steps = self.cut = 0
        self.cell = 0
        """The running cell of all strips."""
        self.workers = Workers()
        self.table = Table()
        self.waits = Waits()


def _accepted(server: Server, connection: Connection, event: Event, state: State) -> None:
    pass  # the table allows it nowhere: a connection is accepted once, by its first event


def _received(server: Server, connection: Connection, event: Event, state: State) -> None:
    connection.bytes_in += event.bytes
    server.bytes_in += event.bytes
    connection.pid, connection.task = event.pid, event.task
    if (
        event.note
        and (unread_us := event.unread_us)
        and connection.read(event.at_ns, unread_us * 1_000)
    ):
        server.waits.note_queued(connection)
    if event.bytes:
        connection.enter(state, event.at_ns)


def _requested(server: Server, connection: Connection, event: Event, state: State) -> None:
    connection.begin_request(event.note, event.at_ns)
    connection.path = event.note
    connection.enter(state, event.at_ns)


def _responded(server: Server, connection: Connection, event: Event, state: State) -> None:
    connection.requests += 1
    connection.unsent += event.bytes
    if connection.pending:  # else its request was not reported
        connection.answer(event.at_ns, event.note, event.bytes)
    connection.enter(state, event.at_ns)


def _sent(server: Server, connection: Connection, event: Event, state: State) -> None:
    connection.bytes_out += event.bytes
    server.bytes_out += event.bytes
    connection.unsent = max(connection.unsent - event.bytes, 0)
    if connection.sending:
        connection.finish(event.at_ns, event.bytes, server.waits.finished)
    connection.enter(connection.settle() if state is _IDLE else state, event.at_ns)


def _released(server: Server, connection: Connection, event: Event, state: State) -> None:
    if connection.pid == event.pid:
        connection.pid = server.workers.heir(event.pid)


def _ended(server: Server, connection: Connection, event: Event, state: State) -> None:
    connection.pid, connection.task = event.pid, event.task
    how, _, thinned = event.note.partition("; not shown ")
    if thinned:
        connection.requests += int(thinned) if thinned.isdecimal() else 0
        connection.torn = True
    connection.silent_ns = connection.silence_ns(event.at_ns, how)
    end(server, connection, event.at_ns, how.split(" ", 1)[0])
    if server.table.is_crowded:
        server.table.expire(event.at_ns)


def end(server: Server, connection: Connection, at_ns: int, closed_by: str) -> None:
    if connection.cell != server.cell:  # nothing of its own has happened, as when it is cut
        connection.roll(server.cell)
    connection.closed_ns = at_ns
    connection.closed_by = closed_by
    connection.enter(_CLOSED, at_ns)
    server.table.close(connection)


def end_with_process(server: Server, ended: Ended, at_ns: int) -> None:
    """What it served ends with it: cut, if it was killed."""
    for connection in server.table.connections.values():
        if connection.closed_ns:
            continue
        if not ended.killed.isdisjoint((connection.pid, connection.acceptor)):
            server.cut += 1
            end(server, connection, at_ns, "cut")
        elif connection.acceptor == ended.pid:
            # It ended in order, so this one was closed: the event of it was lost, and counted.
            end(server, connection, at_ns, "not reported")


def _erred(server: Server, connection: Connection, event: Event, state: State) -> None:
    connection.enter(state, event.at_ns)


def _unreported(server: Server, connection: Connection, event: Event, state: State) -> None:
    words = event.note.split()
    if words[:1] == ["thinned"]:  # thinned requests N in BYTES out BYTES
        try:
            requests, received, sent = map(int, words[2::2])
        except ValueError:
            requests = received = sent = 0
            server.illegal_steps += 1
        connection.requests += requests
        connection.bytes_in += received
        connection.bytes_out += sent
    connection.torn = True
    connection.forget_requests()
    connection.unsent = 0
    if connection.state is not State.CLOSED:
        connection.enter(State.IDLE, event.at_ns)  # as far as one can know


AFTER = {Kind.REQUEST: State.HANDLER, Kind.RESPONSE: State.UNSENT, Kind.SEND: State.IDLE}
"""Where a step leads that came without the one before it."""
APPLY: dict[Kind, Callable[[Server, Connection, Event, State], None]] = {
    Kind.ACCEPT: _accepted,
    Kind.RECV: _received,
    Kind.REQUEST: _requested,
    Kind.RESPONSE: _responded,
    Kind.SEND: _sent,
    Kind.RELEASE: _released,
    Kind.CLOSE: _ended,
    Kind.ERROR: _erred,
    Kind.TICK: _unreported,
    Kind.LISTEN: _accepted,
    Kind.SPAWN: _accepted,
    Kind.EXIT: _accepted,
}
