"""Bursts of the built-in client: one under way, and the results of the last few side by side.

BURSTS  by the built-in client, newest last      latency 0.1 ms–10 s, steps 1 2 5, █ = 100 %
  # model    mode       requests     p50     max ├0──┼1ms──┼100ms┼10s requests/s errors
  1 thread   keep-alive       50 1.21 ms 5.30 ms ··▁▆▂············         8,410 none
  2 thread   short      32 of 50  64 % done ████████·····                        under way
  3 polling  keep>short client starting
"""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from itertools import groupby

from engine.views.snapshot import BurstView
from tui.format import (
    GAP,
    Column,
    Line,
    bars,
    choose,
    count,
    first_that_fits,
    fit,
    heading,
    milliseconds,
    padded,
    plain,
    processors,
    rate,
    table_row,
)

Chosen = tuple[tuple[Column, int], ...]
Layout = tuple[tuple[int, Column], ...]  # with ranks
Widths = Mapping[str, int]
"""Heading of a column -> its cells."""
NAME = "BURSTS"
STARTING = "client starting"
LATENCY = "├0──┼1ms──┼100ms┼10s"  # above a cell for each bucket of load.result.HISTOGRAM_EDGES_MS
LATENCY_SCALES = (  # the height is a share of the burst's requests: bursts of any size compare
    "requests by latency in steps of 1, 2, 5 from 0.1 ms to 10 s, █ = 100 %",
    "latency 0.1 ms–10 s, steps 1 2 5, █ = 100 %",
    "steps 1 2 5, █ = 100 %",
)
BY_WHOM = "  by the built-in client, newest last"
RATE_OF_WHAT = "; requests/s while it ran"  # the server's own is over the last second
EMPTY = "·"
PROGRESS = "progress"
PROGRESS_CELLS = 24  # at the most
LEAST_BAR = 4  # cells


def lines(bursts: Sequence[BurstView], width: int, rows: int) -> list[Line]:
    """A title with headings, then the last `rows` bursts, the newest at the bottom."""
    if not bursts or rows <= 0:
        return []
    chosen = _chosen(width, is_load=any(burst.loop or burst.p99_ms is not None for burst in bursts))
    rest = (_row(chosen, burst, width) for burst in bursts[-rows:])
    return [_title(chosen, width), heading(chosen), *rest]


def _title(chosen: Chosen, width: int) -> Line:
    """What the panel shows; above the latencies, what they are."""
    widths = _widths(chosen)
    words = BY_WHOM + (RATE_OF_WHAT if "requests/s" in widths else "")
    start = 0
    for column, cells in chosen:
        if column.heading == LATENCY:
            words = first_that_fits((words, BY_WHOM), start - len(NAME) - 2)
            title: Line = ((NAME, "title"), (words, "name"))
            scale = first_that_fits(LATENCY_SCALES, width - start)
            return (*padded(title, start), (scale, "name"))
        start += cells + GAP
    room = max(width - len(NAME), 0)
    return (
        (fit(NAME, width), "title"),
        (fit(first_that_fits((words, BY_WHOM), room), room), "name"),
    )


def _row(chosen: Chosen, burst: BurstView, width: int) -> Line:
    if burst.failure:
        return _failed(burst, width)
    if burst.is_running:
        if burst.loop and burst.done:
            return table_row(chosen, burst, _widths(chosen))
        if not (burst.done or burst.connections_opened):
            return _starting(chosen[:3], burst, width)
        chosen = _while_running(chosen)
    return table_row(chosen, burst, _widths(chosen))


def _starting(chosen: Chosen, burst: BurstView, width: int) -> Line:
    named = table_row(chosen, burst, _widths(chosen))
    named = padded(named, sum(cells + GAP for _, cells in chosen))
    return (*named, (fit(STARTING, max(width - len(plain(named)), 0)), "handler"))


def _failed(burst: BurstView, width: int) -> Line:
    text = f"{burst.number:3} {burst.model}, {burst.mode}: no result: {burst.failure}"
    return padded(((fit(text, width), "warning"),), width)


def _widths(chosen: Chosen) -> Widths:
    return {column.heading: cells for column, cells in chosen}


