"""A comparison as one page of HTML that needs nothing beside it: no network, no script."""

from html import escape

from engine.compare.report import Comparison
from engine.compare.standing import Standing
from tui.comparison import cells, charts
from tui.format import milliseconds, rate

STYLE = """
:root { color-scheme: light dark; }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 1100px; margin: 2em auto; padding: 0 1em; }
table { border-collapse: collapse; font-size: 13px; }
.wide { overflow-x: auto; }
th, td { padding: .2em .7em; text-align: right; white-space: nowrap; border-bottom: 1px solid #8885; }
th:first-child, td:first-child { text-align: left; }
svg { width: 100%; height: auto; margin: .5em 0 1.5em; }
"""


def page(told: Comparison, beside: list[str]) -> str:
    """The whole; `beside` tells how it stands against an earlier one."""
    title = escape(cells.title(told))
    parts = [f"<h1>servetui compare</h1><p>{title}<br>{escape(cells.terms(told))}</p>"]
    parts.append(_list("Verdict", cells.verdicts(told)))
    for mode, standings in cells.by_mode(told).items():
        parts += [
            f"<h2>{mode}</h2><h3>requests/s, and the spread of the rounds</h3>",
            charts.bars(standings),
            "<h3>where requests waited</h3>",
            charts.rooms(standings),
            _standings(standings),
        ]
    parts.append(_list("Notes", cells.notes(told)))
    parts.append(_list("Beside the earlier report", beside))
    if told.sweeps:
        parts += [
            "<h2>Sweep</h2><h3>throughput (to the right) against p50 (upwards), logarithmic</h3>",
            charts.sweep(told.sweeps),
            _list("Knees", [cells.knee(one) for one in told.sweeps]),
            _points(told),
        ]
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f"<title>{title}</title><style>{STYLE}</style></head>\n<body>{''.join(parts)}</body></html>\n"
    )


def _standings(standings: list[Standing]) -> str:
    rows = [
        [cells.name(one), *(cell(one) for cell in cells.COLUMNS.values())]
        for one in standings
        if not one.failure
    ]
    return _table(["model", *cells.COLUMNS], rows)


def _points(told: Comparison) -> str:
    rows = [
        [f"{one.model}, {one.mode}", rate(point.offered_per_s), rate(point.requests_per_s),
         milliseconds(point.p50_ms), milliseconds(point.p90_ms), milliseconds(point.p99_ms),
         "yes" if point.is_met else "no"]
        for one in told.sweeps
        for point in one.points
    ]  # fmt: skip
    return _table(["model", "offered/s", "answered/s", "p50", "p90", "p99", "met"], rows)


def _table(headings: list[str], rows: list[list[str]]) -> str:
    head = "".join(f"<th>{escape(text)}</th>" for text in headings)
    body = "".join(
        "<tr>" + "".join(f"<td>{escape(text)}</td>" for text in row) + "</tr>" for row in rows
    )
    return f'<div class="wide"><table><tr>{head}</tr>{body}</table></div>'


def _list(heading: str, items: list[str]) -> str:
    told = "".join(f"<li>{escape(item)}</li>" for item in items)
    return f"<h2>{heading}</h2><ul>{told}</ul>" if items else ""
