"""A comparison in lines of plain text, for stdout and for the dashboard's page."""

import math
import string
from collections.abc import Iterator, Sequence
from itertools import cycle

from engine.compare.report import Comparison
from engine.compare.standing import Standing
from engine.compare.sweep import Sweep
from tui.comparison import cells
from tui.format import milliseconds, rate

BAR_CELLS = 20
BAR, REST = "█", "·"
PLOT_COLUMNS, PLOT_ROWS = 60, 12
LEFT = ("", "waits in")  # aligned
LEAST_NEEDED = ("fds", "threads", "processes", "memory/conn", "max", "p90", "CPU/request", "spread", "p50",
                "p99")  # fmt: skip
"""Columns that a narrow screen leaves out, in this order."""
LETTERS = string.ascii_letters


def lines(told: Comparison) -> list[str]:
    """All of it."""
    found = [cells.title(told), cells.terms(told), ""]
    for mode, standings in cells.by_mode(told).items():
        found += [mode, *table(standings), ""]
    if told.is_final:
        found += [*cells.verdicts(told), ""]
    found += cells.notes(told)
    if told.sweeps:
        found += ["", *sweeps(told.sweeps)]
    return found


def table(standings: Sequence[Standing], width: int | None = None) -> list[str]:
    """A row for each model, with a bar of its requests/s. In a `width`, without what has no room."""
    columns = list(cells.COLUMNS)
    for dropped in ("", *LEAST_NEEDED):
        columns = [column for column in columns if column != dropped]
        drawn = _table(standings, columns)
        if width is None or max(map(len, drawn)) <= width:
            break
    return drawn


def _table(standings: Sequence[Standing], columns: Sequence[str]) -> list[str]:
    most = max((one.requests_per_s for one in standings), default=0.0)
    rows = [
        [cells.name(one), _bar(one.requests_per_s, most), *(cells.COLUMNS[each](one) for each in columns)]
        for one in standings
        if not one.failure
    ]  # fmt: skip
    headings = ["", "", *columns]
    widths = [max(map(len, column)) for column in zip(headings, *rows, strict=True)]
    return [
        "  ".join(
            text.ljust(width) if heading in LEFT else text.rjust(width)
            for heading, text, width in zip(headings, row, widths, strict=True)
        ).rstrip()
        for row in (headings, *rows)
    ]


def _bar(value: float, most: float) -> str:
    filled = round(BAR_CELLS * value / most) if most else 0
    return BAR * filled + REST * (BAR_CELLS - filled)


def sweeps(told: Sequence[Sweep]) -> list[str]:
    """The plot, its letters, and the rates in figures."""
    found = ["throughput (to the right) against p50 (upwards), both logarithmic", *plot(told), ""]
    for letter, one in _lettered(told):
        found.append(f"{letter}  {cells.knee(one)}")
        for point in one.points:
            times = ", ".join(
                f"{label} {milliseconds(ms)}"
                for label, ms in (("p50", point.p50_ms), ("p99", point.p99_ms))
            )
            met = "" if point.is_met else "  not met"
            found.append(
                f"     {rate(point.offered_per_s):>7} offered  {rate(point.requests_per_s):>7} answered"
                f"  {times}{met}"
            )
    return found


def plot(told: Sequence[Sweep]) -> list[str]:
    """A letter where a rate was tried; `#` where two fall together."""
    dots = [
        (point.requests_per_s, point.p50_ms, letter)
        for letter, one in _lettered(told)
        for point in one.points
        if point.p50_ms and point.requests_per_s
    ]
    if not dots:
        return []
    xs, ys = [dot[0] for dot in dots], [dot[1] for dot in dots]
    grid = [[" "] * PLOT_COLUMNS for _ in range(PLOT_ROWS)]
    for x, y, letter in dots:
        row = PLOT_ROWS - 1 - _place(y, min(ys), max(ys), PLOT_ROWS)
        column = _place(x, min(xs), max(xs), PLOT_COLUMNS)
        taken = grid[row][column]
        grid[row][column] = letter if taken in (" ", letter) else "#"
    labels = {0: milliseconds(max(ys)), PLOT_ROWS - 1: milliseconds(min(ys))}
    drawn = [f"{labels.get(i, ''):>8} │{''.join(row)}".rstrip() for i, row in enumerate(grid)]
    ends = f"{rate(min(xs))} requests/s", f"{rate(max(xs))} requests/s"
    drawn.append(" " * 9 + "┼" + "─" * PLOT_COLUMNS)
    drawn.append(" " * 10 + ends[0] + ends[1].rjust(PLOT_COLUMNS - len(ends[0])))
    return drawn


def _lettered(told: Sequence[Sweep]) -> Iterator[tuple[str, Sweep]]:
    """From the beginning again when there are more: none is left out."""
    return zip(cycle(LETTERS), told, strict=False)


def _place(value: float, least: float, most: float, cells_there: int) -> int:
    if most <= least:
        return 0
    return round(math.log(value / least) / math.log(most / least) * (cells_there - 1))
