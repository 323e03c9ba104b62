"""Charts as inline SVG: bars with their spread, rooms side by side, a sweep. No script, no network."""

import math
from collections.abc import Sequence
from html import escape

from engine.compare.standing import Standing
from engine.compare.sweep import Sweep
from engine.rooms import ROOMS
from tui.comparison import cells
from tui.format import milliseconds, rate

WIDTH, LABEL, ROW = 900, 120, 24
COLOURS = ("#2a78b5", "#d9822b", "#3b9a57", "#b5423c", "#7b5ea7", "#857040", "#c2609b", "#5c6f7b")
ROOM_COLOURS = dict(zip(cells.WAITING, COLOURS, strict=False))
PLOT_HEIGHT, MARGIN = 340, 60


def bars(standings: Sequence[Standing]) -> str:
    """Requests/s; the line across the end of a bar spans the rounds."""
    shown = [one for one in standings if not one.failure]
    most = max((max(one.requests_per_s, one.spread[1]) for one in shown), default=0.0) or 1.0
    scale = (WIDTH - LABEL - 110) / most
    drawn = []
    for number, one in enumerate(shown):
        y, long = number * ROW, one.requests_per_s * scale
        least, best = (LABEL + each * scale for each in one.spread)
        colour = COLOURS[0] if one.is_fair else "#9a9a9a"
        drawn += [
            _label(cells.name(one), y),
            f'<rect x="{LABEL}" y="{y + 4}" width="{long:.1f}" height="{ROW - 8}" fill="{colour}"/>',
            f'<line x1="{least:.1f}" x2="{best:.1f}" y1="{y + ROW / 2}" y2="{y + ROW / 2}" '
            'stroke="currentColor" stroke-width="3"/>',
            f'<text x="{max(LABEL + long, best) + 6:.1f}" y="{y + 16}">{rate(one.requests_per_s)}/s</text>',
        ]
    return _svg(len(shown) * ROW, drawn, "requests/s of each model")


def rooms(standings: Sequence[Standing]) -> str:
    """Where requests waited: the share of each room."""
    shown = [one for one in standings if not one.failure]
    drawn = []
    for number, one in enumerate(shown):
        y, x = (number + 1) * ROW, float(LABEL)
        drawn.append(_label(cells.name(one), y))
        for room, share in cells.shares(one).items():
            long = share * (WIDTH - LABEL)
            told = f"{ROOMS[room].title} {share:.0%}"
            drawn.append(
                f'<rect x="{x:.1f}" y="{y + 4}" width="{long:.1f}" height="{ROW - 8}" '
                f'fill="{ROOM_COLOURS[room]}"><title>{escape(told)}</title></rect>'
            )
            x += long
    key = [
        f'<rect x="{LABEL + 125 * number}" y="4" width="14" height="14" fill="{colour}"/>'
        f'<text x="{LABEL + 125 * number + 20}" y="16">{escape(ROOMS[room].title)}</text>'
        for number, (room, colour) in enumerate(ROOM_COLOURS.items())
    ]
    return _svg((len(shown) + 1) * ROW, [*key, *drawn], "where requests waited")


def sweep(told: Sequence[Sweep]) -> str:
    """Throughput to the right, p50 upwards, both logarithmic."""
    curves = [
        (one, [(each.requests_per_s, each.p50_ms) for each in one.points if each.p50_ms])
        for one in told
    ]
    dots = [dot for _, points in curves for dot in points if dot[0]]
    if not dots:
        return ""
    (left, right), (low, high) = (_ends([dot[axis] or 1.0 for dot in dots]) for axis in (0, 1))
    drawn = [
        f'<path d="M{MARGIN} 10V{PLOT_HEIGHT}H{WIDTH - 200}" fill="none" stroke="currentColor"/>',
        f'<text x="0" y="20">{milliseconds(high)}</text>',
        f'<text x="0" y="{PLOT_HEIGHT}">{milliseconds(low)}</text>',
        f'<text x="{MARGIN}" y="{PLOT_HEIGHT + 18}">{rate(left)}/s</text>',
        f'<text x="{WIDTH - 250}" y="{PLOT_HEIGHT + 18}">{rate(right)}/s</text>',
    ]
    for number, (one, points) in enumerate(curves):
        colour, dash = COLOURS[number % len(COLOURS)], number // len(COLOURS) * 4
        placed = " ".join(
            f"{MARGIN + _part(x, left, right) * (WIDTH - 200 - MARGIN):.1f},"
            f"{PLOT_HEIGHT - _part(y or low, low, high) * (PLOT_HEIGHT - 10):.1f}"
            for x, y in points
            if x
        )
        drawn += [
            f'<polyline points="{placed}" fill="none" stroke="{colour}" stroke-width="2" '
            f'stroke-dasharray="{dash or "none"}"/>',
            f'<text x="{WIDTH - 190}" y="{20 + 16 * number}" fill="{colour}">'
            f"{escape(one.model)}, {one.mode}</text>",
        ]
    return _svg(max(PLOT_HEIGHT + 24, 16 * len(told) + 24), drawn, "throughput against latency")


def _ends(values: Sequence[float]) -> tuple[float, float]:
    least, most = min(values), max(values)
    return least, most if most > least else least * 2


def _part(value: float, least: float, most: float) -> float:
    return math.log(value / least) / math.log(most / least)


def _label(text: str, y: int) -> str:
    return f'<text x="{LABEL - 8}" y="{y + 16}" text-anchor="end">{escape(text)}</text>'


def _svg(height: int, drawn: Sequence[str], title: str) -> str:
    return (
        f'<svg viewBox="0 0 {WIDTH} {max(height, ROW)}" role="img" aria-label="{title}" '
        f'fill="currentColor" font-size="13">{"".join(drawn)}</svg>'
    )
