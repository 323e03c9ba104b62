"""One worker told whole: what it does, the connections that it has, its descriptors, its last events.

PROCESS 4121  handling   accepts 412   wake-ups 1,204   would-block 792   ready 9   open 12
HISTORY  a letter for each 150 ms, of all its connections together
├15s──────┼10s────────────────────────────┼5s────────────────────────────now
__________AsssssHHHHHH____________________HHHHHHHHHHHHHHHHHHHHHHHHHHHHHHHHH
CONNECTIONS  12
#132 H GET /wait/500 420 ms   #133 _ GET / 4.1 s
DESCRIPTORS  57; holders: processes that hold the same, this terminal's among them
 3 listener, 2 holders   5 eventpoll, 1 holder   7 connection #132, 2 holders
EVENTS  831 of it are kept, here 820–831
12.301  #132  request   GET /wait/500   thread.py:27
"""

from collections.abc import Callable, Sequence
from itertools import groupby

from engine.events import KIND_NAMES, Event
from engine.views.snapshot import STATE_MEANINGS, STRIP_CELL_NS
from engine.views.worker_view import NOT_TOLD, Descriptor, Held, WorkerDetail
from tui.format import (
    Column,
    Line,
    Span,
    brief,
    choose,
    count,
    first_that_fits,
    flowed,
    milliseconds,
    table_row,
)
from tui.words import KIND_ROLES, LETTER_ROLES, STATE_ROLES, what

Place = Callable[[Event], str]
Context = tuple[WorkerDetail, int, Place]
"""Whose events, since when time is counted, and event -> its line."""
NOW = "now"
TICK_S = 5  # between two ticks of its history
SECOND_NS = 1_000_000_000
EVENT_HEADINGS = 2
ROOMY = 22  # lines from which on its history has a title of its own
LEAST = 3  # lines of each part: what is left goes to the events
_ROLES = {meaning.letter: STATE_ROLES[state] for state, meaning in STATE_MEANINGS.items()}
_DOUBTFUL = {"connection": 1, "listener": 10**9}
"""Of what one holder is the rule: a second one keeps a connection open that was closed."""


def lines(
    detail: WorkerDetail,
    now_ns: int,
    start_ns: int,
    place: Place,
    width: int,
    height: int,
    back: int = 0,
) -> list[Line]:
    """In `height` lines. `start_ns`: when time begins; of its events, those up to the one that is `back`
    before the last."""
    above = _above(detail, now_ns, width, height)
    rows = max(height - len(above) - EVENT_HEADINGS, 1)
    return [*above, *_events((detail, start_ns, place), width, rows, back)]


def all_connections(detail: WorkerDetail, now_ns: int, width: int) -> list[Line]:
    """With as many lines as they take."""
    return [*_who(detail, width), (), *_connections(detail, now_ns, width)]


def all_descriptors(detail: WorkerDetail, width: int) -> list[Line]:
    """The same of its descriptors."""
    return [*_who(detail, width), (), *_descriptors(detail, width)]


def event_rows(detail: WorkerDetail, now_ns: int, width: int, height: int) -> int:
    """How many events `lines` has room for."""
    return max(height - len(_above(detail, now_ns, width, height)) - EVENT_HEADINGS, 1)