def _number(burst: BurstView, _: Widths) -> Line:
    return ((str(burst.number), "text"),)


def _model(burst: BurstView, widths: Widths) -> Line:
    """Models that took over from one another during the burst are parted by `>`."""
    number = burst.model.count(">") + 1
    return ((first_that_fits((burst.model, f"{number} models"), widths["model"]), "text"),)


def _mode(burst: BurstView, widths: Widths) -> Line:
    shorter = burst.mode.replace("keep-alive", "keep")
    return ((first_that_fits((burst.mode, shorter, "mixed"), widths["mode"]), "text"),)


def _requests(burst: BurstView, widths: Widths) -> Line:
    if burst.is_running and burst.loop:
        done, percent = count(burst.done), f"{burst.share:.0%}"
        live = (f"{done} {percent}", f"{rate(burst.done)} {percent}", percent)
        return ((first_that_fits(live, widths["requests"]), "handler"),)
    if burst.is_running:
        done, total = count(burst.done), count(burst.total)
        texts = (f"{done} of {total}", f"{done}/{total}", f"{burst.done}/{burst.total}", done)
        return ((first_that_fits(texts, widths["requests"]), "handler"),)
    return ((count(burst.done), "value"),)


def _connections(burst: BurstView, _: Widths) -> Line:
    return ((count(burst.connections_opened), "value"),)


def _each(burst: BurstView, _: Widths) -> Line:
    opened = burst.connections_opened
    each = burst.done / opened if opened else 0.0
    told = rate(each) if each >= 1000 else f"{each:.3g}"
    return ((told if opened else "-", "text"),)


def _p50(burst: BurstView, _: Widths) -> Line:
    return ((milliseconds(burst.p50_ms), "value"),)


def _p99(burst: BurstView, _: Widths) -> Line:
    return ((milliseconds(burst.p99_ms), "value"),)


def _max(burst: BurstView, _: Widths) -> Line:
    return ((milliseconds(burst.max_ms), "text"),)


def _rate(burst: BurstView, _: Widths) -> Line:
    is_known = any(burst.latencies) or not burst.is_running
    return ((rate(burst.requests_per_s) if is_known else "", "text"),)


def _retried(burst: BurstView, _: Widths) -> Line:
    return ((count(burst.retried), "text"),)


def _latencies(burst: BurstView, _: Widths) -> Line:
    """A bar for each bucket, as high as its share of all."""
    if not any(burst.latencies):
        return (("", "text"),)
    drawn = bars(burst.latencies, len(burst.latencies), sum(burst.latencies))
    return tuple(
        (EMPTY * len(cells) if is_empty else "".join(cells), "closed" if is_empty else "bar")
        for is_empty, same in groupby(drawn, " ".__eq__)
        for cells in [list(same)]
    )


