"""Charts as inline SVG: bars with their spread, rooms side by side. No script, no network.

Colours are those of the dashboard, as variables of the page's style: dark and light.
"""

from collections.abc import Sequence
from html import escape

from engine.compare.standing import Standing
from engine.views.rooms import ROOMS
from tui.comparison import cells
from tui.format import rate
from tui.words import ROOM_ROLES

WIDTH, LABEL, ROW = 900, 120, 24
KEY_CELL = 125
FAINT = ("app_queue",)
"""Rooms that have the colour of another one, and are drawn fainter."""


def bars(standings: Sequence[Standing]) -> str:
    """Requests/s; the line across the end of a bar spans the rounds."""
    shown = [one for one in standings if not one.failure]
    most = max((max(one.requests_per_s, one.spread[1]) for one in shown), default=0.0) or 1.0
    scale = (WIDTH - LABEL - 110) / most
    drawn = []
    for number, one in enumerate(shown):
        y, long = number * ROW, one.requests_per_s * scale
        least, best = (LABEL + each * scale for each in one.spread)
        role = "bar" if one.is_fair else "closed"
        drawn += [
            label(cells.name(one), y),
            f'<rect x="{LABEL}" y="{y + 4}" width="{long:.1f}" height="{ROW - 8}" {fill(role)}/>',
            f'<line x1="{least:.1f}" x2="{best:.1f}" y1="{y + ROW / 2}" y2="{y + ROW / 2}" '
            'stroke="currentColor" stroke-width="3"/>',
            f'<text x="{max(LABEL + long, best) + 6:.1f}" y="{y + 16}">{rate(one.requests_per_s)}/s</text>',
        ]
    return svg(len(shown) * ROW, drawn, "requests/s of each model")


def rooms(standings: Sequence[Standing]) -> str:
    """Where requests waited: the share of each room."""
    shown = [one for one in standings if not one.failure]
    drawn = []
    for number, one in enumerate(shown):
        y, x = (number + 1) * ROW, float(LABEL)
        drawn.append(label(cells.name(one), y))
        for room, share in cells.shares(one).items():
            long = share * (WIDTH - LABEL)
            told = f"{ROOMS[room].title} {share:.0%}"
            drawn.append(
                f'<rect x="{x:.1f}" y="{y + 4}" width="{long:.1f}" height="{ROW - 8}" '
                f"{_of_room(room)}><title>{escape(told)}</title></rect>"
            )
            x += long
    key = [
        f'<rect x="{LABEL + KEY_CELL * number}" y="4" width="14" height="14" {_of_room(room)}/>'
        f'<text x="{LABEL + KEY_CELL * number + 20}" y="16">{escape(ROOMS[room].title)}</text>'
        for number, room in enumerate(cells.WAITING)
    ]
    return svg((len(shown) + 1) * ROW, [*key, *drawn], "where requests waited")


def _of_room(room: str) -> str:
    return fill(ROOM_ROLES[room]) + (' fill-opacity="0.45"' if room in FAINT else "")


def fill(role: str) -> str:
    """In the colour that a role has in the dashboard."""
    return f'style="fill:var(--{role})"'


def label(text: str, y: int) -> str:
    """To the left of a row."""
    return f'<text x="{LABEL - 8}" y="{y + 16}" text-anchor="end">{escape(text)}</text>'


def svg(height: int, drawn: Sequence[str], title: str) -> str:
    """The whole, as wide as the page."""
    return (
        f'<svg viewBox="0 0 {WIDTH} {max(height, ROW)}" role="img" aria-label="{title}" '
        f'fill="currentColor" font-size="13">{"".join(drawn)}</svg>'
    )
