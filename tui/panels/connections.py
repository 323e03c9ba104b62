"""The connections: one row each, which keeps its place on the screen while the connection lives.

CONNECTIONS  48 open  1–13 of 48 ↑↓                                           no room for peer
  #  fd by         state     in state requests    in    out  age last event   ├3s────┼2s───┼1s─now
132  11 thread-7   H handler    0.7 s        3  1 KB  45 KB  4 s GET /wait/500 A rHHHHHHHHs____rHHHH
131  10 thread-6   ! cut          1 s        0  83 B    0 B  2 s process killed   A_H
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import groupby

from engine.views.order import BY_PLACE, COLUMNS, Order
from engine.views.snapshot import STRIP_CELLS, ConnectionView, Snapshot, State
from tui import format
from tui.format import (
    Column,
    Line,
    Span,
    age,
    brief,
    choose,
    count,
    first_that_fits,
    fit,
    heading,
    padded,
    part_of,
    plain,
    plural,
    safe,
    size,
    table_row,
)
from tui.words import CUT, LETTER_ROLES, ONLY_COUNTED, ROOM_ROLES, SHORTER, STATE_ROLES, state_of

SECOND_NS = 1_000_000_000
TENTH_NS = 100_000_000
RULER = "├3s────┼2s───┼1s─now"  # above STRIP_CELLS cells of 150 ms
WAITING = (State.HANDLER, State.UNSENT)
RESTING = (State.ACCEPTED, State.IDLE)
STATE_WIDTH = 10
ELSEWHERE = {"unread": "u unread", "app_queue": "a in queue"}
WAITS_FROM_NS = (
    100_000_000  # in a room that no event of it tells of: what only passes does not flicker
)


Elsewhere = Mapping[int, tuple[str, int]]
"""conn -> the room (of ELSEWHERE) in which it waits, though none of its own events tells it, and
since when."""
Context = tuple[int, Elsewhere]
"""now_ns, and who waits elsewhere."""


@dataclass(frozen=True, slots=True)
class Look:
    """How somebody looks at the table."""

    order: Order = BY_PLACE
    chosen: int | None = None
    """The conn of the chosen row."""
    held_s: int | None = None
    """For how long the rows have been held still; None: they are not."""
    missed: int = 0
    """Events since then."""
    elsewhere: Elsewhere = field(default_factory=dict)


LOST = "not reported: lost "


def table(snapshot: Snapshot, width: int, rows: int, look: Look) -> list[Line]:
    """The headings and then `rows` rows, blank where no connection is."""
    chosen = _chosen_columns(snapshot, width)
    lines: list[Line] = [()] * rows
    context = (snapshot.now_ns, look.elsewhere)
    for view in snapshot.connections:
        y = view.row - snapshot.first_row
        if 0 <= y < rows:
            lines[y] = table_row(chosen, view, context)
            if view.conn == look.chosen:
                lines[y] = ((plain(lines[y]).ljust(width - 1), "chosen"),)
    if snapshot.rows > rows:
        lines = _with_scroll_bar(lines, snapshot, width)
    return [heading(chosen, look.order.column), *lines]


def column_at(snapshot: Snapshot, width: int, x: int) -> str:
    """The heading above the cell `x`."""
    return format.column_at(_chosen_columns(snapshot, width), x)


def _chosen_columns(snapshot: Snapshot, width: int) -> tuple[tuple[Column, int], ...]:
    return choose(_columns(len(str(snapshot.counts.accepted))), width - 1)


def title(snapshot: Snapshot, rows: int, width: int, look: Look) -> Line:
    """How many there are, which are seen, how they are looked at, and what has no room."""
    opened = f"{count(snapshot.counts.open)} open"
    spans: Line = (("CONNECTIONS", "title"), ("  ", "text"), (opened, "value"))
    if seen := part_of(snapshot.first_row, rows, snapshot.rows):
        spans += (("  ", "text"), (seen, "name"))
    wish = _wish(look, width - len(plain(spans)))
    if wish or not snapshot.rows:
        return (*spans, *wish)
    left_out = _left_out(snapshot, width, width - len(plain(spans)) - 2)
    blank = width - len(plain(spans)) - len(left_out)
    return (*spans, (" " * blank, "text"), (left_out, "name")) if left_out else spans


def _left_out(snapshot: Snapshot, width: int, room: int) -> str:
    """The columns that only a wider screen shows; empty where all are shown, and without room."""
    shown = {column.heading for column, _ in _chosen_columns(snapshot, width)}
    names = [name for name in COLUMNS if name not in shown]
    if not names:
        return ""
    number = f"no room for {plural(len(names), 'column')}"
    return first_that_fits((f"no room for {', '.join(names)}", number, ""), room)


def _wish(look: Look, room: int) -> Line:
    """Pause, order and filter in words, as far as there is room."""
    wishes: list[Span] = []
    if look.held_s is not None:
        told = f"PAUSED {age(look.held_s)}  +{brief(look.missed)} events"
        texts = (f"{told}  space goes on", told, "PAUSED")
        wishes.append((first_that_fits(texts, room - 2), "warning"))
    if look.order.needle:
        wishes.append((f'filter "{safe(look.order.needle)}"', "key"))
    if look.order.column:
        wishes.append((f"sort {look.order.column} {'↓' if look.order.descending else '↑'}", "key"))
    spans: list[Span] = []
    for text, role in wishes:
        room -= 2
        if room > 4:
            spans += [("  ", "text"), (fit(text, room), role)]
            room -= len(spans[-1][0])
    return tuple(spans)


def _with_scroll_bar(lines: list[Line], snapshot: Snapshot, width: int) -> list[Line]:
    rows = len(lines)
    size_of_thumb = max(rows * rows // snapshot.rows, 1)
    top = snapshot.first_row * (rows - size_of_thumb) // max(snapshot.rows - rows, 1)
    thumb = range(top, top + size_of_thumb)
    return [
        (*padded(line, width - 1), ("▐", "bar") if y in thumb else ("│", "closed"))
        for y, line in enumerate(lines)
    ]


# --- cells ----------------------------------------------------------------------------------------


def _text(text_of: Callable[[ConnectionView], str]) -> Callable[[ConnectionView, Context], Line]:
    def cell(view: ConnectionView, _: Context) -> Line:
        return ((text_of(view), "closed" if view.closed_ns else "text"),)

    return cell


def _number(view: ConnectionView, _: Context) -> Line:
    number = str(view.number)
    if view.torn:
        return (("~", "torn"), (number, "closed" if view.closed_ns else "text"))
    return ((number, "closed" if view.closed_ns else "text"),)


def _by(view: ConnectionView, _: Context) -> Line:
    """Who serves it: in a child its pid, else the thread or greenlet."""
    is_child = view.task == "MainThread" and view.pid != view.acceptor
    return ((f"pid {view.pid}" if is_child else view.task, "closed" if view.closed_ns else "text"),)


def _room(view: ConnectionView, context: Context) -> tuple[str, int] | None:
    """Where it waits, if its own events do not tell it: nothing has happened to it since."""
    now_ns, elsewhere = context
    told = elsewhere.get(view.conn)
    if told is None or view.closed_ns or (told[0] == "unread" and view.state not in RESTING):
        return None
    return told if view.last_ns <= told[1] <= now_ns - WAITS_FROM_NS else None


def _state(view: ConnectionView, context: Context) -> Line:
    if view.last != ONLY_COUNTED and (waits := _room(view, context)) is not None:
        return ((ELSEWHERE[waits[0]], ROOM_ROLES[waits[0]]),)
    return (state_of(view),)


def _since(view: ConnectionView, context: Context) -> Line:
    """How long it has been in its state: in tenths where a request waits, else in seconds."""
    if view.last == ONLY_COUNTED:
        return (("-", "name"),)
    if (waits := _room(view, context)) is not None:
        tenths = (context[0] - waits[1]) // TENTH_NS
        return ((f"{tenths / 10:.1f} s" if tenths < 1000 else age(tenths // 10), "text"),)
    role = (
        STATE_ROLES[view.state] if view.state in WAITING else "closed" if view.closed_ns else "text"
    )
    return ((_lasting(view, context[0] - view.since_ns), role),)


def _age(view: ConnectionView, context: Context) -> Line:
    end_ns = view.closed_ns or context[0]
    return ((_lasting(view, end_ns - view.opened_ns), "closed" if view.closed_ns else "text"),)


def _lasting(view: ConnectionView, ns: int) -> str:
    """In tenths where a request waits and the row is painted anyway, else in whole seconds."""
    tenths = max(ns, 0) // TENTH_NS
    if view.state not in WAITING or view.closed_ns or tenths >= 6000:
        return age(tenths // 10)
    return f"{tenths / 10:.1f} s" if tenths < 1000 else f"{tenths // 10} s"


@lru_cache(maxsize=4_096)
def _letters(strip: str, is_closed: bool) -> Line:
    """The strip in colours, equal neighbours together."""
    if is_closed:
        return ((strip, "closed"),)
    return tuple(
        ("".join(letters), role) for role, letters in groupby(strip, LETTER_ROLES.__getitem__)
    )


def _strip(view: ConnectionView, _: Context) -> Line:
    return _letters(view.strip, bool(view.closed_ns))


def _port(view: ConnectionView) -> str:
    return view.peer if len(view.peer) <= 6 else f":{view.peer.rpartition(':')[2]}"


def _last(view: ConnectionView, _: Context) -> Line:
    """In few words, so that narrow screens show them whole."""
    if view.closed_by == CUT:
        return (("process killed", "closed"),)
    last = view.last
    if view.silent_ns:
        last = f"silent for {age(view.silent_ns // SECOND_NS)}"
    elif view.closed_ns:
        if last.startswith(f"closed, {view.closed_by} closed first"):
            last = f"closed by {view.closed_by}"
        last = last.removeprefix("closed, ")
    if last.startswith(LOST):
        last = f"{last[len(LOST) :]} events lost"
    call, moved = last.partition(" ")[::2]
    if call in ("recv", "send") and moved.isdecimal():
        last = f"{call} {size(int(moved))}"
    return ((SHORTER.get(last, last), "closed" if view.closed_ns else "text"),)


@lru_cache(maxsize=8)
def _columns(digits: int) -> tuple[tuple[int, Column], ...]:
    """(rank, column) in their order on the screen; ranks say which a narrow screen keeps."""
    number = max(digits, 3) + 1  # one for the mark of a torn row
    return (
        (0, Column("#", number, number, _number, is_right=True)),
        (6, Column("fd", 4, 5, _text(lambda view: str(view.fd)), is_right=True)),
        (12, Column("pid", 7, 7, _text(lambda view: str(view.pid)), is_right=True)),
        (4, Column("by", 11, 12, _by)),
        (11, Column("peer", 6, 6, _text(_port))),
        (1, Column("state", STATE_WIDTH, STATE_WIDTH, _state)),
        (3, Column("in state", 8, 8, _since, is_right=True)),
        (7, Column("requests", 8, 8, _text(lambda view: count(view.requests)), is_right=True)),
        (10, Column("in", 6, 6, _text(lambda view: size(view.bytes_in)), is_right=True)),
        (9, Column("out", 6, 6, _text(lambda view: size(view.bytes_out)), is_right=True)),
        (8, Column("age", 6, 6, _age, is_right=True)),
        (5, Column("last event", 16, 40, _last)),
        (2, Column(RULER, STRIP_CELLS, STRIP_CELLS, _strip)),
    )
