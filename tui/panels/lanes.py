"""The lives of the connections side by side, time running right: a line for each.

LANES  48 open  1–13 of 48 ↑↓   last 10 s, 105 ms a letter
   # by          ├10s──────┼8s───────┼6s───────┼4s───────┼2s──────now
 132 Thread-7    A rsHHHHHHHHHHH Thread-7 HHHHHHHHHs____rsHHHHH
 131 pid 4122              qqqqqqA___rs_________________________x
PIECES  of #132, newest last
      begun           for state      by                       led to it by           line
   +12.3 ms        1.20 s H handler  Thread-7, pid 4120       request  GET /wait/500 thread.py:88
"""

from collections.abc import Callable, Sequence
from itertools import groupby
from typing import NamedTuple

from engine.events import KIND_NAMES, Event
from engine.fold.lanes import IN_APP_QUEUE, NOT_KEPT, QUEUED, UNREAD, Lane
from engine.fold.pieces import Piece
from engine.views.snapshot import Snapshot
from tui.format import (
    Column,
    Line,
    Span,
    choose,
    count,
    first_that_fits,
    fit,
    heading,
    milliseconds,
    part_of,
    plain,
    table_row,
)
from tui.words import LETTER_ROLES, what

Place = Callable[[Event], str]
TurnOf = Callable[[Event], int]
"""In which turn of its process's loop something was done; 0: in none, or that is not told."""
BY_WIDTH = 11
TICK_LEAST = 9  # letters between two times of the ruler
TICKS = (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 30)  # seconds between them
NAME_LEAST = 4  # letters of a name that is worth to be looked for
NAME_ROOM = 2  # letters left of a piece, beside the name in it
LEGEND = {
    QUEUED: "accept queue", "A": "accept", UNREAD: "unread", IN_APP_QUEUE: "app queue", "r": "recv",
    "H": "handler", "s": "sent",
    "S": "unsent", "_": "idle", "X": "closed", "x": "by client", "~": "torn", NOT_KEPT: "not kept",
}  # fmt: skip
RESTING = "Ar_"  # letters of states: how long it rests is not worth a paint


def lane_columns(snapshot: Snapshot, width: int) -> int:
    """How many letters a lane has."""
    return max(width - _number_width(snapshot) - BY_WIDTH - 2, 1)


def _number_width(snapshot: Snapshot) -> int:
    return max(len(str(snapshot.counts.accepted)), 3) + 1  # one for the mark of a torn one


def title(snapshot: Snapshot, rows: int, length_s: float, back: str, width: int) -> Line:
    """How many there are, which are seen, and the scale. `back`: where time is held, in words."""
    columns = lane_columns(snapshot, width)
    spans: list[Span] = [("LANES", "title"), (f"  {count(snapshot.counts.open)} open", "value")]
    if seen := part_of(snapshot.first_row, rows, snapshot.rows):
        spans.append((f"  {seen}", "name"))
    if back:
        spans.append((f"  {back}", "warning"))
    scale = f"  {length_s:g} s, {milliseconds(length_s * 1e3 / columns)} a letter"
    room = width - len(plain(tuple(spans)))
    spans.append((first_that_fits((scale, f"  {length_s:g} s", ""), room), "name"))
    return tuple(spans)


def ruler(snapshot: Snapshot, length_s: float, width: int, *, is_now: bool) -> Line:
    """The headings, and the times above the letters: seconds before the end, which is now or not."""
    columns = lane_columns(snapshot, width)
    every_s = next((one for one in TICKS if one / length_s * columns >= TICK_LEAST), TICKS[-1])
    marks = ["─"] * columns
    ticks = int(length_s / every_s)
    for tick in range(ticks, 0, -1):
        at = columns - round(tick * every_s / length_s * columns)
        text = f"{'├' if at == 0 else '┼'}{tick * every_s:g}s"
        if at + len(text) <= columns:
            marks[at : at + len(text)] = text
    marks[-3:] = "now" if is_now else "end"
    number = f"{'#':>{_number_width(snapshot)}}"
    return ((f"{number} {'by':{BY_WIDTH}} ", "name"), ("".join(marks), "name"))


def rows(
    lanes: Sequence[Lane],
    snapshot: Snapshot,
    chosen: int | None,
    most: int,
    turn_of: TurnOf = lambda _: 0,
) -> list[Line]:
    """`most` lines, each connection in its own, blank where none is."""
    told: list[Line] = [()] * most
    for lane in lanes:
        y = lane.view.row - snapshot.first_row
        if 0 <= y < most:
            told[y] = _lane(lane, snapshot, turn_of, is_chosen=lane.view.conn == chosen)
    return told


