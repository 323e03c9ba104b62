"""Values -> text, and what a drawn line is.

A panel is a function that returns lines; a widget draws those that differ from the ones before.
Text is one cell a character, which safe() guarantees. Nothing here knows Textual or reads markup.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

Span = tuple[str, str]
"""A text and its role: a key of palette.ROLES."""
Line = tuple[Span, ...]

GLYPHS = "·│├┼┤─▁▂▃▄▅▆▇█…–×↑↓▐←→"
"""All that is drawn beyond printable ASCII; each is one cell wide in every terminal."""
BARS = " ▁▂▃▄▅▆▇█"
_UNSAFE = re.compile(rf"[^\x20-\x7e{GLYPHS}]")


_PLAINER = str.maketrans(GLYPHS, ".|+++-" + ",:;=+*%#" + ">-x^v#<>")


def ascii_only(text: str) -> str:
    """The same in cells that every terminal has."""
    return text.translate(_PLAINER)


def safe(text: str) -> str:
    """The boundary to the terminal: one printable cell for each character, whatever comes in."""
    if text.isascii() and text.isprintable():
        return text
    return _UNSAFE.sub("?", text)


def plain(line: Line) -> str:
    """The text of a line."""
    return "".join([text for text, _ in line])


def fit(text: str, width: int) -> str:
    """`text` in at most `width` cells; an ellipsis tells that there was more."""
    return text if len(text) <= width else text[: max(width - 1, 0)] + "…"[:width]


def padded(line: Line, width: int, role: str = "text") -> Line:
    """The line, filled up with blanks."""
    return (*line, (" " * (width - len(plain(line))), role))


def wrapped(text: str, width: int) -> list[str]:
    """`text` in lines of at most `width`, broken between words; only a longer word is cut."""
    lines: list[str] = []
    for word in text.split():
        if lines and len(lines[-1]) + 1 + len(word) <= width:
            lines[-1] += f" {word}"
        else:
            lines.append(fit(word, width))
    return lines


# --- numbers --------------------------------------------------------------------------------------


def count(number: int) -> str:
    """`1,204`; from ten millions on `12.3 M`."""
    if number < 10_000_000:
        return f"{number:,}"
    return f"{number / 1e6:,.1f} M" if number < 10_000_000_000 else f"{number / 1e9:,.1f} G"


def brief(number: int) -> str:
    """A count where there is little room: `412,000`, `4.9 M`, `1.1 G`."""
    if number < 1_000_000:
        return f"{number:,}"
    return f"{number / 1e6:,.1f} M" if number < 999_950_000 else f"{number / 1e9:,.1f} G"


def first_that_fits(texts: Sequence[str], width: int) -> str:
    """The first of the texts, longest first, that `width` cells hold; else the last, uncut."""
    return next((text for text in texts if len(text) <= width), texts[-1])


def rate(number: float) -> str:
    """Three significant digits: more of them only flicker."""
    if number < 1000:
        return f"{number:.0f}"
    step = 10 ** (len(str(int(number))) - 3)
    return count(round(number / step) * step)


def size(number: float) -> str:
    """Bytes: `83 B`, `1.2 KB`, `45 KB`, `2.1 MB`; a KB is 1,000 bytes."""
    if number < 1000:
        return f"{number:.0f} B"
    units = iter(("KB", "MB", "GB", "TB"))
    unit, number = next(units), number / 1000
    while number >= 999.5 and unit != "TB":
        unit, number = next(units), number / 1000
    return f"{number:.1f} {unit}" if number < 9.95 else f"{number:,.0f} {unit}"


def milliseconds(ms: float | None) -> str:
    """`0.85 ms`, `12 ms`, `1.20 s`; None, when there is nothing to say, is `-`."""
    if ms is None:
        return "-"
    if ms >= 1000:
        return f"{ms / 1000:.2f} s" if ms < 100_000 else f"{ms / 1000:,.0f} s"
    return f"{ms:.2f} ms" if ms < 9.995 else f"{ms:.0f} ms"


def processors(cpu: Mapping[str, float]) -> str:
    """`CPU server 98, client 45, others 12 %`: of one processor; empty when nobody knows."""
    shares = ", ".join(f"{name} {share:.0f}" for name, share in cpu.items())
    return f"CPU {shares} %" if shares else ""


def age(seconds: int) -> str:
    """`< 1 s`, `4 s`, `3 min`, `2 h`, `5 d`, rounded down: coarse, so that what rests is seldom
    painted."""
    if seconds < 120:
        return f"{seconds} s" if seconds > 0 else "< 1 s"
    if seconds < 3600:
        return f"{seconds // 60} min"
    return f"{seconds // 3600} h" if seconds < 86_400 else f"{seconds // 86_400} d"


def plural(number: int, one: str, many: str = "") -> str:
    """`1 connection`, `2 connections`."""
    return f"{count(number)} {one if number == 1 else many or one + 's'}"


def part_of(first: int, seen: int, total: int) -> str:
    """`1–13 of 34 ↑↓` of a list that is longer than its place, `first` from 0; empty: all of it is seen."""
    if seen >= total:
        return ""
    return f"{count(first + 1)}–{count(min(first + seen, total))} of {count(total)} ↑↓"


def round_up(number: float) -> int:
    """The next of 10, 20, 50, 100, 200 ...: the full height of a bar changes seldom."""
    power = 10
    while True:
        for step in (1, 2, 5):
            if number <= step * power:
                return step * power
        power *= 10


def bars(values: Sequence[int], width: int, full: int) -> str:
    """One bar a value, the last at the right; anything above 0 is at least the lowest bar."""
    steps = len(BARS) - 1
    drawn = [BARS[min(-(-value * steps // full), steps)] for value in values[-width:]]
    return "".join(drawn).rjust(width)


# --- columns --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a table."""

    heading: str
    least: int
    """Cells; with fewer it is left out."""
    most: int
    """Cells it grows to where there is room."""
    cell: Callable[[Any, Any], Line]
    """(what the row shows, context of the frame) -> spans, at most `least` wide unless cut."""
    is_right: bool = False


