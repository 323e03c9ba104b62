"""One process or thread of the server, kept up to date while it lives, and as it was when it has ended."""

from collections.abc import Callable
from typing import ClassVar

from textual.binding import Binding, BindingType

from engine.views.worker_view import WorkerDetail
from tui.format import Line
from tui.lines import Painter
from tui.panels import worker as panel
from tui.screens.page import Page

ENDS = (("esc", "back"), ("q", "quit"))
KEYS = (
    (("↑ ↓", "events"), ("tab", "its connections"), *ENDS),
    (("tab", "its descriptors"), *ENDS),
    (("tab", "its events"), *ENDS),
)
"""Of what has the room: its events, its connections, or its descriptors."""


class WorkerPage(Page):
    """Ends with None."""

    is_live = True
    BINDINGS: ClassVar[list[BindingType]] = [Binding("tab", "next_part")]

    def __init__(
        self,
        painter: Painter,
        ask: Callable[[], WorkerDetail | None],
        place: panel.Place,
        start_ns: int,
    ) -> None:
        """`ask` tells how the worker stands now; events are timed from `start_ns` on."""
        super().__init__(painter, KEYS[0])
        self._part = 0  # of KEYS
        self._ask = ask
        self._place = place
        self._start_ns = start_ns
        self._last: WorkerDetail | None = None
        self._back = 0  # events that are further down than the last one seen

    def lines(self, width: int, height: int) -> list[Line]:
        """As it is now."""
        told = self._ask()
        if told is None and self._last is None:
            return [(("This worker has ended, and nothing of it was kept.", "hint"),)]
        ended: list[Line] = [] if told else [(("It has ended; this is how it stood.", "warning"),)]
        self._last = told = told or self._last
        assert told is not None
        if self._part == 1:
            return [*ended, *panel.all_connections(told, self.now_ns, width)]
        if self._part == 2:
            return [*ended, *panel.all_descriptors(told, width)]
        rows = height - len(ended)
        seen = panel.event_rows(told, self.now_ns, width, rows)
        self._back = min(self._back, max(len(told.events) - seen, 0))
        return [
            *ended,
            *panel.lines(told, self.now_ns, self._start_ns, self._place, width, rows, self._back),
        ]

    def action_move(self, rows: int) -> None:
        """Scroll in what has the room; at the end of the events new ones follow."""
        if self._part:
            super().action_move(rows)
            return
        self._back = max(self._back - rows, 0)
        self.draw()

    def action_next_part(self) -> None:
        """Give the room to what comes next."""
        self._part = (self._part + 1) % len(KEYS)
        self._keys = KEYS[self._part]
        self.first = 0
        self.draw()