def _lane(lane: Lane, snapshot: Snapshot, turn_of: TurnOf, *, is_chosen: bool) -> Line:
    view = lane.view
    number = f"{'~' if view.torn else ''}{view.number}"
    by = _owner(view.task, view.pid, view.acceptor)
    head = f"{number:>{_number_width(snapshot)}} {fit(by, BY_WIDTH):{BY_WIDTH}}"
    role = (
        "chosen" if is_chosen else "torn" if view.torn else "closed" if view.closed_ns else "text"
    )
    letters = lane.letters
    hands = {begin: (end, event) for begin, end, event in lane.hands}
    spans: list[Span] = [(head, role), (" ", "text")]
    at = 0
    for letter, run in groupby(letters):
        length = len(list(run))
        text = letter * length
        if at in hands and length > NAME_ROOM + NAME_LEAST:
            end, event = hands[at]
            turn = turn_of(event)
            owner = f"turn {count(turn)}" if turn else _owner(event.task, event.pid, view.acceptor)
            named = f" {owner} "
            if end - at >= len(named) + NAME_ROOM:
                text = named.center(length, letter)
        spans.append((text, LETTER_ROLES[letter]))
        at += length
    return tuple(spans)


def _owner(task: str, pid: int, acceptor: int) -> str:
    """The thread, greenlet or coroutine; of a child with one thread its pid."""
    return f"pid {pid}" if task == "MainThread" and pid != acceptor else task


def legend(width: int) -> list[Line]:
    """What the letters mean, in as many lines as that takes."""
    rows: list[list[Span]] = [[]]
    for letter, word in LEGEND.items():
        more: list[Span] = [(letter, LETTER_ROLES[letter]), (f" {word} ", "name")]
        if rows[-1] and len(plain(tuple(rows[-1] + more)).rstrip()) > width:
            rows.append([])
        rows[-1] += more
    return [tuple(row) for row in rows]


# --- pieces -----------------------------------------------------------------------------------------


class Context(NamedTuple):
    """What is known beside a piece."""

    place: Place
    turn_of: TurnOf
    opened_ns: int
    now_ns: int
    acceptor: int
    """The process that accepted the connection."""


def pieces(
    number: int, told: Sequence[Piece], context: Context, width: int, most: int
) -> list[Line]:
    """The last pieces of one connection, in at most so many lines."""
    if most < 3:
        return []
    shown = told[-(most - 2) :]
    chosen = choose(_columns(shown, context), width)
    return [
        (("PIECES", "title"), (f"  of #{number}, newest last", "name")),
        heading(chosen),
        *(table_row(chosen, piece, context) for piece in shown),
    ]


def _begun(piece: Piece, context: Context) -> Line:
    since_ns = piece.begin_ns - context.opened_ns  # less than 0: it was in the accept queue
    return ((f"{'+' if since_ns >= 0 else '-'}{milliseconds(abs(since_ns) / 1e6)}", "name"),)


def _length(piece: Piece, context: Context) -> Line:
    if piece.end_ns is not None:
        return ((milliseconds((piece.end_ns - piece.begin_ns) / 1e6), "text"),)
    if piece.letter in RESTING:
        return (("goes on", "name"),)
    so_far = milliseconds((context.now_ns - piece.begin_ns) / 1e6)
    return ((f"{so_far} so far", LETTER_ROLES[piece.letter]),)


def _state(piece: Piece, _: Context) -> Line:
    return ((f"{piece.letter} {piece.name}", LETTER_ROLES[piece.letter]),)


def _by(piece: Piece, context: Context) -> Line:
    """Who began it; who ended it, too, if that is somebody else. Of a loop in which turns."""
    began, ended = piece.began, piece.ended or piece.began
    first, last = _who(began, context.acceptor), _who(ended, context.acceptor)
    turns = [context.turn_of(event) if event else 0 for event in (began, ended)]
    told = first if first == last else f"{first}, then {last}"
    if began is None:
        told, turns = f"until {last}", turns[1:]
    if turns[0]:
        told += f" turn {count(turns[0])}"
        told += f"–{count(turns[-1])}" if turns[-1] > turns[0] else ""
    return ((told, "text"),)


def _who(event: Event | None, acceptor: int) -> str:
    return "" if event is None else _owner(event.task, event.pid, acceptor)


def _pid(piece: Piece, _: Context) -> Line:
    known = piece.began or piece.ended
    return ((f"pid {known.pid}" if known else "", "name"),)


def _what(piece: Piece, _: Context) -> Line:
    if piece.began is None:
        return (("kernel: bytes" if piece.letter == UNREAD else "kernel: connected", "name"),)
    kind = "" if piece.letter == IN_APP_QUEUE else f"{KIND_NAMES[piece.began.kind]} "
    return ((f"{kind}{what(piece.began)}", "text"),)


def _line(piece: Piece, context: Context) -> Line:
    return ((context.place(piece.began) if piece.began else "", "name"),)


def _columns(shown: Sequence[Piece], context: Context) -> tuple[tuple[int, Column], ...]:
    """As wide as what is shown, so that nothing of it is cut but what
    clients have sent."""
    by = max((len(plain(_by(piece, context))) for piece in shown), default=0)
    since = max((len(plain(_what(piece, context))) for piece in shown), default=0)
    by, since = min(max(by, 11), 40), min(max(since, 12), 30)
    return (
        (2, Column("begun", 9, 10, _begun, is_right=True)),
        (0, Column("for", 14, 14, _length, is_right=True)),
        (0, Column("state", 14, 14, _state)),
        (1, Column("by", by, by, _by)),
        (5, Column("pid", 11, 11, _pid)),
        (3, Column("since", since, 30, _what)),
        (4, Column("line", 20, 22, _line)),
    )
