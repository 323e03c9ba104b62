"""Charts with a logarithmic axis of time, as inline SVG: percentiles of each model, and a sweep."""

import math
from collections.abc import Sequence
from html import escape

from engine.compare.standing import Standing
from engine.compare.sweep import Sweep
from tui.comparison import cells
from tui.comparison.charts import LABEL, ROW, WIDTH, fill, label, svg
from tui.format import milliseconds, rate

COLOURS = ("#2a78b5", "#d9822b", "#3b9a57", "#b5423c", "#7b5ea7", "#857040", "#c2609b", "#5c6f7b")
STEPS = (1, 2, 5)
TICKS_MOST = 8
ROUNDED = 1 + 1e-9  # 0.1 * 2 is not quite 0.2
PLOT_HEIGHT, MARGIN, KEY_WIDTH = 340, 70, 200
GRID = 'stroke="currentColor" stroke-opacity="0.15"'


class Axis:
    """A logarithmic one from the first of its ticks to the last."""

    def __init__(self, values: Sequence[float], first: float, last: float) -> None:
        """`first` and `last`: where its ends are drawn."""
        self.ticks = _ticks(min(values), max(values))
        self._low, self._high = math.log(self.ticks[0]), math.log(self.ticks[-1])
        self._first, self._last = first, last

    def place(self, value: float) -> float:
        """Where it is drawn."""
        part = (math.log(value) - self._low) / (self._high - self._low)
        return self._first + part * (self._last - self._first)


def _ticks(least: float, most: float) -> list[float]:
    """1, 2, 5, 10 and so on, or only each 10th, from below the least to above the most; two at least."""
    found: list[float] = []
    for steps in (STEPS, STEPS[:1]):
        decades = range(math.floor(math.log10(least)), math.ceil(math.log10(most)) + 2)
        every = [step * 10.0**decade for decade in decades for step in steps]
        first = max(number for number, tick in enumerate(every) if tick <= least * ROUNDED)
        last = min(n for n, tick in enumerate(every) if n > first and tick * ROUNDED >= most)
        found = every[first : last + 1]
        if len(found) <= TICKS_MOST:
            break
    return found


def latencies(standings: Sequence[Standing]) -> str:
    """A line from p50 to the longest, with p90 and p99 on it."""
    shown = [one for one in standings if not one.failure and one.p50_ms and one.max_ms]
    if not shown:
        return ""
    axis = Axis([ms for one in shown for ms in (one.p50_ms, one.max_ms) if ms], LABEL, WIDTH - 40)
    height = len(shown) * ROW
    drawn = [
        f'<path d="M{axis.place(tick):.1f} 0V{height}" {GRID}/>'
        f'<text x="{axis.place(tick):.1f}" y="{height + 16}" text-anchor="middle">{milliseconds(tick)}</text>'
        for tick in axis.ticks
    ]
    for number, one in enumerate(shown):
        y, role = number * ROW + ROW / 2, "bar" if one.is_fair else "closed"
        drawn.append(label(cells.name(one), number * ROW))
        drawn.append(_whisker(one, axis, y, role))
    return svg(height + 20, drawn, "percentiles of the response time of each model")


def _whisker(one: Standing, axis: Axis, y: float, role: str) -> str:
    times = (("p50", one.p50_ms), ("p90", one.p90_ms), ("p99", one.p99_ms), ("max", one.max_ms))
    places = {name: axis.place(ms) for name, ms in times if ms}
    told = ", ".join(f"{name} {milliseconds(ms)}" for name, ms in times)
    bar_ends = places.get("p90", places["p50"])
    marks = "".join(
        f'<path d="M{places[name]:.1f} {y - 6}V{y + 6}" stroke="currentColor" stroke-width="2"/>'
        for name in ("p99",)
        if name in places
    )
    return (
        f"<g><title>{escape(told)}</title>"
        f'<path d="M{places["p50"]:.1f} {y}H{places["max"]:.1f}" stroke="currentColor" stroke-opacity="0.5"/>'
        f'<rect x="{places["p50"]:.1f}" y="{y - 5}" width="{max(bar_ends - places["p50"], 1):.1f}" '
        f'height="10" fill-opacity="0.6" {fill(role)}/>'
        f'<circle cx="{places["p50"]:.1f}" cy="{y}" r="5" {fill(role)}/>{marks}</g>'
    )


def sweep(told: Sequence[Sweep]) -> str:
    """Throughput to the right, p50 upwards. A ring: a rate that was not met."""
    dots = [
        (point.requests_per_s, point.p50_ms)
        for one in told
        for point in one.points
        if point.p50_ms and point.requests_per_s
    ]
    if not dots:
        return ""
    across = Axis([x for x, _ in dots], MARGIN, WIDTH - KEY_WIDTH)
    up = Axis([y for _, y in dots], PLOT_HEIGHT, 10)
    drawn = [
        f'<path d="M{across.place(tick):.1f} 10V{PLOT_HEIGHT}" {GRID}/>'
        f'<text x="{across.place(tick):.1f}" y="{PLOT_HEIGHT + 18}" text-anchor="middle">'
        f"{rate(tick)}/s</text>"
        for tick in across.ticks
    ]
    drawn += [
        f'<path d="M{MARGIN} {up.place(tick):.1f}H{WIDTH - KEY_WIDTH}" {GRID}/>'
        f'<text x="{MARGIN - 8}" y="{up.place(tick) + 4:.1f}" text-anchor="end">{milliseconds(tick)}</text>'
        for tick in up.ticks
    ]
    for number, one in enumerate(told):
        drawn += _curve(one, number, across, up)
    return svg(max(PLOT_HEIGHT + 24, 16 * len(told) + 24), drawn, "throughput against latency")


def _curve(one: Sweep, number: int, across: Axis, up: Axis) -> list[str]:
    colour, dash = COLOURS[number % len(COLOURS)], number // len(COLOURS) * 4
    placed = [
        (across.place(point.requests_per_s), up.place(point.p50_ms), point)
        for point in one.points
        if point.p50_ms and point.requests_per_s
    ]
    line = " ".join(f"{x:.1f},{y:.1f}" for x, y, _ in placed)
    rings = "".join(
        f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4" stroke="{colour}" stroke-width="2" '
        f'fill="{colour if point.is_met else "none"}"><title>{rate(point.offered_per_s)}/s offered, '
        f"{rate(point.requests_per_s)}/s answered, p50 {milliseconds(point.p50_ms)}</title></circle>"
        for x, y, point in placed
    )
    return [
        f'<polyline points="{line}" fill="none" stroke="{colour}" stroke-width="2" '
        f'stroke-dasharray="{dash or "none"}"/>{rings}',
        f'<text x="{WIDTH - KEY_WIDTH + 15}" y="{20 + 16 * number}" fill="{colour}">'
        f"{escape(one.model)}, {one.mode}</text>",
    ]
