"""The last minutes as graphs: one column a second, the same seconds one below the other.

GRAPHS  the last 53 s, a column is one second, · not known
requests/s 8,410
 10,000/s┤                              ▂▄▆█▇▆
         │                          ▃▅▇████████
        0┤··············▁▁▁▂▂▃▅▇███████████████
          ├-53 s─────────────────┼-30 s──── now

Where rows are few the names stand beside the graphs; where they are fewer, and there is width, the
graphs do. A graph that has no room is left out. The second that runs is in none of them.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import groupby
from typing import Protocol

from tui.format import BARS, Line, brief, first_that_fits, fit, padded, rate, round_up

MINUTE_S = 60
UNKNOWN = "·"
LABEL = len("500,000/s")  # the longest that a scale says: brief() is shorter from a million on
NAME = len("open connections")
AXIS = LABEL + 1  # cells before the first column
LEAST_COLUMNS = 20
GAP = 2  # between graphs side by side
SIDE_WIDTH = AXIS + LEAST_COLUMNS
BESIDE_WIDTH = NAME + 1 + SIDE_WIDTH
LEAST_ROWS = 2  # of a graph: 16 levels
ROWS_BELOW_NAME = 3  # with fewer, names stand beside
FRAME = 2  # lines: the title and the axis of time
TICKS_S = ((45, 10), (150, 30))  # up to so many columns, a tick each; else each minute
NOW = " now"


class Track(Protocol):
    """One figure over time; tui.history has it, and says more of it."""

    @property
    def now(self) -> float | None:
        """None: not known."""

    @property
    def seconds(self) -> Sequence[int | None]:
        """In each finished second, oldest first; None: not known."""

    @property
    def most(self) -> int | None:
        """Seen in the running second; None: nothing."""


class History(Protocol):
    """What is drawn."""

    @property
    def span_s(self) -> int:
        """Seconds that are kept at the most."""

    @property
    def requests(self) -> Track:
        """In each second."""

    @property
    def open_connections(self) -> Track:
        """At once."""

    @property
    def descriptors(self) -> Track:
        """At once."""


@dataclass(frozen=True, slots=True)
class Graph:
    """One figure with its name."""

    name: str
    unit: str
    """Behind the number at the top of its scale."""
    track: Track

    @property
    def value(self) -> str:
        """As it is now."""
        return "-" if self.track.now is None else rate(self.track.now)


def lines(history: History, width: int, rows: int) -> list[Line]:
    """A title and as many graphs as have room; no lines where not even one has."""
    graphs = (
        Graph("requests/s", "/s", history.requests),
        Graph("open connections", "", history.open_connections),
        Graph("descriptors", "", history.descriptors),
    )
    room = max(rows - FRAME, 0)
    stacked = min(room // LEAST_ROWS, len(graphs)) if width >= BESIDE_WIDTH else 0
    abreast = max(width + GAP, 0) // (SIDE_WIDTH + GAP) if room > LEAST_ROWS else 0
    if stacked and stacked >= min(abreast, len(graphs)):
        height = room // stacked
        arrange = _below_names if height > ROWS_BELOW_NAME else _beside_names
        return arrange(graphs[:stacked], history.span_s, width, height)
    return _abreast(graphs[:abreast], history.span_s, width, room) if abreast else []


# --- arrangements ---------------------------------------------------------------------------------


def _below_names(graphs: Sequence[Graph], span_s: int, width: int, height: int) -> list[Line]:
    """One below the other; `height`: of each, with its name."""
    columns = min(width - AXIS, span_s)
    drawn = [_title(columns, width)]
    for graph in graphs:
        drawn += [_name(graph), *_plot(graph, columns, height - 1)]
    return [*drawn, ((" " * AXIS, "text"), *_times(columns))]


def _beside_names(graphs: Sequence[Graph], span_s: int, width: int, height: int) -> list[Line]:
    """One below the other, with the names at the left."""
    columns = min(width - NAME - 1 - AXIS, span_s)
    drawn = [_title(columns, width)]
    for graph in graphs:
        words: list[Line] = [((graph.name, "name"),), ((graph.value, "value"),)]
        words += [()] * (height - len(words))
        plot = _plot(graph, columns, height)
        drawn += [(*padded(left, NAME + 1), *row) for left, row in zip(words, plot, strict=True)]
    return [*drawn, ((" " * (NAME + 1 + AXIS), "text"), *_times(columns))]


def _abreast(graphs: Sequence[Graph], span_s: int, width: int, room: int) -> list[Line]:
    """Side by side; `room`: lines of each, with its name."""
    each = (width + GAP) // len(graphs) - GAP
    columns = min(each - AXIS, span_s)
    blocks = [
        [_name(graph), *_plot(graph, columns, room - 1), ((" " * AXIS, "text"), *_times(columns))]
        for graph in graphs
    ]
    return [_title(columns, width), *map(_joined(AXIS + columns), zip(*blocks, strict=True))]


def _joined(each: int) -> Callable[[Sequence[Line]], Line]:
    def join(parts: Sequence[Line]) -> Line:
        *before, last = parts
        return (*(span for part in before for span in padded(part, each + GAP)), *last)

    return join


# --- what they are made of ------------------------------------------------------------------------


def _title(columns: int, width: int) -> Line:
    span = f"the last {_span(columns)}"
    known = f"{UNKNOWN} not known"
    seen = "connections and descriptors: the most seen in it"
    texts = (
        f"{span}, a column is one second ({seen}), {known}",
        f"{span}, a column is one second, {known}",
        f"{span}, {known}",
        span,
    )
    title = "GRAPHS"
    room = max(width - len(title) - 2, 0)
    return ((title, "title"), (f"  {fit(first_that_fits(texts, room), room)}", "name"))


def _name(graph: Graph) -> Line:
    return ((f"{graph.name} ", "name"), (graph.value, "value"))


def _plot(graph: Graph, columns: int, rows: int) -> Sequence[Line]:
    """The scale, in which the running second has room, too, and the bars, the newest at the right."""
    known = tuple(graph.track.seconds)[-columns:]
    seen = max((value for value in (*known, graph.track.most) if value is not None), default=0)
    return _drawn(known, round_up(seen), graph.unit, columns, rows)


@lru_cache(maxsize=8)  # many frames show the same seconds
def _drawn(
    known: tuple[int | None, ...], full: int, unit: str, columns: int, rows: int
) -> Sequence[Line]:
    steps = (len(BARS) - 1) * rows
    values = [*[None] * (columns - len(known)), *known]
    levels = [None if value is None else -(-value * steps // full) for value in values]
    labels = [f"{brief(full)}{unit}", *[""] * (rows - 2), "0"]
    return [
        ((f"{label:>{LABEL}}{'┤' if label else '│'}", "name"), *_bars(levels, row))
        for label, row in zip(labels, range(rows - 1, -1, -1), strict=True)
    ]


def _bars(levels: Sequence[int | None], row: int) -> Line:
    """A row of all bars; row 0 is the lowest."""
    steps = len(BARS) - 1
    cells = "".join(
        (" " if row else UNKNOWN)
        if level is None
        else BARS[min(max(level - row * steps, 0), steps)]
        for level in levels
    )
    return tuple(
        ("".join(same), "closed" if is_unknown else "bar")
        for is_unknown, same in groupby(cells, UNKNOWN.__eq__)
    )


def _times(columns: int) -> Line:
    """The axis of time: each tick stands at the beginning of its second."""
    every_s = next((every_s for most, every_s in TICKS_S if columns <= most), MINUTE_S)
    axis = f"├-{_span(columns)}"
    for ago_s in range((columns - 1) // every_s * every_s, 0, -every_s):
        tick = f"┼-{_span(ago_s)}" if every_s < MINUTE_S else f"┼-{ago_s // MINUTE_S} min"
        at = columns - ago_s
        if at > len(axis) and at + len(tick) < columns - len(NOW):
            axis = axis.ljust(at, "─") + tick
    return ((axis.ljust(columns - len(NOW), "─") + NOW, "name"),)


def _span(seconds: int) -> str:
    """`53 s`, `110 s`, `2 min`, `2 min 53 s`: never rounded."""
    minutes, rest = divmod(seconds, MINUTE_S)
    if minutes < 2:
        return f"{seconds} s"
    return f"{minutes} min {rest} s" if rest else f"{minutes} min"