def _above(detail: WorkerDetail, now_ns: int, width: int, height: int) -> list[Line]:
    """All but the events."""
    history = _history(detail, width) if height >= ROOMY else _history_small(detail, width)
    who = [*_who(detail, width), *history]
    room = max((height - len(who)) // 3, LEAST)
    held = _part(_connections(detail, now_ns, width), room)
    return [*who, *held, *_part(_descriptors(detail, width), room)]


def _part(told: list[Line], room: int) -> list[Line]:
    """A blank line and what has room; the rest is said to be."""
    if len(told) > room - 1:
        told = [*told[: room - 2], (("...", "name"),)]
    return [(), *told]


def _who(detail: WorkerDetail, width: int) -> list[Line]:
    view = detail.view
    title = f"THREAD {view.task} of pid {view.pid}" if view.task else f"PROCESS {view.pid}"
    told: list[Span] = [(title, "title"), (view.state.value, "text")]
    if not view.task:
        told += [
            (f"accepts {count(view.accepts)}", "text"),
            (f"wake-ups {brief(view.wakeups) if view.wakeups else '-'}", "text"),
            (f"would-block {brief(view.would_block) if view.would_block else '-'}", "text"),
            (f"ready {'-' if view.ready is None else brief(view.ready)}", "text"),
            (f"longest turn {milliseconds(view.longest_turn_ms)}", "text"),
        ]
    told.append((f"open {count(view.connections)}", "text"))
    told += [(f"{name} {count(number)}", "text") for name, number in view.gauges.items()]
    return [(), *flowed(told, width)]


def _history(detail: WorkerDetail, width: int) -> list[Line]:
    """As far back as there is room, below its time."""
    if not detail.history:
        return []
    seen = detail.history[-width:]
    told = "  a letter for each 150 ms, of all its connections together"
    return [
        (),
        (("HISTORY", "title"), (first_that_fits((told, ""), width - len("HISTORY")), "name")),
        ((_times(len(seen)), "name"),),
        _letters(seen),
    ]


def _history_small(detail: WorkerDetail, width: int) -> list[Line]:
    """In two lines, with its name beside them."""
    name = "HISTORY "
    seen = detail.history[-max(width - len(name), 1) :]
    if not seen:
        return []
    times: Line = ((name, "title"), (_times(len(seen)), "name"))
    return [times, ((" " * len(name), "text"), *_letters(seen))]


def _letters(seen: str) -> Line:
    return tuple(("".join(same), LETTER_ROLES[one]) for one, same in groupby(seen))


def _times(cells: int) -> str:
    """A tick for each few seconds above so many cells, the last of which is now."""
    drawn = ["─"] * (cells - len(NOW)) + list(NOW[-cells:])
    for seconds in range(TICK_S, cells * STRIP_CELL_NS // SECOND_NS + 1, TICK_S):
        text = f"┼{seconds}s"
        at = cells - seconds * SECOND_NS // STRIP_CELL_NS
        if 0 <= at <= cells - len(NOW) - len(text):
            drawn[at : at + len(text)] = text
    return "".join(drawn)


def _connections(detail: WorkerDetail, now_ns: int, width: int) -> list[Line]:
    number = detail.view.connections
    told = f"  {count(number)} open{_kept(len(detail.held), number)}"
    title: Line = (("CONNECTIONS", "title"), (told, "name"))
    return [title, *(flowed([_held(one, now_ns) for one in detail.held], width))]


def _kept(told: int, of_all: int) -> str:
    """That not all of them can be told."""
    return f" ({count(told)} told)" if told < of_all else ""


def _held(one: Held, now_ns: int) -> Span:
    path = f" {one.path}" if one.path else ""
    if one.letter == NOT_TOLD:
        return f"#{one.number} {NOT_TOLD}{path}", "torn"
    waited = milliseconds(max(now_ns - one.since_ns, 0) / 1e6)
    return f"#{one.number} {one.letter}{path} {waited}", _ROLES[one.letter]


def _descriptors(detail: WorkerDetail, width: int) -> list[Line]:
    title: Span = ("DESCRIPTORS", "title")
    table = detail.descriptors
    if table is None:
        return [(title, ("  nobody tells of them", "name"))]
    of = " of its process" if detail.view.task else ""
    kept = _kept(len(table.first), table.total)
    told = f"  {count(table.total)}{of}{kept}; in brackets how many processes hold the same"
    shown = flowed([_descriptor(one, detail) for one in table.first], width)
    return [*flowed([title, (told.strip(), "name")], width), *shown]


def _descriptor(one: Descriptor, detail: WorkerDetail) -> Span:
    number = detail.numbers.get(one.conn)
    which = f" #{number}" if number else ""
    role = "warning" if one.holders > _DOUBTFUL.get(one.what, 10**9) else "text"
    return f"{one.number} {one.what}{which} ({one.holders})", role


def _events(context: Context, width: int, rows: int, back: int) -> list[Line]:
    events = context[0].events
    end = len(events) - back
    first = max(end - rows, 0)
    told = "  none of those that are kept is its own"
    if events:
        told = f"  {count(len(events))} of it are kept, here {first + 1:,}–{end:,}"
    chosen = choose(_COLUMNS, width)
    shown: Sequence[Event] = events[first:end]
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
