"""The server's numbers, each with its name: a grid of cells, so that they hold still.

processes 1         threads 49          zombies 0           sockets 48          cpu 97 %
requests/s 8,410    ▁▂▃▅▇▇▆▇▇▇▇▇▇▇ last 20 s, full bar 10,000/s                 ...
"""

from dataclasses import dataclass

from engine.snapshot import ProcessNumbers, Snapshot
from tui.format import Line, Span, bars, count, fit, rate, round_up, size

CELL = 20  # columns; a wider cell takes two or three of them
HISTORY_S = 15  # seconds in the bar of requests: one column each
IDLE_PERCENT = 3
NEARLY = 0.85  # of a limit: said as a warning


@dataclass(frozen=True, slots=True)
class Cell:
    """One number with its name."""

    name: str
    value: str
    span: int = 1
    is_warning: bool = False


def lines(snapshot: Snapshot, numbers: ProcessNumbers, width: int, most: int) -> list[Line]:
    """The cells in as many columns as fit; at most `most` lines, the last cells left out first."""
    columns = max(width // CELL, 1)
    cell_width = width // columns
    rows: list[list[tuple[Cell, int]]] = [[]]
    used = 0
    for cell in _cells(snapshot, numbers):
        span = min(cell.span, columns)
        if used + span > columns:
            rows.append([])
            used = 0
        rows[-1].append((cell, span * cell_width))
        used += span
    return [_line(row) for row in rows[:most]]


def _line(row: list[tuple[Cell, int]]) -> Line:
    spans: list[Span] = []
    for cell, width in row:
        label = f"{cell.name} " if cell.name else ""
        value = fit(cell.value, width - len(label) - 1)
        role = "warning" if cell.is_warning else "value" if label else "bar"
        spans += [(label, "name"), (value, role)]
        spans.append((" " * (width - len(label) - len(value)), "text"))
    return tuple(spans)


def _cells(snapshot: Snapshot, numbers: ProcessNumbers) -> list[Cell]:
    """The most important first: a small screen shows only these."""
    counts = snapshot.counts
    return [
        Cell("requests/s", rate(snapshot.requests_per_s)),
        _history(snapshot),
        Cell("open", count(counts.open)),
        Cell("accepted", count(counts.accepted)),
        Cell("closed", count(counts.closed)),
        Cell("in", f"{size(snapshot.bytes_in_per_s)}/s"),
        Cell("out", f"{size(snapshot.bytes_out_per_s)}/s"),
        Cell("processes", count(numbers.processes)),
        _accept_queue(numbers),
        Cell("threads", count(numbers.threads)),
        Cell("zombies", count(numbers.zombies), is_warning=numbers.zombies > 0),
        Cell("cpu", _percent(numbers.cpu_percent)),
        Cell("memory", size(numbers.memory_bytes)),
        Cell("sockets", count(snapshot.sockets)),
        _descriptors("descriptors", numbers.descriptors, numbers.descriptor_limit),
        _descriptors(
            "descriptors of children", numbers.children_descriptors, numbers.descriptor_limit
        ),
        Cell("wake-ups", count(counts.wakeups)),
        Cell("would-block", count(counts.would_block)),
        *([Cell("cut", count(counts.cut), is_warning=True)] if counts.cut else []),
    ]


def _history(snapshot: Snapshot) -> Cell:
    seen = snapshot.requests_history[-HISTORY_S:]
    full = round_up(max(seen, default=0))
    return Cell("", f"{bars(seen, HISTORY_S, full)}│{HISTORY_S} s, full bar {count(full)}", 2)


def _percent(cpu_percent: float) -> str:
    """An idle server wavers around 1 %: that is no news."""
    return f"{cpu_percent:.0f} %" if cpu_percent >= IDLE_PERCENT else f"< {IDLE_PERCENT} %"


def _accept_queue(numbers: ProcessNumbers) -> Cell:
    if numbers.accept_queue is None or numbers.accept_queue_limit is None:
        return Cell("accept queue", "-", 2)
    waiting, limit = numbers.accept_queue, numbers.accept_queue_limit
    return Cell("accept queue", f"{waiting} / {limit}", 2, is_warning=waiting >= limit * NEARLY)


def _descriptors(name: str, number: int | None, limit: int) -> Cell:
    """Of one process, or of all children together: the limit holds for each."""
    if number is None:
        return Cell(name, "-", 2)
    return Cell(name, f"{count(number)} / {count(limit)}", 2, is_warning=number > limit * NEARLY)