def _progress(burst: BurstView, widths: Widths) -> Line:
    percent = min(burst.done * 100 // max(burst.total, 1), 100)
    room = min(widths[PROGRESS], PROGRESS_CELLS)
    number = f"{percent:3} % done " if room == PROGRESS_CELLS else f"{percent:3} % "
    cells = room - len(number)
    if cells < LEAST_BAR:
        return ((number, "handler"),)
    full = cells * percent // 100
    return ((number + "█" * full, "handler"), (EMPTY * (cells - full), "closed"))


def _errors(burst: BurstView, widths: Widths) -> Line:
    """By kind; what was retried too, where it has no column."""
    retried = f"{count(burst.retried)} retried"
    is_told = not burst.retried or "retried" in widths
    if burst.errors:
        kinds = [f"{number} {kind}" for kind, number in burst.errors.items()]
        return ((", ".join(kinds if is_told else [*kinds, retried]), "warning"),)
    if burst.loop:
        return _verdict(burst, widths)
    words = "under way" if burst.is_running else "none"
    texts = (words,) if is_told else (f"{words}, {retried}", retried)
    return ((first_that_fits(texts, widths["errors"]), "name"),)


def _verdict(burst: BurstView, widths: Widths) -> Line:
    """Of sustained load without errors: of which kind, and whether its client kept up."""
    if burst.is_running:
        phase = "under way" if any(burst.latencies) else "warm-up"
        live = (f"{burst.loop}, {phase}", phase)
        return ((first_that_fits(live, widths["errors"]), "name"),)
    told = f"{count(burst.dropped)} dropped, {burst.verdict}" if burst.dropped else burst.verdict
    brief, cpu = burst.verdict.partition(":")[0], processors(burst.cpu)
    texts = (
        *(f"{burst.loop}, {each}; {cpu}" for each in (told, brief) if cpu),
        f"{burst.loop}, {told}",
        told,
        brief,
        brief.removeprefix("client ").removeprefix("machine "),
    )
    is_good = burst.verdict == "fine" and not burst.dropped  # see engine.load.figures
    return ((first_that_fits(texts, widths["errors"]), "name" if is_good else "warning"),)


# --- columns --------------------------------------------------------------------------------------

_NUMBER = Column("#", 3, 3, _number, is_right=True)
_CONNECTIONS = Column("connections", 11, 11, _connections, is_right=True)
_EACH = Column("each", 5, 5, _each, is_right=True)
_P50 = Column("p50", 7, 7, _p50, is_right=True)
_P99 = Column("p99", 7, 7, _p99, is_right=True)
_MAX = Column("max", 7, 7, _max, is_right=True)
_LATENCIES = Column(LATENCY, len(LATENCY), len(LATENCY), _latencies)
_RATE = Column("requests/s", 10, 10, _rate, is_right=True)
_RETRIED = Column("retried", 7, 7, _retried, is_right=True)
RESULTS = (_P50, _P99, _MAX, _LATENCIES, _RATE)
"""They stand side by side, and are empty while a burst is under way."""


def _narrow(tail: Column) -> Layout:
    """By rank: of p99 and the longest, `tail` first."""
    return (
        (0, _NUMBER),
        (0, Column("model", 9, 15, _model)),
        (1, Column("mode", 10, 16, _mode)),
        (2, Column("requests", 8, 9, _requests, is_right=True)),
        (6, _CONNECTIONS),
        (9, _EACH),
        (3, _P50),
        (5 if tail is _P99 else 10, _P99),
        (5 if tail is _MAX else 10, _MAX),
        (7, _RATE),
        (8, _RETRIED),
        (4, Column("errors", 9, 40, _errors)),
    )


def _wide(*figures: Column, errors: int) -> Layout:
    """All of these, and room for each name."""
    columns = (
        _NUMBER,
        Column("model", 15, 15, _model),
        Column("mode", 16, 16, _mode),
        Column("requests", 9, 10, _requests, is_right=True),
        _CONNECTIONS,
        *figures,
        Column("errors", errors, 70, _errors),
    )
    return tuple(enumerate(columns))


def _layouts(tail: Column) -> tuple[Layout, Layout, Layout]:
    return (
        _wide(_EACH, _P50, _P99, _MAX, _LATENCIES, _RATE, _RETRIED, errors=14),
        _wide(_P50, tail, _LATENCIES, _RATE, errors=10),  # a picture of them all says the rest
        _narrow(tail),
    )


_OF_LOAD, _OF_BURSTS = _layouts(_P99), _layouts(_MAX)  # bursts are too few for a p99


@lru_cache(maxsize=64)
def _chosen(width: int, *, is_load: bool) -> Chosen:
    """The first layout of which nothing is left out, else as much as has room."""
    *layouts, narrow = _OF_LOAD if is_load else _OF_BURSTS
    for layout in layouts:
        if sum(column.least + GAP for _, column in layout) - GAP <= width:
            return choose(layout, width)
    return choose(narrow, width)


@lru_cache(maxsize=64)
def _while_running(chosen: Chosen) -> Chosen:
    """The same with a bar where the results will be."""
    empty = [cells for column, cells in chosen if column in RESULTS]
    if not empty:
        return chosen
    first = next(at for at, (column, _) in enumerate(chosen) if column in RESULTS)
    width = sum(cells + GAP for cells in empty) - GAP
    bar = (Column(PROGRESS, width, width, _progress), width)
    return (*chosen[:first], bar, *chosen[first + len(empty) :])
