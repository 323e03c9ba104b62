"""The findings over the whole screen; enter goes to whom the chosen one concerns."""

from collections.abc import Callable, Sequence
from typing import ClassVar

from textual.binding import Binding, BindingType

from engine.findings.finding import Finding
from tui.format import Line
from tui.lines import Painter
from tui.panels import findings as panel
from tui.screens.page import Page

KEYS = (("↑ ↓", "choose"), ("enter", "go there"), ("esc", "back"), ("q", "quit"))


class FindingsPage(Page):
    """Ends with the id of the chosen finding, or with None."""

    is_live = True
    BINDINGS: ClassVar[list[BindingType]] = [Binding("f", "back"), Binding("enter", "go")]

    def __init__(
        self,
        painter: Painter,
        ask: Callable[[], Sequence[Finding]],
        number_of: Callable[[int], int | None],
    ) -> None:
        """`ask` tells which hold now; `number_of` a connection, as the table has it."""
        super().__init__(painter, KEYS)
        self._ask = ask
        self._number_of = number_of
        self._chosen = ""

    def lines(self, width: int, height: int) -> list[Line]:
        """As they are now."""
        found = self._ask()
        if found and self._chosen not in [one.id for one in found]:
            self._chosen = found[0].id
        return panel.lines(found, self._chosen, width, self._number_of)

    def action_move(self, rows: int) -> None:
        """Choose another one."""
        ids = [one.id for one in self._ask()]
        if not ids:
            return
        place = ids.index(self._chosen) if self._chosen in ids else 0
        self._chosen = ids[min(max(place + rows, 0), len(ids) - 1)]
        lines = self.lines(*self.size)
        mark = next(row for row, line in enumerate(lines) if line and line[0][0].startswith("> "))
        if not self.first <= mark < self.first + self.size.height - 4:
            self.first = max(mark - 1, 0)
        self.draw()

    def action_go(self) -> None:
        """To the connection or the worker."""
        self.dismiss(self._chosen or None)
