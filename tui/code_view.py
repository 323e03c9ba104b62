"""The source of the running model, lit where it runs: what the code page and the pane of the code show.

Counts begin with the last events before it is made and end with it, so that it costs nothing while it is
hidden.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cache

from engine.events import Event
from engine.fold.line_counts import LineCounts
from engine.labs import server_of
from engine.models import MODELS, edition_of, source_of
from engine.views.snapshot import Snapshot
from tui.format import Line, fit
from tui.panels import code as panel
from tui.run_like import RunLike

FOOT = 1  # lines: the event whose line is lit
OTHER_PAGE = "Recorded with another edition of this page: which lines ran is not marked."
ABOVE = 3  # one part in so many of the window stands above the line that it was moved to


@dataclass(frozen=True, slots=True)
class Moment:
    """What it needs to know of a frame."""

    snapshot: Snapshot
    model: str
    """That runs."""
    now_ns: int
    place: Callable[[Event], str]


class CodeView:
    """A window of the file that follows events."""

    def __init__(self, run: RunLike, conn: int | None) -> None:
        """`conn`: the connection whose events are followed; None: those of all."""
        self.conn = conn
        self._run = run
        self._counts = LineCounts(run.model_of)
        self._counts.take(run.state.events)
        self._chosen: Event | None = None
        """The event that was chosen; None: the last one is followed."""
        self._is_scrolled = False
        self._rows = 1
        self._top = 0  # the index of the first line that is seen
        self._snapshot: Snapshot | None = None

    def take(self, events: Iterable[Event]) -> None:
        """Count them."""
        self._counts.take(events)

    def lines(self, moment: Moment, width: int, height: int) -> list[Line]:
        """A window of the file, and the event whose line is lit."""
        self._snapshot = moment.snapshot
        event = self._chosen or next(reversed(self._followed_events(moment.model)), None)
        model = (event and self._run.model_of(event.pid)) or moment.model
        name, text = _source(model)
        is_other = self._run.pages.get(model, "") not in ("", _edition(model))
        times = self._counts.lines.get(model, {}) if not is_other else {}
        here = self._counts.here(model) if not is_other else {}
        source = panel.Source(name, text, times, here)
        lit = event.line if event and not is_other else 0
        self._rows = max(height - panel.HEADINGS - FOOT, 1)
        if not self._is_scrolled and not self._top < lit <= self._top + self._rows:
            self._top = lit - 1 - self._rows // ABOVE
        self._top = min(max(self._top, 0), max(len(text) - self._rows, 0))
        number = moment.snapshot.numbers.get(event.conn) if event else None
        drawn = [
            panel.title(source, self._counts.events, self._followed(), width),
            *panel.lines(source, lit, moment.now_ns, width, self._top, self._rows),
        ]
        if not text:
            drawn.append((("The source of this model cannot be read.", "hint"),))
        drawn += [()] * (height - FOOT - len(drawn))
        if is_other:
            return [*drawn, ((fit(OTHER_PAGE, width), "warning"),)]
        return [*drawn, panel.told(event, number, moment.place, width)]

    def step(self, steps: int) -> None:
        """Light the line of the event before, or after; after the last one follow again."""
        events = self._events()
        at = len(events) - 1
        if self._chosen is not None:
            later = [n for n, one in enumerate(events) if one.at_ns >= self._chosen.at_ns]
            same = [n for n in later if events[n] == self._chosen]
            at = (same or later or [0])[0]
        at += steps
        self._is_scrolled = False
        self._chosen = events[max(at, 0)] if at < len(events) - 1 and events else None

    def follow(self) -> None:
        """The last event, wherever its line is."""
        self._chosen = None
        self._is_scrolled = False

    def scroll(self, rows: int) -> None:
        """The file then stays where it is."""
        self._is_scrolled = True
        self._top += rows

    def page(self, pages: int) -> None:
        """Scroll by what is seen."""
        self.scroll(pages * max(self._rows - 1, 1))

    def _events(self) -> Sequence[Event]:
        """The last ones that a line of the source has done."""
        if self.conn is not None:
            detail = self._run.detail(self.conn)
            events: Sequence[Event] = detail.events if detail else ()
        else:
            events = self._snapshot.events if self._snapshot else ()
        return [event for event in events if event.line]

    def _followed_events(self, model: str) -> Sequence[Event]:
        """Where no connection is followed, not those of a model that another has taken over from: while it
        closes what it still has, the page would turn back to it."""
        events = self._events()
        if self.conn is not None:
            return events
        return [event for event in events if self._run.model_of(event.pid) in (model, None)]

    def _followed(self) -> str:
        if self._chosen is not None:
            return "an event of before; end: the last one"
        view = self._run.detail(self.conn) if self.conn is not None else None
        return f"follows #{view.view.number}" if view else ""


_edition = cache(edition_of)


@cache
def _source(model: str) -> tuple[str, tuple[str, ...]]:
    """(where the file of a model is, its lines); no lines where it cannot be read."""
    module = server_of(model) or MODELS.get(model, "")
    try:
        lines = source_of(module).read_text(encoding="utf-8").splitlines()
    except (OSError, ImportError, ValueError):
        lines = []
    return f"{module.replace('.', '/')}.py", tuple(lines)
