"""The processes and threads of the server, and what each of them does, over the whole screen."""

from collections.abc import Callable
from typing import ClassVar

from textual.binding import Binding, BindingType

from engine.snapshot import Snapshot
from tui.format import Line
from tui.lines import Painter
from tui.panels import workers
from tui.screens.page import Page

KEYS = (("esc", "back"), ("q", "quit"))


class Workers(Page):
    """Ends with None."""

    is_live = True
    BINDINGS: ClassVar[list[BindingType]] = [Binding("w", "back")]

    def __init__(self, painter: Painter, ask: Callable[[], Snapshot]) -> None:
        """`ask` tells how the server stands now."""
        super().__init__(painter, KEYS)
        self._ask = ask

    def lines(self, width: int, height: int) -> list[Line]:
        """As they are now."""
        return workers.lines(self._ask(), width)
