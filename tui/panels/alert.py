"""What went wrong, in words, with what to press or to do. Usually empty."""

from collections.abc import Sequence

from engine.findings.finding import LEVEL_LETTERS, Finding, Level
from engine.views.snapshot import RunStatus, Snapshot
from tui.format import Line, count, padded, wrapped

MARGIN = " "
WAITING = "Clients wait in the accept queue meanwhile: the listening socket stays open."
REMEDY = "Press R to start it again, or a digit for another model."
LATE = (
    "The screen is {} s late: it gets too little of the processors. It shows what was then; a smaller "
    "load, or less else on this machine, lets it catch up."
)
CAP = {
    "select": "--max-connections, at most 960: descriptors from 1,024 on have no bit in its sets"
}
"""Of a model with a wall: what raises its cap, and how far."""
WORDS = 6  # lines of an engine's stderr: the end of a traceback, with the error itself


def lines(
    snapshot: Snapshot,
    status: RunStatus,
    width: int,
    most: int,
    refusal: str = "",
    findings: Sequence[Finding] = (),
    late_s: int = 0,
) -> list[Line]:
    """At most `most` lines; the first sentence and the remedy are kept. `refusal`: why the last key
    did nothing; `late_s`: of how long ago the picture is."""
    refused = _sentence(refusal, width)[:most]
    if late_s:
        refused += _sentence(LATE.format(late_s), width)[: most - len(refused)]
    trouble = _trouble(snapshot, status, width, most - len(refused))
    lines = [*refused, *trouble]
    # Of a server that is dead all is said already.
    told = [] if status.last_words or len(lines) >= most else _worst(findings, width)
    return [*lines, *told[: most - len(lines)]]


def _worst(findings: Sequence[Finding], width: int) -> list[Line]:
    """The worst finding, in as many lines as it takes, and how many there are."""
    if not findings:
        return []
    worst = findings[0]
    more = f"f: {len(findings)} findings" if len(findings) > 1 else "f: what to do"
    text = f"{LEVEL_LETTERS[worst.level]} {worst.id}: {worst.text}.  {more}"
    role = "warning" if worst.level is Level.WARN else "key"
    return [padded(((MARGIN + part, role),), width) for part in wrapped(text, width - 2)]


def _sentence(text: str, width: int) -> list[Line]:
    parts = wrapped(text, width - 2)
    return [padded(((MARGIN + part, "warning"),), width) for part in parts]


def _trouble(snapshot: Snapshot, status: RunStatus, width: int, most: int) -> list[Line]:
    if status.last_words:
        what, *words = status.last_words
        if status.phase == "dead":
            ends = [WAITING, REMEDY]
            return _banner(f"The server is dead: {what}.", words, ends, width, most)
        return _banner(f"{what}.", words, [f"{status.model} is {status.phase}."], width, most)
    refused = _refusals(status, width)
    return [*refused, *_losses(snapshot, width)][: max(most, 0)]


def _refusals(status: RunStatus, width: int) -> list[Line]:
    """Clients that were not let in: how many, and why."""
    said = []
    if status.refused:
        remedy = CAP.get(status.model, "--max-connections")
        said.append(
            f"{_clients(status.refused)} answered 503: the cap of {count(status.cap)} connections "
            f"is reached ({remedy})."
        )
    if status.refused_for_lack:
        said.append(
            f"{_clients(status.refused_for_lack)} answered 503: the system gave no more threads or "
            "processes."
        )
    return [line for text in said for line in _sentence(text, width)]


def _clients(number: int) -> str:
    return f"{count(number)} client{'s were' if number != 1 else ' was'}"


def _losses(snapshot: Snapshot, width: int) -> list[Line]:
    if lost := snapshot.counts.lost:
        text = (
            f"lost {count(lost)} events: rows marked ~ tell too little, totals stay exact. "
            "A slower client loses none."
        )
        if life := snapshot.counts.life_lost:
            text += f" {count(life)} of them began or ended something: rows may be missing or stay."
        return _sentence(text, width)
    return []


def _banner(first: str, words: list[str], ends: list[str], width: int, most: int) -> list[Line]:
    """Where room is scarce, the first of the words go first, then the first of the ends."""
    head = wrapped(first, width - 2)
    tails = [wrapped(end, width - 2) for end in ends]
    while len(tails) > 1 and len(head) + sum(map(len, tails)) > most:
        del tails[0]
    tail = [part for parts in tails for part in parts]
    told = [part for word in words for part in wrapped(word, width - 2) if part.strip("^~ ")]
    room = min(max(most - len(head) - len(tail), 0), WORDS)
    shown = [*head, *(told[-room:] if room else []), *tail]
    return [((f"{MARGIN}{text}".ljust(width), "alert"),) for text in shown[:most]]
