"""A comparison as Markdown."""

from engine.compare.report import Comparison
from tui.comparison import cells
from tui.format import milliseconds, rate


def text(told: Comparison, beside: list[str]) -> str:
    """The whole; `beside` tells how it stands against an earlier one."""
    found = [f"# {cells.title(told)}", "", cells.terms(told), ""]
    for mode, standings in cells.by_mode(told).items():
        rows = [
            [cells.name(one).replace("*", "\\*"), *(cell(one) for cell in cells.COLUMNS.values())]
            for one in standings
            if not one.failure
        ]
        found += [f"## {mode}", "", *_table(["model", *cells.COLUMNS], rows), ""]
    found += _list("Verdict", cells.verdicts(told))
    found += _list("Notes", [note.replace("*", "\\*") for note in cells.notes(told)])
    found += _list("Beside the earlier report", beside)
    if told.sweeps:
        found += _list("Sweep", [cells.knee(one) for one in told.sweeps])
        rows = [
            [one.model, one.mode, rate(point.offered_per_s), rate(point.requests_per_s),
             milliseconds(point.p50_ms), milliseconds(point.p99_ms), "yes" if point.is_met else "no"]
            for one in told.sweeps
            for point in one.points
        ]  # fmt: skip
        found += _table(["model", "mode", "offered/s", "answered/s", "p50", "p99", "met"], rows)
    return "\n".join(found).rstrip() + "\n"


def _table(headings: list[str], rows: list[list[str]]) -> list[str]:
    lines = [headings, ["---"] * len(headings), *rows]
    return ["| " + " | ".join(line) + " |" for line in lines]


def _list(heading: str, items: list[str]) -> list[str]:
    return [f"## {heading}", "", *(f"- {item}" for item in items), ""] if items else []
