"""What went wrong, in words, with what to press or to do. Usually empty."""

from engine.snapshot import RunStatus, Snapshot
from tui.format import Line, count, padded, wrapped

MARGIN = " "
WORDS = 6  # lines of an engine's stderr: the end of a traceback, with the error itself


def lines(snapshot: Snapshot, status: RunStatus, width: int, most: int) -> list[Line]:
    """At most `most` lines; the first and the last sentence are kept."""
    if status.last_words:
        return _banner(_obituary(status), width, most)
    if lost := snapshot.counts.lost:
        text = (
            f"lost {count(lost)} events: rows marked ~ tell too little, totals stay exact. "
            "A slower client loses none."
        )
        parts = wrapped(text, width - 2)
        return [padded(((MARGIN + part, "warning"),), width) for part in parts[:most]]
    return []


def _obituary(status: RunStatus) -> list[str]:
    what, *words = status.last_words
    if status.phase == "dead":
        remedy = "Press R to start it again, or a digit for another model."
        return [f"The server is dead: {what}.", *words, remedy]
    return [f"{what}.", *words, f"{status.model} is {status.phase}."]


def _banner(sentences: list[str], width: int, most: int) -> list[Line]:
    parts = [wrapped(sentence, width - 2) for sentence in sentences]
    first, last = parts[0], parts[-1]
    words = [part for between in parts[1:-1] for part in between if part.strip("^~ ")]
    room = min(max(most - len(first) - len(last), 0), WORDS)
    shown = [*first, *(words[-room:] if room else []), *last]
    return [((f"{MARGIN}{text}".ljust(width), "alert"),) for text in shown[:most]]
