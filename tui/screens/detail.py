"""The detail of one connection, kept up to date while it lives, and as it was when it is forgotten."""

from collections.abc import Callable
from typing import ClassVar

from textual.binding import Binding, BindingType

from engine.views.detail import ConnectionDetail
from tui.format import Line
from tui.lines import Painter
from tui.panels import detail as panel
from tui.screens.page import Page

KEYS = (("↑ ↓", "events"), ("esc", "back"), ("q", "quit"))


class Detail(Page):
    """Ends with None."""

    is_live = True
    BINDINGS: ClassVar[list[BindingType]] = [Binding("enter", "back")]

    def __init__(
        self, painter: Painter, ask: Callable[[], ConnectionDetail | None], place: panel.Place
    ) -> None:
        """`ask` tells how the connection stands now."""
        super().__init__(painter, KEYS)
        self._ask = ask
        self._place = place
        self._last: ConnectionDetail | None = None
        self._back = 0  # events that are further down than the last one seen

    def lines(self, width: int, height: int) -> list[Line]:
        """As it is now."""
        told = self._ask() or self._last
        if told is None:
            return [(("This connection is gone, and nothing of it was kept.", "hint"),)]
        self._last = told
        now_ns = max(self.now_ns, told.events[-1].at_ns)
        rows = panel.event_rows(told, now_ns, self._place, width, height)
        self._back = min(self._back, max(len(told.events) - rows, 0))
        return panel.lines(told, now_ns, self._place, width, height, self._back)

    def action_move(self, rows: int) -> None:
        """Scroll in the events; at the end new ones follow."""
        self._back = max(self._back - rows, 0)
        self.draw()
