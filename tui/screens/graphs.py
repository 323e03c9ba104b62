"""The last minutes as graphs, over the whole screen."""

from typing import ClassVar

from textual.binding import Binding, BindingType

from tui.format import Line
from tui.history import History
from tui.lines import Painter
from tui.panels import graphs
from tui.screens.page import Page

KEYS = (("esc", "back"), ("q", "quit"))


class Graphs(Page):
    """Ends with None."""

    is_live = True
    BINDINGS: ClassVar[list[BindingType]] = [Binding("g", "back")]

    def __init__(self, painter: Painter, history: History) -> None:
        super().__init__(painter, KEYS)
        self._history = history

    def lines(self, width: int, height: int) -> list[Line]:
        """As they are now."""
        return graphs.lines(self._history, width, height)
