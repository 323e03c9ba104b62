"""Bursts of the built-in client: one under way, and the results of the last few side by side.

model         mode       requests connections  each     p50     p99  requests/s errors
thread        keep-alive       50          10     5  1.2 ms  3.4 ms       8,410 none
epoll>thread  keep>short client starting
"""

from collections.abc import Mapping, Sequence

from engine.snapshot import BurstView
from tui.format import (
    GAP,
    Column,
    Line,
    choose,
    count,
    first_that_fits,
    fit,
    heading,
    milliseconds,
    padded,
    rate,
    table_row,
)

NAME = ("BURSTS", "title")
Widths = Mapping[str, int]
"""Heading of a column -> its cells."""
STARTING = "client starting"


def lines(bursts: Sequence[BurstView], width: int, rows: int) -> list[Line]:
    """A title with headings, then the last `rows` bursts, the newest at the bottom."""
    if not bursts or rows <= 0:
        return []
    chosen = choose(_COLUMNS, width)
    return [
        (NAME, ("  requests of the built-in client, newest last"[: width - 6], "name")),
        heading(chosen),
        *(_row(chosen, burst, width) for burst in bursts[-rows:]),
    ]


def _row(chosen: tuple[tuple[Column, int], ...], burst: BurstView, width: int) -> Line:
    if burst.failure:
        return _failed(burst, width)
    widths = {column.heading: cells for column, cells in chosen}
    if burst.is_running and not (burst.done or burst.connections_opened):
        named = padded(
            table_row(chosen[:2], burst, widths), sum(cells + GAP for _, cells in chosen[:2])
        )
        return (*named, (STARTING, "handler"))
    return table_row(chosen, burst, widths)


def _failed(burst: BurstView, width: int) -> Line:
    text = f"{burst.model}, {burst.mode}: no result: {burst.failure}"
    return padded(((fit(text, width), "warning"),), width)


def _model(burst: BurstView, widths: Widths) -> Line:
    """Models that took over from one another during the burst are parted by `>`."""
    number = burst.model.count(">") + 1
    return ((first_that_fits((burst.model, f"{number} models"), widths["model"]), "text"),)


def _mode(burst: BurstView, widths: Widths) -> Line:
    shorter = burst.mode.replace("keep-alive", "keep")
    return ((first_that_fits((burst.mode, shorter, "mixed"), widths["mode"]), "text"),)


def _requests(burst: BurstView, _: Widths) -> Line:
    if burst.is_running:
        return ((f"{burst.done} of {burst.total}", "handler"),)
    return ((count(burst.done), "value"),)


def _connections(burst: BurstView, _: Widths) -> Line:
    return ((count(burst.connections_opened), "value"),)


def _each(burst: BurstView, _: Widths) -> Line:
    opened = burst.connections_opened
    return ((f"{burst.done / opened:.3g}" if opened else "-", "text"),)


def _p50(burst: BurstView, _: Widths) -> Line:
    return ((milliseconds(burst.p50_ms), "value"),)


def _p99(burst: BurstView, _: Widths) -> Line:
    return ((milliseconds(burst.p99_ms), "value"),)


def _max(burst: BurstView, _: Widths) -> Line:
    return ((milliseconds(burst.max_ms), "text"),)


def _rate(burst: BurstView, _: Widths) -> Line:
    return (("" if burst.is_running else rate(burst.requests_per_s), "text"),)


def _retried(burst: BurstView, _: Widths) -> Line:
    return ((count(burst.retried), "text"),)


def _errors(burst: BurstView, _: Widths) -> Line:
    if burst.errors:
        return ((", ".join(f"{n} {kind}" for kind, n in burst.errors.items()), "warning"),)
    return (("under way" if burst.is_running else "none", "name"),)


_COLUMNS: tuple[tuple[int, Column], ...] = (
    (0, Column("model", 12, 15, _model)),
    (1, Column("mode", 10, 16, _mode)),
    (2, Column("requests", 8, 9, _requests, is_right=True)),
    (6, Column("connections", 11, 11, _connections, is_right=True)),
    (7, Column("each", 5, 5, _each, is_right=True)),
    (3, Column("p50", 7, 7, _p50, is_right=True)),
    (5, Column("p99", 7, 7, _p99, is_right=True)),
    (11, Column("max", 7, 7, _max, is_right=True)),
    (9, Column("requests/s", 10, 10, _rate, is_right=True)),
    (8, Column("retried", 7, 7, _retried, is_right=True)),
    (4, Column("errors", 10, 40, _errors)),
)
