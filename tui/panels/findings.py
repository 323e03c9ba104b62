"""The findings: each with its letter, its sentence, and what to do.

FINDINGS  2  W: requests wait or are lost  w: watch it
> W head-of-line
    The only thread has been in GET /wait/1000 (#1) for 0.9 s; 7 wait behind it.
    Remedy: never block in a loop: wait by its clock, or hand slow work to a thread or process.
"""

from collections.abc import Sequence

from engine.findings.finding import LEVEL_LETTERS, Finding, Level
from tui.format import Line, fit, wrapped

INDENT = "    "
ROLES = {Level.WARN: "warning", Level.WATCH: "key"}
LEGEND = "  W: requests wait or are lost  w: watch it"
NONE = "Nothing is wrong, as far as can be seen from here."


def lines(findings: Sequence[Finding], chosen: str, width: int) -> list[Line]:
    """All of them; the `chosen` id is marked."""
    told = fit(f"  {len(findings)}{LEGEND if findings else ''}", width - len("FINDINGS"))
    shown: list[Line] = [(), (("FINDINGS", "title"), (told, "name"))]
    if not findings:
        return [*shown, ((fit(NONE, width), "hint"),)]
    for one in findings:
        mark = "> " if one.id == chosen else "  "
        head = f"{mark}{LEVEL_LETTERS[one.level]} {one.id}"
        shown.append(((head, ROLES[one.level]),))
        for text, role in ((f"{one.text}.", "text"), (f"Remedy: {one.remedy}.", "hint")):
            shown += [((INDENT + part, role),) for part in wrapped(text, width - len(INDENT))]
    return shown
