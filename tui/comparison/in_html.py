"""A comparison as one page of HTML that needs nothing beside it: no network, no script."""

from html import escape

from engine.compare.report import Comparison
from engine.compare.standing import Standing
from tui.comparison import cells, charts, curves
from tui.format import milliseconds, rate
from tui.palette import ROLES

STYLE = """
:root { color-scheme: light dark; }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 1100px; margin: 2em auto; padding: 0 1em; }
table { border-collapse: collapse; font-size: 13px; }
.wide { overflow-x: auto; }
th, td { padding: .2em .7em; text-align: right; white-space: nowrap; border-bottom: 1px solid #8885; }
th:first-child, td:first-child, .words { text-align: left; }
svg { width: 100%; min-width: 620px; height: auto; margin: .5em 0 1.5em; }
"""
WORDS = ("waits in",)
"""Columns that are no numbers."""


def page(told: Comparison, beside: list[str]) -> str:
    """The whole; `beside` tells how it stands against an earlier one."""
    title = escape(cells.title(told))
    parts = [f"<h1>servetui compare</h1><p>{title}<br>{escape(cells.terms(told))}</p>"]
    parts.append(_list("Verdict", cells.verdicts(told)))
    for mode, standings in cells.by_mode(told).items():
        parts += [
            f"<h2>{mode}</h2><h3>requests/s, and the spread of the rounds</h3>",
            _wide(charts.bars(standings)),
            "<h3>response time: p50 (dot), to p90 (bar), p99 (stroke), longest (end of the line)</h3>",
            _wide(curves.latencies(standings)),
            "<h3>where requests waited</h3>",
            _wide(charts.rooms(standings)),
            _standings(standings),
        ]
    parts.append(_list("Notes", cells.notes(told)))
    parts.append(_list("Beside the earlier report", beside))
    if told.sweeps:
        parts += [
            "<h2>Sweep</h2><h3>throughput (to the right) against p50 (upwards), logarithmic; "
            "a ring: a rate that was not met</h3>",
            _wide(curves.sweep(told.sweeps)),
            _list("Knees", [cells.knee(one) for one in told.sweeps]),
            _points(told),
        ]
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f"<title>{title}</title><style>{STYLE}{_colours()}</style></head>\n<body>{''.join(parts)}</body></html>\n"
    )


def _colours() -> str:
    """Those of the dashboard, as variables."""
    dark, light = (
        "".join(f"--{role}: {told[theme]};" for role, told in ROLES.items()) for theme in (0, 1)
    )
    return f":root {{{light}}}\n@media (prefers-color-scheme: dark) {{ :root {{{dark}}} }}\n"


def _wide(drawn: str) -> str:
    """Which a narrow screen scrolls."""
    return f'<div class="wide">{drawn}</div>'


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
    classes = [' class="words"' if heading in WORDS else "" for heading in headings]
    lines = [
        "".join(
            f"<{tag}{told}>{escape(text)}</{tag}>" for told, text in zip(classes, row, strict=True)
        )
        for tag, row in (("th", headings), *(("td", row) for row in rows))
    ]
    return _wide(f"<table>{''.join(f'<tr>{line}</tr>' for line in lines)}</table>")


def _list(heading: str, items: list[str]) -> str:
    told = "".join(f"<li>{escape(item)}</li>" for item in items)
    return f"<h2>{heading}</h2><ul>{told}</ul>" if items else ""
