"""The lives of connections along time: a letter for each column, and whose hands they were in. Pure.

A lane is exact as far back as the events of its connection are kept. Before those it is told by the
finished cells of 150 ms that the connection keeps for up to a minute, and before those by nothing.
"""

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache

from engine.events import Event, Kind
from engine.fold.connection import Connection
from engine.fold.pieces import OVER, waits
from engine.fold.strip_letters import CELL_BIT, letter_of, parts_of
from engine.views.snapshot import STRIP_CELL_NS, ConnectionView, State

NOT_KEPT, QUEUED, UNREAD, IN_APP_QUEUE = ":", "q", "u", "a"
LANE_LETTERS = {
    QUEUED: "in the accept queue, for so long at least",
    UNREAD: "bytes had come that the server had not read",
    IN_APP_QUEUE: "in the queue of the server, for a free worker",
    NOT_KEPT: "open; what happened then is not kept",
}
"""What a lane shows beside STRIP_LETTERS."""
WORK = "HSr"  # letters of pieces in which somebody has the request in hand


@dataclass(frozen=True, slots=True)
class Span:
    """The columns that are drawn: so many, each so long, since the time 0 of the clock."""

    first: int
    """The number of the leftmost column."""
    columns: int
    column_ns: int

    def column_of(self, at_ns: int) -> int:
        """The column of a time, or the nearest one; `columns` for what is later than all of them."""
        return min(max(at_ns // self.column_ns - self.first, 0), self.columns)


@dataclass(frozen=True, slots=True)
class Lane:
    """One connection, as one line shows it."""

    view: ConnectionView
    letters: str
    """One of STRIP_LETTERS or LANE_LETTERS for each column, oldest first; blank: not open."""
    hands: tuple[tuple[int, int, Event], ...]
    """(first column, end, what led into it) of pieces of WORK: whose hands the connection was in."""


def span_of(end_ns: int, columns: int, length_ns: int) -> Span:
    """The columns of the last `length_ns` before `end_ns`. They are counted from the clock's 0, so that
    what has happened moves by whole columns."""
    column_ns = max(length_ns // max(columns, 1), 1)
    return Span(end_ns // column_ns - columns + 1, columns, column_ns)


def lanes(
    connections: Mapping[int, Connection],
    views: Iterable[ConnectionView],
    now_ns: int,
    span: Span,
    unread_since_ns: Mapping[int, int],
) -> list[Lane]:
    """Those of the connections that are seen. `unread_since_ns`: conn -> since when the kernel has had
    bytes for the server."""
    found: list[Lane] = []
    for view in views:
        connection = connections.get(view.conn)
        if connection is not None:
            unread_ns = unread_since_ns.get(view.conn)
            found.append(lane(connection, view, now_ns, span, unread_ns))
    return found


def lane(
    connection: Connection,
    view: ConnectionView,
    now_ns: int,
    span: Span,
    unread_ns: int | None = None,
) -> Lane:
    """One of them. `now_ns`: up to when it is told."""
    letters = list(_by_events(connection, now_ns, span))
    if connection.forgotten:
        exact = span.column_of(connection.log[0].at_ns)
        letters[:exact] = _by_cells(connection, span, exact)
    told = "".join(letters)
    if connection.closed_by == "client":
        told = told.replace("X", "x")
    if connection.is_only_counted:  # what looks idle is not: nobody tells what it does
        told = told.replace("_", "~")
    if view.queued_ms:
        came_ns = view.opened_ns - int(view.queued_ms * 1e6)
        told = _put(told, QUEUED, span.column_of(came_ns), span.column_of(view.opened_ns), " ")
    accepted = span.column_of(connection.opened_ns)  # its letter stays to be seen
    if accepted < span.columns and connection.opened_ns >= span.first * span.column_ns:
        accepted += 1
    for wait in waits(connection.log, span.first * span.column_ns):
        end = len(told.rstrip()) if wait.end_ns is None else span.column_of(wait.end_ns)
        first = max(span.column_of(wait.begin_ns), accepted)
        told = _put(told, wait.letter, first, end, OVER[wait.letter])
    if unread_ns is not None:
        told = _put(told, UNREAD, span.column_of(unread_ns), len(told.rstrip()), OVER[UNREAD])
    return Lane(view, told, tuple(_hands(connection, span, told)))


# --- letters ----------------------------------------------------------------------------------------


def _by_events(connection: Connection, now_ns: int, span: Span) -> Iterator[str]:
    """Letters of all columns, blank before the first event that is kept and after now."""
    happened = [0] * span.columns
    resting: list[State | None] = []
    state: State | None = None
    bits, column_ns, first = CELL_BIT, span.column_ns, span.first
    for event, after in _steps(connection):
        at = event.at_ns // column_ns - first
        if at >= span.columns:
            break
        if at >= 0:
            resting += [state] * (at - len(resting))
            kind = event.kind
            if kind is not Kind.TICK or (event.is_of_connection and not event.queued_ms):
                happened[at] |= bits[kind]
        state = after
    resting += [state] * (span.columns - len(resting))
    lived = span.column_of(now_ns + span.column_ns)
    for told, rests in zip(happened[:lived], resting[:lived], strict=True):
        yield _letter(told, rests)
    yield from " " * (span.columns - lived)


def _steps(connection: Connection) -> Iterator[tuple[Event, State]]:
    """The events that are kept, each with the state after it; and the end of one that was cut."""
    for event, state in zip(connection.log, connection.states, strict=True):
        yield event, _STATES[state]
    if connection.closed_ns and connection.states[-1] != State.CLOSED:
        yield connection.last._replace(at_ns=connection.closed_ns, kind=Kind.CLOSE), State.CLOSED


_STATES = tuple(State)
_letter, _parts = (
    lru_cache(4_096)(letter_of),
    lru_cache(4_096)(parts_of),
)  # a frame asks for thousands


def _by_cells(connection: Connection, span: Span, columns: int) -> Iterator[str]:
    """Letters of the first columns."""
    cells = connection.cells
    first_cell = connection.cell - len(cells)  # of those that are kept
    for column in range(span.first, span.first + columns):
        begin_ns, end_ns = column * span.column_ns, (column + 1) * span.column_ns
        first = begin_ns // STRIP_CELL_NS - first_cell
        last = (end_ns - 1) // STRIP_CELL_NS - first_cell
        told = [_parts(cell) for cell in cells[max(first, 0) : max(last + 1, 0)]]
        if told:
            happened = 0
            for bits, _ in told:
                happened |= bits
            yield _letter(happened, told[-1][1])
        else:
            yield NOT_KEPT if end_ns > connection.opened_ns else " "


def _put(letters: str, letter: str, first: int, end: int, over: str) -> str:
    """`letter` in the columns from `first` to `end` that have one of `over`."""
    put = [letter if one in over else one for one in letters[first:end]]
    return letters[:first] + "".join(put) + letters[max(end, first) :]


# --- who --------------------------------------------------------------------------------------------


def _hands(connection: Connection, span: Span, letters: str) -> Iterator[tuple[int, int, Event]]:
    """Runs of one letter of work, and who did what led into the last of it."""
    log = connection.log
    end = 0
    while end < span.columns:
        begin, letter = end, letters[end]
        while end < span.columns and letters[end] == letter:
            end += 1
        if letter not in WORK:
            continue
        until_ns = (span.first + end) * span.column_ns
        at = bisect_left(log, until_ns, key=_at_ns) - 1
        if at >= 0:
            yield begin, end, log[at]


def _at_ns(event: Event) -> int:
    return event.at_ns
