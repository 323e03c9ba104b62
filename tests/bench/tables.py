"""Samples -> Markdown. A ratio is the median of the ratios within each round."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import TYPE_CHECKING

from tests.bench.contenders import (
    APP,
    FLOOR,
    KEEP_ALIVE,
    LEAN,
    PEER,
    SHORT,
    TELLING,
    UNTRACED,
    WATCHED,
)

if TYPE_CHECKING:
    from tests.bench.throughput import Sample

NGINX = "nginx"
LEAST = 1.5  # of a Python peer, in both modes
# A watched model's unwatched peers in Python, which do the same in the same way.
PEERS_OF = {
    "iterative": ("http.server",),
    "process": ("http.server",),
    "thread": ("http.server", "gunicorn gthread", "waitress"),
    "thread-pool": ("gunicorn gthread", "waitress"),
    "reactor-pool": ("gunicorn gthread", "waitress"),
    "prefork": ("gunicorn sync",),
    "prefork-epoll": ("gunicorn sync", "nginx"),
    "reuseport": ("gunicorn sync", "nginx"),
    "gevent": ("gevent pywsgi", "gunicorn gevent"),
    "asyncio": ("uvicorn httptools", "uvicorn h11"),
    **dict.fromkeys(
        ("generators", "polling", "select", "poll", "epoll", "epoll-edge"),
        ("uvicorn httptools", "nginx"),
    ),
}
HEAD = (
    *("server", "", "mode", "requests/s", "min–max", "of untraced", "of nginx"),
    *("p50 ms", "p99 ms", "wrk errors", "events", "lost"),
    *("server CPU us/request", "watcher CPU us/request"),
)


@dataclass(slots=True)
class Row:
    """All rounds of one contender."""

    name: str
    kind: str
    mode: str
    rates: dict[int, float] = field(default_factory=dict)  # requests/s by round
    samples: list[Sample] = field(default_factory=list)

    def ratio_to(self, other: Row | None) -> float | None:
        """The median over the rounds that both have; None when there are none."""
        if other is None:
            return None
        both = self.rates.keys() & other.rates.keys()
        ratios = [self.rates[number] / other.rates[number] for number in both]
        return median(ratios) if ratios else None


Rows = Sequence[Row]


def rows(samples: Iterable[Sample]) -> list[Row]:
    """One row a contender, in the order of the run."""
    found: dict[tuple[str, str, str], Row] = {}
    for sample in samples:
        key = sample.name, sample.kind, sample.mode
        row = found.setdefault(key, Row(*key))
        row.samples.append(sample)
        if sample.report is not None and sample.report.requests:
            row.rates[sample.round] = sample.report.requests_per_s
    return list(found.values())


def find(among: Rows, name: str, kind: str, mode: str) -> Row | None:
    """The row of one contender, if it ran."""
    for row in among:
        if (row.name, row.kind, row.mode) == (name, kind, mode):
            return row
    return None


def main_table(among: Rows) -> str:
    """Every contender."""
    return _markdown(HEAD, [_cells(row, among) for row in among])


def _cells(row: Row, among: Rows) -> list[str]:
    if not row.rates:
        return [row.name, row.kind, row.mode, row.samples[-1].failure or "no answer"]
    untraced = (
        find(among, row.name, UNTRACED, row.mode)
        if row.kind in (WATCHED, LEAN, TELLING, FLOOR)
        else None
    )
    reports = [sample.report for sample in row.samples if sample.report]
    rates = row.rates.values()
    return [
        *(row.name, row.kind, row.mode),
        f"{median(rates):,.0f}",
        f"{min(rates):,.0f}–{max(rates):,.0f}",
        _ratio(row.ratio_to(untraced)),
        _ratio(row.ratio_to(find(among, NGINX, PEER, row.mode))),
        _number([report.p50_ms for report in reports], 2),
        _number([report.p99_ms for report in reports], 2),
        f"{sum(report.errors for report in reports):,}",
        _summed(row, "events"),
        _summed(row, "lost"),
        _number([sample.server_us_a_request for sample in row.samples], 1),
        _number([sample.watcher_us_a_request for sample in row.samples], 1),
    ]


def peer_table(among: Rows) -> str:
    """Each watched model against its unwatched peers, in both modes."""
    lines = []
    for model, peers in PEERS_OF.items():
        for kind, label in ((WATCHED, "watched"), (APP, "watched, --app")):
            for peer in peers:
                ratios = [_against(among, model, kind, peer, mode) for mode in (KEEP_ALIVE, SHORT)]
                if any(ratios):
                    lines.append([f"{model}, {label}", peer, *ratios])
    if not lines:
        return "No watched model ran beside its peers."
    table = _markdown(("model", "peer", "keep-alive", "short"), lines)
    return f"{table}\n\nMarked: less than {LEAST} of a peer in Python."


def _against(among: Rows, model: str, kind: str, peer: str, mode: str) -> str:
    watched = find(among, model, kind, mode)
    ratio = watched.ratio_to(find(among, peer, PEER, mode)) if watched else None
    is_short_of_it = ratio is not None and ratio < LEAST and peer != NGINX
    return f"**{_ratio(ratio)}**" if is_short_of_it else _ratio(ratio)


def others_line(samples: Iterable[Sample]) -> str:
    """Whether the machine was free for this: compare only within a round when it was not."""
    values = [each.others_percent for each in samples if each.others_percent is not None]
    if not values:
        return "Nothing was measured."
    return (
        f"Other processes used {median(values):.0f} % of the processors "
        f"(median; at most {max(values):.0f} %)."
    )


def _ratio(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}"


def _number(values: Iterable[float | None], digits: int) -> str:
    known = [value for value in values if value is not None]
    return f"{median(known):.{digits}f}" if known else ""


def _summed(row: Row, name: str) -> str:
    values = [_as_count(sample.summary.get(name)) for sample in row.samples]
    known = [value for value in values if value is not None]
    return f"{sum(known):,}" if known else ""


def _as_count(value: object) -> int | None:
    """A number, or the sum of an object of numbers by kind."""
    if isinstance(value, dict):
        return sum(_as_count(part) or 0 for part in value.values())
    return value if isinstance(value, int) else None


def _markdown(head: Sequence[str], lines: Iterable[Sequence[str]]) -> str:
    table = [
        head,
        ["---"] * len(head),
        *([*line, *[""] * (len(head) - len(line))] for line in lines),
    ]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in table)
