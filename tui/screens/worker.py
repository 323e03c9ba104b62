"""One process or thread of the server, kept up to date while it lives, and as it was when it has ended."""

from collections.abc import Callable

from engine.views.worker_view import WorkerDetail
from tui.format import Line
from tui.lines import Painter
from tui.panels import worker as panel
from tui.screens.page import Page

KEYS = (("↑ ↓", "events"), ("esc", "back"), ("q", "quit"))


class WorkerPage(Page):
    """Ends with None."""

    is_live = True

    def __init__(
        self,
        painter: Painter,
        ask: Callable[[], WorkerDetail | None],
        place: panel.Place,
        start_ns: int,
    ) -> None:
        """`ask` tells how the worker stands now; events are timed from `start_ns` on."""
        super().__init__(painter, KEYS)
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
        rows = height - len(ended)
        seen = panel.event_rows(told, self.now_ns, width, rows)
        self._back = min(self._back, max(len(told.events) - seen, 0))
        return [
            *ended,
            *panel.lines(told, self.now_ns, self._start_ns, self._place, width, rows, self._back),
        ]

    def action_move(self, rows: int) -> None:
        """Scroll in the events; at the end new ones follow."""
        self._back = max(self._back - rows, 0)
        self.draw()
