"""The code over the whole screen, where there is no room for it beside the connections."""

from collections.abc import Iterable
from typing import ClassVar

from textual.binding import Binding, BindingType

from engine.events import Event
from tui.code_view import CodeView
from tui.format import Line
from tui.lines import Painter
from tui.picture import Picture
from tui.screens.page import Page

KEYS = (("↑ ↓", "scroll"), ("← →", "event before, after"), ("end", "follow"), ("esc", "back"))


class Code(Page):
    """Ends with None."""

    is_live = True
    keeps = ("pause", "step", "run_on", "tick", "burst", "load", "mode", "model")
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("o", "back"),
        Binding("left", "event(-1)"),
        Binding("right", "event(1)"),
        Binding("end", "follow"),
    ]

    def __init__(self, painter: Painter, picture: Picture, view: CodeView) -> None:
        super().__init__(painter, KEYS)
        self._picture = picture
        self._view = view

    def take(self, events: Iterable[Event]) -> None:
        """Count them."""
        self._view.take(events)

    def lines(self, width: int, height: int) -> list[Line]:
        """A window of the file, and the event whose line is lit."""
        return self._view.lines(self._picture.moment, width, height)

    def action_event(self, steps: int) -> None:
        """Light the line of the event before, or after; after the last one follow again."""
        self._view.step(steps)
        self.draw()

    def action_follow(self) -> None:
        """The last event, wherever its line is."""
        self._view.follow()
        self.draw()

    def action_move(self, rows: int) -> None:
        """Scroll; the file then stays where it is."""
        self._view.scroll(rows)
        self.draw()

    def action_page(self, pages: int) -> None:
        """Scroll by what is seen."""
        self._view.page(pages)
        self.draw()
