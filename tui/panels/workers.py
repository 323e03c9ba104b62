"""The processes and threads of the server, each below what has started it: a row for each.

WORKERS  8 processes and threads; 0 connections wait in the queue of the server
process or thread  now       last 3 s      accepts wake-ups would-block   open  share of all accepts
4120               waiting                       0        -           -      0
  4121             accepting AsssssAsssss       30    1,204         792     12  ▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇   75 %
  4122             accepting A                  10      804         794      0  ▇▇▇▇▇▇▇                25 %

The longest bar is that of the worker that accepted most, whatever its share: that all are alike, or one is
not like the others, shows in their lengths.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import groupby

from engine.views.snapshot import STRIP_CELLS, Snapshot
from engine.views.worker_view import WorkerState, WorkerView
from tui.format import Line, brief, fit, milliseconds, plain, plural
from tui.words import LETTER_ROLES

ROLES = {
    WorkerState.ACCEPTING: "accepted",
    WorkerState.READING: "reading",
    WorkerState.HANDLING: "handler",
    WorkerState.WRITING: "unsent",
    WorkerState.IDLE: "idle",
    WorkerState.WAITING: "name",
}
GAP = 1


@dataclass(frozen=True, slots=True)
class Column:
    """A heading, its width, and what a row has below it."""

    heading: str
    width: int
    draw: Callable[[WorkerView], Line]
    is_number: bool = False


def _number(what: Callable[[WorkerView], int], absent: str) -> Callable[[WorkerView], Line]:
    def draw(view: WorkerView) -> Line:
        number = what(view)
        return ((brief(number) if number else absent, "text" if number else "name"),)

    return draw


def _name(view: WorkerView) -> Line:
    return (("  " * view.depth + (view.task or str(view.pid)), "text"),)


def _strip(view: WorkerView) -> Line:
    return tuple(
        ("".join(letters), role) for role, letters in groupby(view.strip, LETTER_ROLES.__getitem__)
    )


COLUMNS = (
    Column("process or thread", 22, _name),
    Column("now", 9, lambda view: ((view.state.value, ROLES[view.state]),)),
    Column("last 3 s", STRIP_CELLS, _strip),
    Column("accepts", 8, _number(lambda view: view.accepts, "0"), is_number=True),
    Column("wake-ups", 8, _number(lambda view: view.wakeups, "-"), is_number=True),
    Column("would-block", 11, _number(lambda view: view.would_block, "-"), is_number=True),
    Column("open", 6, _number(lambda view: view.connections, "0"), is_number=True),
)
BAR, BAR_CELLS = "▇", 20
NARROW = 11
"""Width of the first column where not all of them would fit otherwise; then the strip gives way."""


HEADINGS = 3  # lines above the first of them


def lines(snapshot: Snapshot, width: int, cursor: int | None) -> list[Line]:
    """All of them, with the heading; the one at the cursor is marked, if there is a cursor."""
    views = snapshot.worker_views
    told = f"  {plural(snapshot.workers, 'process or thread', 'processes and threads')}"
    if len(views) < snapshot.workers:
        told += f", the first {len(views)} of them"
    if room := snapshot.rooms.get("app_queue"):
        told += f"; in the queue {room.now}"
        told += f", the oldest {milliseconds(room.longest_ms)}" if room.now else ""
    columns = _that_fit(width, _share_column(views))
    heading = _row(columns, [((one.heading, "heading"),) for one in columns])
    title: Line = (("WORKERS", "title"), (fit(told, width - len("WORKERS")), "name"))
    rows = [_row(columns, [one.draw(v) for one in columns]) for v in views]
    if rows and cursor is not None:
        rows[cursor] = ((plain(rows[cursor]).ljust(width - 1), "chosen"),)
    return [(), title, heading, *rows]


def _share_column(views: Sequence[WorkerView]) -> Column:
    """How the accepts are divided among them."""
    accepts = [view.accepts for view in views]
    most, total = max(accepts, default=0), sum(accepts)

    def draw(view: WorkerView) -> Line:
        if not view.accepts:
            return (("", "text"),)
        bar = BAR * -(-view.accepts * BAR_CELLS // most)
        percent = f"{view.accepts * 100 / total:5.0f} %"
        return ((bar.ljust(BAR_CELLS), "bar"), (percent, "text"))

    return Column("share of all accepts", BAR_CELLS + 7, draw)


def _that_fit(width: int, share: Column) -> Sequence[Column]:
    needed = sum(one.width + GAP for one in COLUMNS) - GAP
    if needed + GAP + share.width <= width:
        return (*COLUMNS, share)
    if needed <= width:
        return COLUMNS
    name, *others = COLUMNS
    columns = [Column("process", NARROW, name.draw), *others]
    if needed - name.width + NARROW > width:
        columns = [one for one in columns if one.heading != "last 3 s"]
    return columns


def _row(columns: Sequence[Column], cells: Sequence[Line]) -> Line:
    spans: list[tuple[str, str]] = []
    for column, cell in zip(columns, cells, strict=True):
        text = plain(cell)
        shown = cell if len(text) <= column.width else ((fit(text, column.width), cell[0][1]),)
        blank = (" " * (column.width - len(plain(shown))), "text")
        spans += [blank, *shown] if column.is_number else [*shown, blank]
        spans.append((" " * GAP, "text"))
    return tuple(spans[:-1])
