"""The last events, the newest at the bottom.

12.301  #132  request   GET /wait/500        thread-7   pid 4120   thread.py:27
"""

from collections.abc import Callable, Mapping, Sequence

from engine.events import KIND_NAMES, Event
from engine.views.snapshot import Snapshot
from tui.format import Column, Line, choose, plain, rate, table_row
from tui.words import KIND_ROLES, what

Context = tuple[int, Mapping[int, int], Callable[[Event], str]]
"""When the first event happened, conn -> number, and event -> its line with the file."""
WIDE = 100  # columns from which on the file is named beside the line


def lines(events: Sequence[Event], context: Context, width: int, rows: int) -> list[Line]:
    """The last `rows` events; times are seconds since the first one."""
    chosen = choose(_WIDE_COLUMNS if width >= WIDE else _COLUMNS, width)
    return [table_row(chosen, event, context) for event in events[-rows:]] if rows > 0 else []


def title(snapshot: Snapshot, is_flood: bool, width: int) -> Line:
    """The panel's name, and what is not shown."""
    spans: Line = (("EVENTS", "title"), ("  seconds since the start, newest last", "name"))
    if is_flood:
        spans += ((f"; only the last of {rate(snapshot.events_per_s)}/s", "name"),)
    return spans if len(plain(spans)) <= width else spans[:1]


def _time(event: Event, context: Context) -> Line:
    return ((f"{max(event.at_ns - context[0], 0) / 1e9:.3f}", "name"),)


def _number(event: Event, context: Context) -> Line:
    number = context[1].get(event.conn)
    return ((f"#{number}" if number else "", "text"),)


def _kind(event: Event, _: Context) -> Line:
    return ((KIND_NAMES[event.kind], KIND_ROLES.get(event.kind, "text")),)


def _what(event: Event, _: Context) -> Line:
    return ((what(event), "text"),)


def _who(event: Event, _: Context) -> Line:
    """In one cell: the thread or greenlet, or the process where that has but one."""
    is_process = event.task == "MainThread"
    return ((f"pid {event.pid}" if is_process else event.task, "name"),)


def _by(event: Event, _: Context) -> Line:
    return ((event.task, "name"),)


def _pid(event: Event, _: Context) -> Line:
    return ((f"pid {event.pid}", "name"),)


def _line(event: Event, _: Context) -> Line:
    return ((f"line {event.line}" if event.line else "", "name"),)


def _place(event: Event, context: Context) -> Line:
    return ((context[2](event), "name"),)


_FIRST_COLUMNS: tuple[tuple[int, Column], ...] = (
    (0, Column("time", 9, 9, _time, is_right=True)),
    (1, Column("#", 7, 7, _number, is_right=True)),
    (2, Column("kind", 8, 8, _kind)),
    (3, Column("what", 16, 48, _what)),
)
_COLUMNS = (
    *_FIRST_COLUMNS,
    (4, Column("by", 11, 14, _who)),
    (5, Column("line", 8, 8, _line)),
)
_WIDE_COLUMNS = (
    *_FIRST_COLUMNS,
    (4, Column("by", 14, 14, _by)),
    (5, Column("pid", 11, 11, _pid)),
    (6, Column("line", 24, 24, _place)),
)
