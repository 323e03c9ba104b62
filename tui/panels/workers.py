"""The processes and threads of the server, each below what has started it: a row for each.

WORKERS  3 processes and threads
process or thread now       last 3 s     accepts wake-ups would-block ready   queue  open share of all accepts
4120              waiting                      0        -           -     -             0
  4121            accepting AsssssAsssss      30    1,204         792     9   3/128    12 ▇▇▇▇▇▇▇▇▇▇   75 %
  4122            accepting A                 10      804         794     1   0/128     0 ▇▇▇▇         25 %

The longest bar is that of the worker that accepted most, whatever its share: that all are alike, or one is
not like the others, shows in their lengths. Where one alone accepts, its longest turn stands in their place.
The column `queue` is there where workers have accept queues of their own. What models have in hand by their
own account stands in the title: `in hand: runnable 0, receiving 12, sending 1, asleep 2`.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby

from engine.views.kernel_numbers import AcceptQueue
from engine.views.queues import queue_of_each
from engine.views.snapshot import STRIP_CELLS, Snapshot
from engine.views.worker_view import WorkerState, WorkerView
from tui.format import Line, brief, count, first_that_fits, fit, milliseconds, plain, plural
from tui.words import LETTER_ROLES

ROLES = {
    WorkerState.ACCEPTING: "accepted",
    WorkerState.READING: "reading",
    WorkerState.HANDLING: "handler",
    WorkerState.WRITING: "unsent",
    WorkerState.IDLE: "idle",
    WorkerState.WAITING: "name",
    WorkerState.COUNTED: "torn",
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


def _ready(view: WorkerView) -> Line:
    if view.ready is None:
        return (("-", "name"),)
    return ((brief(view.ready), "text" if view.ready else "name"),)


def in_hand(views: Sequence[WorkerView]) -> str:
    """`runnable 0, receiving 12`: what their models say that they have, added up; empty: they say nothing."""
    sums: Counter[str] = Counter()
    for view in views:
        for name, number in view.gauges.items():
            sums[name] += number
    return ", ".join(f"{name} {count(number)}" for name, number in sums.items())


def _turn(view: WorkerView) -> Line:
    is_long = view.longest_turn_ms is not None and view.longest_turn_ms >= LONG_TURN_MS
    return (
        (
            milliseconds(view.longest_turn_ms),
            "warning" if is_long else "text" if view.longest_turn_ms else "name",
        ),
    )


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
    Column("ready", 5, _ready, is_number=True),
    Column("open", 6, _number(lambda view: view.connections, "0"), is_number=True),
)
TURN = Column("longest turn", 12, _turn, is_number=True)
LONG_TURN_MS = 100  # from here on a client feels that its loop is late
BAR, BAR_CELLS = "▇", 20
QUEUE_WIDTH = 7
FULL_FROM = 0.8  # of its limit: said as a warning
CUT, NARROW = 17, 11
"""Widths of the first column where not all of them would fit otherwise; beside the last, others give way."""
GIVE_WAY = ("ready", "would-block", "last 3 s")


HEADINGS = 3  # lines above the first of them


def lines(
    snapshot: Snapshot, width: int, cursor: int | None, queues: Sequence[AcceptQueue] = ()
) -> list[Line]:
    """All of them, with the heading; the one at the cursor is marked, if there is a cursor. `queues`: those
    of the sockets that listen."""
    views = snapshot.worker_views
    told = f"  {plural(snapshot.workers, 'process or thread', 'processes and threads')}"
    if len(views) < snapshot.workers:
        told += f", the first {len(views)} of them"
    if room := snapshot.rooms.get("app_queue"):
        told += f"; in the queue {room.now}"
        told += f", the oldest {milliseconds(room.longest_ms)}" if room.now else ""
    if has := in_hand(views):
        texts = (f"{told}; in hand: {has}", f"{told}; {has}", f"  {has}")
        told = first_that_fits(texts, width - len("WORKERS"))
    columns = _that_fit(width, views, queue_of_each(views, queues))
    heading = _row(columns, [((one.heading, "heading"),) for one in columns])
    title: Line = (("WORKERS", "title"), (fit(told, width - len("WORKERS")), "name"))
    rows = [_row(columns, [one.draw(v) for one in columns]) for v in views]
    if rows and cursor is not None:
        rows[cursor] = ((plain(rows[cursor]).ljust(width - 1), "chosen"),)
    return [(), title, heading, *rows]


def _share_column(views: Sequence[WorkerView], cells: int) -> Column:
    """How the accepts are divided among them; the longest bar has so many cells."""
    accepts = [view.accepts for view in views]
    most, total = max(accepts, default=0), sum(accepts)

    def draw(view: WorkerView) -> Line:
        if not view.accepts:
            return (("", "text"),)
        bar = BAR * -(-view.accepts * cells // most)
        percent = f"{view.accepts * 100 / total:5.0f} %"
        return ((bar.ljust(cells), "bar"), (percent, "text"))

    return Column("share of all accepts", cells + 7, draw)


def _queue_column(queues: Mapping[int, AcceptQueue]) -> Column:
    """Of those that have a queue of their own."""

    def draw(view: WorkerView) -> Line:
        queue = queues.get(view.pid) if not view.task else None
        if queue is None:
            return (("", "text"),)
        texts = f"{queue.length}/{queue.limit}", brief(queue.length)
        is_nearly_full = queue.length >= queue.limit * FULL_FROM
        role = "warning" if is_nearly_full else "accepted" if queue.length else "name"
        return ((first_that_fits(texts, QUEUE_WIDTH), role),)

    return Column("queue", QUEUE_WIDTH, draw, is_number=True)


def _that_fit(
    width: int, views: Sequence[WorkerView], queues: Mapping[int, AcceptQueue]
) -> Sequence[Column]:
    """All of them; where there is less room, the names are cut, then bars and others give way."""
    name, *others = COLUMNS
    share = _share_column(views, BAR_CELLS - QUEUE_WIDTH if queues else BAR_CELLS)
    if sum(view.accepts > 0 for view in views) < 2 and any(
        view.longest_turn_ms is not None for view in views
    ):
        share = TURN  # a share of all says nothing
    if queues:
        others.insert(-1, _queue_column(queues))
    cut = replace(name, width=CUT)
    for chosen in ([name, *others, share], [cut, *others, share], [name, *others], [cut, *others]):
        if _width(chosen) <= width:
            return chosen
    narrow = [Column("process", NARROW, name.draw), *others]
    for heading in GIVE_WAY:
        # A worker with a socket of its own is not woken for the clients of others.
        if _width(narrow) > width and (queues or heading != "would-block"):
            narrow = [one for one in narrow if one.heading != heading]
    return narrow


def _width(columns: Sequence[Column]) -> int:
    return sum(one.width + GAP for one in columns) - GAP


def _row(columns: Sequence[Column], cells: Sequence[Line]) -> Line:
    spans: list[tuple[str, str]] = []
    for column, cell in zip(columns, cells, strict=True):
        text = plain(cell)
        shown = cell if len(text) <= column.width else ((fit(text, column.width), cell[0][1]),)
        blank = (" " * (column.width - len(plain(shown))), "text")
        spans += [blank, *shown] if column.is_number else [*shown, blank]
        spans.append((" " * GAP, "text"))
    return tuple(spans[:-1])
