"""A page over the dashboard: the same first line, something to read or to choose, the keys that work.

While it stands the server goes on, and so does the first line.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.events import Resize
from textual.screen import Screen

from engine.events import Event
from tui.format import Line, Span, part_of, plain
from tui.lines import Lines, Painter, ScrolledLines

Keys = Sequence[tuple[str, str]]
"""Key and what it does, for the foot."""


class Page(Screen[str | None]):
    """Ends with a word for whoever opened it, or with None."""

    is_live = False
    """Drawn anew in each frame."""
    keeps: ClassVar[tuple[str, ...]] = ()
    """Actions of the dashboard whose keys work here, too."""
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "back"),
        Binding("up", "move(-1)"),
        Binding("down", "move(1)"),
        Binding("pageup", "page(-1)"),
        Binding("pagedown", "page(1)"),
        Binding("home", "move(-1000000)"),
        Binding("end", "move(1000000)"),
    ]

    def __init__(self, painter: Painter, keys: Keys) -> None:
        super().__init__()
        self.header = Lines(painter, "header")
        self.now_ns = 0  # of the last frame
        self.first = 0  # the line of the text that stands at the top
        self._body = ScrolledLines(painter, "page", self.action_move)
        self._foot = Lines(painter, "keys")
        self._keys = keys
        self.seen: Callable[[], None] = lambda: None
        """Called when what was drawn is painted."""

    @property
    def is_moving(self) -> bool:
        """Whether it is to be drawn though nothing has happened, more than once a second."""
        return False

    def compose(self) -> ComposeResult:
        """From top to bottom."""
        self._body.styles.height = "1fr"
        yield from (self.header, self._body, self._foot)

    def on_resize(self, _: Resize) -> None:
        """Draw for the new size."""
        self.draw()

    def take(self, events: Iterable[Event]) -> None:
        """What has happened since the last call, for a page that wants to know."""

    def lines(self, width: int, height: int) -> list[Line]:
        """All lines of the page, also those that do not fit."""
        raise NotImplementedError

    def draw(self) -> None:
        """All but the header, which the dashboard keeps up to date."""
        width, height = self.size
        room = max(height - 2, 1)
        lines = self.lines(width, room)
        self.first = min(self.first, max(len(lines) - room, 0))
        self._body.show(lines[self.first : self.first + room])
        seen = part_of(self.first, room, len(lines)).removesuffix(" ↑↓")
        more = (("↑ ↓", f"more, {seen}"),) if seen else ()
        self._foot.show([_foot((*more, *self._keys), width)])
        self.call_after_refresh(self.seen)

    def repaint_with(self, painter: Painter) -> None:
        """Take other colours."""
        for part in (self.header, self._body, self._foot):
            part.repaint_with(painter)

    def show(self, header: Sequence[Line], now_ns: int) -> None:
        """A frame of the dashboard: its first line, and the time."""
        self.header.show(header)
        self.now_ns = now_ns
        if self.is_live and self.is_mounted:
            self.draw()

    def action_move(self, rows: int) -> None:
        """Scroll."""
        self.first = max(self.first + rows, 0)
        self.draw()

    def action_page(self, pages: int) -> None:
        """Scroll by what is seen."""
        self.action_move(pages * max(self.size.height - 3, 1))

    def action_back(self) -> None:
        """Leave everything as it is."""
        self.dismiss(None)


def _foot(keys: Keys, width: int) -> Line:
    """The keys, but the first ones where not all have room: those are the arrows, which people try."""
    spans: list[Span] = []
    for key, words in reversed(keys):
        told = ((key, "key"), (f" {words}", "hint"), *([("  ", "hint")] if spans else []))
        if len(plain((*told, *spans))) > width:
            break
        spans[:0] = told
    return tuple(spans)
