"""The processes and threads of the server, and what each of them does, over the whole screen."""

from collections.abc import Callable
from typing import ClassVar

from textual.binding import Binding, BindingType

from engine.views.kernel_numbers import KernelNumbers
from engine.views.snapshot import Snapshot
from engine.views.worker_view import WorkerView
from tui.format import Line
from tui.lines import Painter
from tui.panels import workers
from tui.screens.page import Page

KEYS = (("↑ ↓", "choose"), ("enter", "open"), ("esc", "back"), ("q", "quit"))


class Workers(Page):
    """Ends with the chosen one, `PID TASK`, or with None."""

    is_live = True
    BINDINGS: ClassVar[list[BindingType]] = [Binding("w", "back"), Binding("enter", "choose")]

    def __init__(
        self,
        painter: Painter,
        ask: Callable[[], Snapshot],
        ask_kernel: Callable[[], KernelNumbers],
        chosen: str | None = None,
    ) -> None:
        """`ask` and `ask_kernel` tell how the server stands now; `chosen`: where the cursor stands, as it
        ends with."""
        super().__init__(painter, KEYS)
        self._ask = ask
        self._ask_kernel = ask_kernel
        self._chosen = chosen

    def lines(self, width: int, height: int) -> list[Line]:
        """As they are now, so far down that the chosen one is seen."""
        snapshot = self._ask()
        cursor = self._cursor(snapshot)
        above = cursor + workers.HEADINGS
        self.first = min(max(self.first, above - height + 1), above if cursor else 0)
        return workers.lines(snapshot, width, cursor, self._ask_kernel().queues)

    def _cursor(self, snapshot: Snapshot) -> int:
        names = [_word(view) for view in snapshot.worker_views]
        return names.index(self._chosen) if self._chosen in names else 0

    def action_move(self, rows: int) -> None:
        """Choose another; one that has ended is left for the first."""
        snapshot = self._ask()
        if views := snapshot.worker_views:
            cursor = min(max(self._cursor(snapshot) + rows, 0), len(views) - 1)
            self._chosen = _word(views[cursor])
            self.draw()

    def action_choose(self) -> None:
        """Tell it whole."""
        snapshot = self._ask()
        if snapshot.worker_views:
            self.dismiss(_word(snapshot.worker_views[self._cursor(snapshot)]))


def _word(view: WorkerView) -> str:
    return f"{view.pid} {view.task}"
