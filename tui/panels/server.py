"""The server's numbers, each with its name: a grid of cells, so that they hold still.

SERVER  rates: over the last second; accepted, closed: since the start
requests/s 8,410    ▁▂▃▅▇▇▆▇▇▇▇▇▇▇▇│1 s each, 0–10,000/s       open 48             accepted 1,204
closed 1,156        processes 1         threads 49          cpu 97 %            memory 34 MB

Where requests wait is told by the strip of the rooms (rooms.py), and not again here.
"""

from dataclasses import dataclass

from engine.views.snapshot import ProcessNumbers, RunStatus, Snapshot
from tui.format import Line, Span, bars, brief, count, first_that_fits, rate, round_up, size

CELL = 20  # columns; a wider cell takes two or three of them
HISTORY_S = 15  # seconds in the bar of requests: one column each
IDLE_PERCENT = 3
NEARLY = 0.85  # of a limit: said as a warning
ABSENT = "-"


@dataclass(frozen=True, slots=True)
class Cell:
    """One number with its name."""

    name: str
    values: tuple[str, ...]
    """Its value, longest form first: the first that fits is shown, and none is ever cut."""
    span: int = 1
    is_warning: bool = False


def title(width: int) -> Line:
    """The panel's name, and how to read its figures."""
    rates = "  rates: over the last second"
    texts = (f"{rates}; accepted, closed: since the start", rates, "")
    return (("SERVER", "title"), (first_that_fits(texts, width - len("SERVER")), "name"))


def lines(
    snapshot: Snapshot, numbers: ProcessNumbers, status: RunStatus, width: int, most: int
) -> list[Line]:
    """The cells in as many columns as fit; at most `most` lines, the last cells left out first."""
    columns = max(width // CELL, 1)
    cell_width = width // columns
    rows: list[list[tuple[Cell, int]]] = [[]]
    used = 0
    for cell in _cells(snapshot, numbers, status):
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
        value = first_that_fits(cell.values, width - len(label) - 1)
        role = "warning" if cell.is_warning else "value" if label else "bar"
        spans += [(label, "name"), (value, role)]
        spans.append((" " * (width - len(label) - len(value)), "text"))
    return tuple(spans)


def _cells(snapshot: Snapshot, numbers: ProcessNumbers, status: RunStatus) -> list[Cell]:
    """The most important first: a small screen shows only these."""
    counts = snapshot.counts
    is_dead = status.phase == "dead" or not numbers.processes
    return [
        Cell("requests/s", _rate(snapshot.requests_per_s)),
        _history(snapshot),
        Cell("open", _count(counts.open)),
        Cell("accepted", _count(counts.accepted)),
        Cell("closed", _count(counts.closed)),
        *(_of_nobody(_LIVING) if is_dead else _of_processes(snapshot, numbers)),
        Cell("in", (f"{size(snapshot.bytes_in_per_s)}/s",)),
        Cell("out", (f"{size(snapshot.bytes_out_per_s)}/s",)),
        *(_of_nobody(_DETAILS) if is_dead else _details(snapshot, numbers)),
        *([_cut(counts.cut)] if counts.cut else []),
        *([_refused(status)] if status.refused + status.refused_for_lack else []),
        *([Cell("restarts", _count(status.restarts), is_warning=True)] if status.restarts else []),
    ]


_LIVING = {"processes": 1, "threads": 1, "cpu": 1, "memory": 1, "zombies": 1}
_LIVING |= {"descriptors": 2, "sockets": 1}
"""Names of what exists only while a server lives -> span, as in _of_processes."""
_DETAILS = {"descriptors of children": 2, "wake-ups": 1, "would-block": 2}


def _of_nobody(spans: dict[str, int]) -> list[Cell]:
    return [Cell(name, (ABSENT,), span) for name, span in spans.items()]


def _of_processes(snapshot: Snapshot, numbers: ProcessNumbers) -> list[Cell]:
    return [
        Cell("processes", _count(numbers.processes)),
        Cell("threads", _count(numbers.threads)),
        Cell("cpu", (_percent(numbers.cpu_percent),)),
        Cell("memory", (size(numbers.memory_bytes),)),
        Cell("zombies", _count(numbers.zombies), is_warning=numbers.zombies > 0),
        _descriptors("descriptors", numbers.descriptors, numbers.descriptor_limit),
        Cell("sockets", _count(snapshot.sockets)),
    ]


def _details(snapshot: Snapshot, numbers: ProcessNumbers) -> list[Cell]:
    children, counts = numbers.children_descriptors, snapshot.counts
    return [
        _descriptors("descriptors of children", children, numbers.descriptor_limit),
        _of_loop("wake-ups", counts.wakeups, snapshot.wakeups_per_s),
        _of_loop("would-block", counts.would_block, snapshot.would_block_per_s, span=2),
    ]


def _of_loop(name: str, number: int, per_s: float, span: int = 1) -> Cell:
    """Of a model without a loop there is none; nor of one whose loop has not turned yet."""
    values = tuple(f"{value}/s" for value in _rate(per_s)) if number else (ABSENT,)
    return Cell(name, values, span)


def _count(number: int) -> tuple[str, ...]:
    return count(number), brief(number)


def _rate(per_s: float) -> tuple[str, ...]:
    return rate(per_s), brief(round(per_s))


def _cut(cut: int) -> Cell:
    whose = "its" if cut == 1 else "their"
    values = (f"{count(cut)} (killed with {whose} process)", *_count(cut))
    return Cell("cut", values, 2, is_warning=True)


def _refused(status: RunStatus) -> Cell:
    return Cell("refused", _count(status.refused + status.refused_for_lack), is_warning=True)


def _history(snapshot: Snapshot) -> Cell:
    seen = snapshot.requests_history[-HISTORY_S:]
    full = round_up(max([*seen, snapshot.requests_per_s]))
    drawn = f"{bars(seen, HISTORY_S, full)}│1 s each, "
    return Cell("", (f"{drawn}0–{count(full)}/s", f"{drawn}0–{brief(full)}/s"), 2)


def _percent(cpu_percent: float) -> str:
    """An idle server wavers around 1 %: that is no news."""
    return f"{cpu_percent:.0f} %" if cpu_percent >= IDLE_PERCENT else f"< {IDLE_PERCENT} %"


def _descriptors(name: str, number: int | None, limit: int) -> Cell:
    """Of one process, or of all children together: the limit holds for each."""
    if number is None:
        return Cell(name, (ABSENT,), 2)
    return _share(name, number, limit, is_warning=number > limit * NEARLY)


def _share(name: str, number: int, limit: int, *, is_warning: bool) -> Cell:
    values = (
        f"{count(number)} / {count(limit)}",
        f"{count(number)} / {brief(limit)}",
        f"{brief(number)} / {brief(limit)}",
    )
    return Cell(name, values, 2, is_warning=is_warning)
