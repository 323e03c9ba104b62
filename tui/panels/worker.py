"""One worker told whole: what it does, the connections that it has, its descriptors, its last events.

PROCESS 4121  handling   last 3 s AsssssHHHHHH   accepts 412   wake-ups 1,204   would-block 792   open 12
CONNECTIONS  12
#132 H GET /wait/500 420 ms   #133 _ GET / 4.1 s
DESCRIPTORS  57; holders: processes that hold the same, this terminal's among them
 3 listener, 2 holders   5 eventpoll, 1 holder   7 connection #132, 2 holders
EVENTS  the last of it
12.301  #132  request   GET /wait/500   thread.py:27
"""

from collections.abc import Callable, Sequence

from engine.events import KIND_NAMES, Event
from engine.snapshot import STATE_MEANINGS
from engine.worker_view import Descriptor, Held, WorkerDetail
from tui.format import (
    Column,
    Line,
    Span,
    brief,
    choose,
    count,
    flowed,
    milliseconds,
    table_row,
)
from tui.words import KIND_ROLES, STATE_ROLES, what

Place = Callable[[Event], str]
Context = tuple[WorkerDetail, int, Place]
"""Whose events, since when time is counted, and event -> its line."""
LEAST = 3  # lines of each part: what is left goes to the events
_ROLES = {meaning.letter: STATE_ROLES[state] for state, meaning in STATE_MEANINGS.items()}
_DOUBTFUL = {"connection": 1, "listener": 10**9}
"""Of what one holder is the rule: a second one keeps a connection open that was closed."""


def lines(
    detail: WorkerDetail, now_ns: int, start_ns: int, place: Place, width: int, height: int
) -> list[Line]:
    """In `height` lines. `start_ns`: when time begins."""
    who = _who(detail, width)
    room = max((height - len(who)) // 3, LEAST)
    held = _part(_connections(detail, now_ns, width), room)
    descriptors = _part(_descriptors(detail, width), room)
    rows = height - len(who) - len(held) - len(descriptors) - 2
    return [*who, *held, *descriptors, *_events((detail, start_ns, place), width, max(rows, 1))]


def _part(told: list[Line], room: int) -> list[Line]:
    """A blank line and what has room; the rest is said to be."""
    if len(told) > room - 1:
        told = [*told[: room - 2], (("...", "name"),)]
    return [(), *told]


def _who(detail: WorkerDetail, width: int) -> list[Line]:
    view = detail.view
    title = f"THREAD {view.task} of pid {view.pid}" if view.task else f"PROCESS {view.pid}"
    told: list[Span] = [(title, "title"), (view.state.value, "text")]
    if strip := view.strip.strip():
        told.append((f"last 3 s {strip}", "text"))
    if not view.task:
        told += [
            (f"accepts {count(view.accepts)}", "text"),
            (f"wake-ups {brief(view.wakeups) if view.wakeups else '-'}", "text"),
            (f"would-block {brief(view.would_block) if view.would_block else '-'}", "text"),
        ]
    return [(), *flowed([*told, (f"open {count(view.connections)}", "text")], width)]


def _connections(detail: WorkerDetail, now_ns: int, width: int) -> list[Line]:
    title: Line = (("CONNECTIONS", "title"), (f"  {count(detail.view.connections)} open", "name"))
    return [title, *(flowed([_held(one, now_ns) for one in detail.held], width))]


def _held(one: Held, now_ns: int) -> Span:
    path = f" {one.path}" if one.path else ""
    waited = milliseconds(max(now_ns - one.since_ns, 0) / 1e6)
    return f"#{one.number} {one.letter}{path} {waited}", _ROLES[one.letter]


def _descriptors(detail: WorkerDetail, width: int) -> list[Line]:
    title: Span = ("DESCRIPTORS", "title")
    table = detail.descriptors
    if table is None:
        return [(title, ("  nobody tells of them", "name"))]
    of = " of its process" if detail.view.task else ""
    told = f"  {count(table.total)}{of}; in brackets how many processes hold the same"
    shown = flowed([_descriptor(one, detail) for one in table.first], width)
    return [*flowed([title, (told.strip(), "name")], width), *shown]


def _descriptor(one: Descriptor, detail: WorkerDetail) -> Span:
    number = detail.numbers.get(one.conn)
    which = f" #{number}" if number else ""
    role = "warning" if one.holders > _DOUBTFUL.get(one.what, 10**9) else "text"
    return f"{one.number} {one.what}{which} ({one.holders})", role


def _events(context: Context, width: int, rows: int) -> list[Line]:
    events = context[0].events
    told = "  its last, newest at the bottom" if events else "  none of the last 1,000 is its own"
    chosen = choose(_COLUMNS, width)
    shown: Sequence[Event] = events[-rows:]
    title: Line = (("EVENTS", "title"), (told, "name"))
    return [(), title, *(table_row(chosen, event, context) for event in shown)]


def _time(event: Event, context: Context) -> Line:
    return ((f"{max(event.at_ns - context[1], 0) / 1e9:.3f}", "name"),)


def _number(event: Event, context: Context) -> Line:
    number = context[0].numbers.get(event.conn)
    return ((f"#{number}" if number else "", "text"),)


def _kind(event: Event, _: Context) -> Line:
    return ((KIND_NAMES[event.kind], KIND_ROLES.get(event.kind, "text")),)


def _what(event: Event, _: Context) -> Line:
    return ((what(event), "text"),)


def _place(event: Event, context: Context) -> Line:
    return ((context[2](event), "name"),)


_COLUMNS: tuple[tuple[int, Column], ...] = (
    (0, Column("time", 9, 9, _time, is_right=True)),
    (1, Column("connection", 6, 8, _number)),
    (2, Column("kind", 8, 8, _kind)),
    (3, Column("what", 16, 48, _what)),
    (4, Column("line", 20, 24, _place)),
)
