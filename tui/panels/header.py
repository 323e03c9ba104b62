"""The first line: what runs, where, in which mode; then how it is going and how it is watched."""

from collections.abc import Sequence
from operator import itemgetter

from engine.views.snapshot import RunStatus, Snapshot
from tui.format import Line, Span, count, first_that_fits, plain, rate

GAP: Span = ("  ", "text")
ROOMY = 100  # columns from which on the rate of events holds still at any speed, and totals say so,
AMPLE = 130  # and from which on the frame rate is told
RATE_WIDTH = len("126,000")


def line(
    snapshot: Snapshot,
    status: RunStatus,
    frames_per_s: float,
    width: int,
    playback: Sequence[str] = (),
) -> Line:
    """`servetui  MODEL  URL  MODE`, then what else has room. `playback`: where a recording stands, in
    ever fewer words; empty where there is none."""
    left: Line = (
        ("servetui", "title"),
        GAP,
        (status.model, "model"),
        GAP,
        (status.url, "text"),
        GAP,
        (status.mode, "value"),
    )
    room = width - len(plain(left))
    told: list[Span] = []
    if playback:
        told.append((first_that_fits(playback, room - len(GAP[0])), "key"))
    news = _that_fit([*told, *_news(status)], room)
    left += tuple(part for span in news for part in (GAP, span))
    right = _watching(snapshot, status, frames_per_s, width, width - len(plain(left)))
    room = width - len(plain(left)) - len(plain(right))
    return (*left, (" " * room, "text"), *right) if right else left


def _news(status: RunStatus) -> list[Span]:
    """What is not as usual, the most important first."""
    news: list[Span] = []
    if status.phase != "serving":
        news.append((status.phase, "warning"))
    if status.draining:
        news.append((f"draining {status.draining}", "warning"))
    return news


def _watching(
    snapshot: Snapshot, status: RunStatus, frames_per_s: float, width: int, room: int
) -> Line:
    """What watching sees and costs. What is always there stands at the right and holds still; what
    comes and goes, or grows, stands at the left of it."""
    lost, cut = snapshot.counts.lost, snapshot.counts.cut
    frames = f"{f'{frames_per_s:.3g}':>2} frames/s"
    rate_width = RATE_WIDTH if width >= ROOMY else RATE_WIDTH - 1
    told_lost = f"lost {count(lost)}" + (" in all" if width >= ROOMY else "")
    ranked: list[tuple[int, Span]] = [
        (
            0,
            (
                _detail(status.thinning, width, room - (len(GAP[0] + told_lost) if lost else 0)),
                "value",
            ),
        ),
        (3, (f"cut {count(cut)}" if cut else "", "warning")),
        (0 if lost else 1, (told_lost, "warning" if lost else "name")),
        (1, (f"{rate(snapshot.events_per_s):>{rate_width}} events/s", "text")),
        (2, (frames if width >= AMPLE else "", "name")),
    ]
    wanted = [(rank, span) for rank, span in ranked if span[0]]
    kept = _that_fit([span for _, span in sorted(wanted, key=itemgetter(0))], room)
    return tuple(part for _, span in wanted if span in kept for part in (GAP, span))


def _detail(thinning: int, width: int, room: int) -> str:
    """That not all connections are told in detail: it changes what all that is told means, so there is
    always a form of it that has room."""
    if thinning <= 1:
        return ""
    texts = [
        f"detail {thinned}" for thinned in (f"of 1 connection in {thinning}", f"1 in {thinning}")
    ]
    return first_that_fits((*texts[width < ROOMY :], f"1 in {thinning}"), room - len(GAP[0]))


def _that_fit(spans: list[Span], room: int) -> list[Span]:
    """Those that have room, the most important first."""
    kept = []
    for span in spans:
        cells = len(GAP[0]) + len(span[0])
        if cells <= room:
            kept.append(span)
            room -= cells
    return kept
