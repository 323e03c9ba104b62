"""The first line: what runs, where, in which mode; then how it is going and how it is watched."""

from engine.snapshot import RunStatus, Snapshot
from tui.format import Line, Span, count, plain, rate

GAP: Span = ("  ", "text")


def line(snapshot: Snapshot, status: RunStatus, frames_per_s: float, width: int) -> Line:
    """`servetui  MODEL  URL  MODE`, then what else has room."""
    left: Line = (
        ("servetui", "title"),
        GAP,
        (status.model, "model"),
        GAP,
        (status.url, "text"),
        GAP,
        (status.mode, "value"),
    )
    news = _that_fit(_news(status), width - len(plain(left)))
    left += tuple(part for span in news for part in (GAP, span))
    right = _that_fit(_watching(snapshot, status, frames_per_s), width - len(plain(left)))
    if not right:
        return left
    spans = tuple(part for span in right for part in (GAP, span))
    room = width - len(plain(left)) - len(plain(spans))
    return (*left, (" " * room, "text"), *spans)


def _news(status: RunStatus) -> list[Span]:
    """What is not as usual, the most important first."""
    news: list[Span] = []
    if status.phase != "serving":
        news.append((status.phase, "warning"))
    if status.draining:
        news.append((f"draining {status.draining}", "warning"))
    return news


def _watching(snapshot: Snapshot, status: RunStatus, frames_per_s: float) -> list[Span]:
    """What watching sees and costs, the most important first."""
    lost = snapshot.counts.lost
    return [
        (f"{rate(snapshot.events_per_s)} events/s", "text"),
        (f"lost {count(lost)}", "warning" if lost else "name"),
        *([(f"cut {count(cut)}", "warning")] if (cut := snapshot.counts.cut) else []),
        *([(f"1 in {status.thinning} in detail", "value")] if status.thinning > 1 else []),
        (f"{frames_per_s:.3g} frames/s", "name"),
    ]


def _that_fit(spans: list[Span], room: int) -> list[Span]:
    kept = []
    for span in spans:
        room -= len(GAP[0]) + len(span[0])
        if room < 0:
            break
        kept.append(span)
    return kept