def beside(left: Sequence[Line], right: Sequence[Line], width: int) -> list[Line]:
    """Lines of two parts, a rule between them; the left one has so many columns."""
    lines: list[Line] = []
    for y in range(max(len(left), len(right))):
        first = left[y] if y < len(left) else ()
        blank = " " * (width - len(plain(first)))
        lines.append(
            (*first, (blank, "text"), ("│", "name"), *(right[y] if y < len(right) else ()))
        )
    return lines


GAP = 1  # cells between columns


@lru_cache(maxsize=64)
def choose(columns: tuple[tuple[int, Column], ...], width: int) -> tuple[tuple[Column, int], ...]:
    """The columns that fit, each with its width, in their order.

    Each comes with its rank: the lowest ranks are kept. Room that is left goes to those that can
    grow, the lowest rank first.
    """
    chosen: dict[Column, int] = {}
    room = width + GAP
    for _, column in sorted(columns, key=lambda ranked: ranked[0]):
        if column.least + GAP > room:
            break
        chosen[column] = column.least
        room -= column.least + GAP
    for column in chosen:
        more = min(column.most - column.least, room)
        chosen[column] += more
        room -= more
    return tuple((column, chosen[column]) for _, column in columns if column in chosen)


def no_room(
    columns: Iterable[tuple[int, Column]], chosen: Iterable[tuple[Column, int]], room: int
) -> str:
    """`; no room for bytes, begun`: those that only a wider screen shows; empty where all are, or without
    room."""
    shown = [column for column, _ in chosen]
    names = [column.heading for _, column in columns if column not in shown]
    texts = (
        f"; no room for {', '.join(names)}",
        f"; no room for {plural(len(names), 'column')}",
        "",
    )
    return first_that_fits(texts, room) if names else ""


def heading(chosen: Iterable[tuple[Column, int]], marked: str = "") -> Line:
    """The line above a table; the heading `marked` stands out."""
    spans: list[Span] = []
    for column, width in chosen:
        blank = " " * (width - len(column.heading))
        words = (column.heading, "chosen" if column.heading == marked else "heading")
        spans += [(blank, "heading"), words] if column.is_right else [words, (blank, "heading")]
        spans.append((" " * GAP, "heading"))
    first = next((at for at, (text, _) in enumerate(spans) if text.strip()), 0)
    margin = "".join(text for text, _ in spans[:first])
    return ((margin, "text"), *(span for span in spans[first:-1] if span[0]))


def column_at(chosen: Iterable[tuple[Column, int]], x: int) -> str:
    """The heading of the column that has the cell `x`; empty in no column."""
    start = 0
    for column, width in chosen:
        if start <= x < start + width:
            return column.heading
        start += width + GAP
    return ""


def table_row(chosen: Iterable[tuple[Column, int]], item: object, context: object) -> Line:
    """One line of a table."""
    spans: list[Span] = []
    for column, width in chosen:
        cell = column.cell(item, context)
        room = width - sum([len(text) for text, _ in cell])
        if room < 0:
            cell, room = ((fit(plain(cell), width), cell[0][1]),), 0
        if column.is_right and room:
            spans.append((" " * room, "text"))
        spans += cell
        spans.append((" " * (GAP if column.is_right else room + GAP), "text"))
    return tuple(spans[:-1] if spans and spans[-1][0].isspace() else spans)


def flowed(spans: Sequence[Span], width: int) -> list[Line]:
    """One after the other, in as many lines as that takes."""
    rows: list[list[Span]] = [[]]
    for text, role in spans:
        for part in wrapped(text, width):
            used = len(plain(tuple(rows[-1])))
            if used and used + 2 + len(part) > width:
                rows.append([])
            elif used:
                rows[-1].append(("  ", "text"))
            rows[-1].append((part, role))
    return [tuple(row) for row in rows]


def precise(ns: int) -> str:
    """`0.213 ms`, `1.204 s`."""
    return f"{ns / 1e6:.3f} ms" if ns < 1_000_000_000 else f"{ns / 1e9:.3f} s"
