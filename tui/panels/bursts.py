"""Bursts of the built-in client: one under way, and the results of the last few side by side.

model    mode        requests connections per connection     p50     p99  requests/s errors
thread   keep-alive        50          10              5  1.2 ms  3.4 ms       8,410 none
"""

from collections.abc import Sequence

from engine.snapshot import BurstView
from tui.format import (
    Column,
    Line,
    choose,
    count,
    fit,
    heading,
    milliseconds,
    padded,
    rate,
    table_row,
)

NAME = ("BURSTS", "title")


def lines(bursts: Sequence[BurstView], width: int, rows: int) -> list[Line]:
    """A title with headings, then the last `rows` bursts, the newest at the bottom."""
    if not bursts or rows <= 0:
        return []
    chosen = choose(_COLUMNS, width)
    return [
        (NAME, ("  requests of the built-in client, newest last"[: width - 6], "name")),
        heading(chosen),
        *(_failed(burst, width) or table_row(chosen, burst, None) for burst in bursts[-rows:]),
    ]


def _failed(burst: BurstView, width: int) -> Line:
    if not burst.failure:
        return ()
    text = f"{burst.model}, {burst.mode}: no result: {burst.failure}"
    return padded(((fit(text, width), "warning"),), width)


def _model(burst: BurstView, _: object) -> Line:
    return ((burst.model, "text"),)


def _mode(burst: BurstView, _: object) -> Line:
    return ((burst.mode, "text"),)


def _requests(burst: BurstView, _: object) -> Line:
    if burst.is_running:
        return ((f"{burst.done} of {burst.total}", "handler"),)
    return ((count(burst.done), "value"),)


def _connections(burst: BurstView, _: object) -> Line:
    return ((count(burst.connections_opened), "value"),)


def _each(burst: BurstView, _: object) -> Line:
    opened = burst.connections_opened
    return ((f"{burst.done / opened:.3g}" if opened else "-", "text"),)


def _p50(burst: BurstView, _: object) -> Line:
    return ((milliseconds(burst.p50_ms), "value"),)


def _p99(burst: BurstView, _: object) -> Line:
    return ((milliseconds(burst.p99_ms), "value"),)


def _max(burst: BurstView, _: object) -> Line:
    return ((milliseconds(burst.max_ms), "text"),)


def _rate(burst: BurstView, _: object) -> Line:
    return (("" if burst.is_running else rate(burst.requests_per_s), "text"),)


def _retried(burst: BurstView, _: object) -> Line:
    return ((count(burst.retried), "text"),)


def _errors(burst: BurstView, _: object) -> Line:
    if burst.errors:
        return ((", ".join(f"{n} {kind}" for kind, n in burst.errors.items()), "warning"),)
    return (("under way" if burst.is_running else "none", "name"),)


_COLUMNS: tuple[tuple[int, Column], ...] = (
    (0, Column("model", 12, 13, _model)),
    (1, Column("mode", 10, 10, _mode)),
    (2, Column("requests", 9, 9, _requests, is_right=True)),
    (6, Column("connections", 11, 11, _connections, is_right=True)),
    (7, Column("per connection", 14, 14, _each, is_right=True)),
    (3, Column("p50", 7, 7, _p50, is_right=True)),
    (5, Column("p99", 7, 7, _p99, is_right=True)),
    (11, Column("max", 7, 7, _max, is_right=True)),
    (9, Column("requests/s", 10, 10, _rate, is_right=True)),
    (8, Column("retried", 7, 7, _retried, is_right=True)),
    (4, Column("errors", 10, 40, _errors)),
)
