"""The findings: each with its letter, its sentence, whom it concerns, and what to do.

FINDINGS  2  W: requests wait or are lost  w: watch it
> W head-of-line
    The only thread has been in GET /wait/1000 (#1) for 0.9 s; 7 wait behind it.
    Concerns: #1, #4, #5, #6, #7, #8 + 2; process 4120.
    Remedy: never block in a loop: wait by its clock, or hand slow work to a thread or process.
"""

from collections.abc import Callable, Sequence

from engine.findings.finding import LEVEL_LETTERS, Finding, Level
from tui.format import Line, fit, wrapped

INDENT = "    "
LISTED_MOST = 6  # connections, and processes, of a finding
ROLES = {Level.WARN: "warning", Level.WATCH: "key"}
LEGEND = "  W: requests wait or are lost  w: watch it"
NONE = "Nothing is wrong, as far as can be seen from here."


def lines(
    findings: Sequence[Finding], chosen: str, width: int, number_of: Callable[[int], int | None]
) -> list[Line]:
    """All of them; the `chosen` id is marked. `number_of` a connection; None: it is forgotten."""
    told = fit(f"  {len(findings)}{LEGEND if findings else ''}", width - len("FINDINGS"))
    shown: list[Line] = [(), (("FINDINGS", "title"), (told, "name"))]
    if not findings:
        return [*shown, ((fit(NONE, width), "hint"),)]
    for one in findings:
        mark = "> " if one.id == chosen else "  "
        head = f"{mark}{LEVEL_LETTERS[one.level]} {one.id}"
        shown.append(((head, ROLES[one.level]),))
        texts = ((f"{one.text}.", "text"), (concerns(one, number_of), "name"))
        for text, role in (*texts, (f"Remedy: {one.remedy}.", "hint")):
            shown += [((INDENT + part, role),) for part in wrapped(text, width - len(INDENT))]
    return shown


def concerns(finding: Finding, number_of: Callable[[int], int | None]) -> str:
    """The connections and the processes, the first of each; empty: it speaks of none."""
    numbers = [number_of(conn) for conn in finding.conns[:LISTED_MOST]]
    known = [f"#{number}" for number in numbers if number is not None]
    told = [_listed(known, len(finding.conns))] if known else []
    if finding.pids:
        pids = [str(pid) for pid in finding.pids[:LISTED_MOST]]
        name = "process" if len(finding.pids) == 1 else "processes"
        told.append(f"{name} {_listed(pids, len(finding.pids))}")
    return f"Concerns: {'; '.join(told)}." if told else ""


def _listed(first: Sequence[str], many: int) -> str:
    rest = many - len(first)
    return f"{', '.join(first)}{f' + {rest}' if rest else ''}"
