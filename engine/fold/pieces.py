"""The pieces of a connection's life, each in one room or state, and who began and who ended it. Pure.

A state lasts from the event that led into it to the one that led out of it. What the kernel and the queue
of the server tell is cut out of that: of a connection that rests, the time in which its bytes lay unread.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from engine.events import QUEUE, Event, Kind
from engine.fold.connection import Connection
from engine.views.rooms import ROOMS
from engine.views.snapshot import STATE_MEANINGS, State

ACCEPT_QUEUE, UNREAD, APP_QUEUE = ROOMS["accept_queue"], ROOMS["unread"], ROOMS["app_queue"]
OVER = {UNREAD.letter: "_Ar", APP_QUEUE.letter: "_ArH"}
"""Letters of what a wait is cut out of."""
_RECV, _TICK = Kind.RECV, Kind.TICK


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a connection's life in one room or state. Times are those of the events."""

    letter: str
    name: str
    begin_ns: int
    end_ns: int | None
    """None: it goes on."""
    began: Event | None
    """What led into it; None: the kernel did."""
    ended: Event | None
    """What led out of it; None too where a process was killed."""


def pieces(connection: Connection, most: int) -> list[Piece]:
    """The last ones, oldest first, as far as its events are kept. States that were left at the instant at
    which they were entered are none."""
    found = _states(connection, most)
    if not found:
        return []
    for wait in waits(connection.log, found[0].begin_ns):
        found = list(_cut_out(found, wait))
    first = connection.log[0]
    if connection.queued_ns and not connection.forgotten:
        came_ns = connection.opened_ns - connection.queued_ns
        told = ACCEPT_QUEUE.letter, ACCEPT_QUEUE.title
        found.insert(0, Piece(*told, came_ns, connection.opened_ns, None, first))
    return found[-most:]


def waits(log: list[Event], since_ns: int) -> Iterator[Piece]:
    """When bytes lay unread, as their recv tells, and when it was in the queue of the server."""
    put: Event | None = None
    last_ns = log[0].at_ns
    for event in log:
        kind = event.kind
        if kind is _RECV:
            if event.at_ns >= since_ns and event.note and (unread_us := event.unread_us):
                came_ns = max(event.at_ns - unread_us * 1_000, last_ns)
                if came_ns < event.at_ns:
                    yield Piece(UNREAD.letter, UNREAD.title, came_ns, event.at_ns, None, event)
            last_ns = event.at_ns
        elif kind is _TICK and event.note.startswith(QUEUE):
            if event.note.startswith(f"{QUEUE}put"):
                put = event
            elif put is not None:
                yield _queued(put, event)
                put = None
                last_ns = event.at_ns  # unread since then; before, it was in the queue
    if put is not None:
        yield _queued(put, None)


def _queued(put: Event, taken: Event | None) -> Piece:
    end_ns = taken.at_ns if taken else None
    return Piece(APP_QUEUE.letter, APP_QUEUE.title, put.at_ns, end_ns, put, taken)


def _states(connection: Connection, most: int) -> list[Piece]:
    found: list[Piece] = []
    end_ns, ended = connection.closed_ns or None, None
    log, states = connection.log, connection.states
    for at in range(len(log) - 1, -1, -1):
        if states[at] == State.CLOSED:
            end_ns, ended = log[at].at_ns, log[at]
        elif at == 0 or states[at - 1] != states[at]:
            if log[at].at_ns != end_ns:
                meaning = STATE_MEANINGS[State(states[at])]
                told = meaning.letter, meaning.name
                found.append(Piece(*told, log[at].at_ns, end_ns, log[at], ended))
            end_ns, ended = log[at].at_ns, log[at]
            if len(found) == most:
                break
    return found[::-1]


def _cut_out(found: Iterable[Piece], wait: Piece) -> Iterator[Piece]:
    """The same pieces, and the wait in the place of the part of them in which it was."""
    for piece in found:
        begin_ns = max(piece.begin_ns, wait.begin_ns)
        end_ns = min(_end(piece), _end(wait))
        if piece.letter not in OVER[wait.letter] or begin_ns >= end_ns:
            yield piece
            continue
        if piece.begin_ns < begin_ns:
            yield replace(piece, end_ns=begin_ns, ended=wait.began)
        yield replace(wait, begin_ns=begin_ns, end_ns=end_ns if end_ns < _NEVER else None)
        if end_ns < _end(piece):
            yield replace(piece, begin_ns=end_ns, began=wait.ended)


_NEVER = 2**63


def _end(piece: Piece) -> int:
    return _NEVER if piece.end_ns is None else piece.end_ns
