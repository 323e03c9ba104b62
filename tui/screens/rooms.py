"""The rooms one by one, with the percentiles of the waits in them."""

from typing import ClassVar

from textual.binding import Binding, BindingType

from tui.format import Line
from tui.lines import Painter
from tui.panels import room_times
from tui.picture import Picture
from tui.screens.page import Page

KEYS = (("esc", "back"), ("q", "quit"))


class RoomsPage(Page):
    """Ends with None."""

    is_live = True
    keeps = ("step", "run_on", "tick", "burst", "load", "mode")
    BINDINGS: ClassVar[list[BindingType]] = [Binding("t", "back")]

    def __init__(self, painter: Painter, picture: Picture) -> None:
        super().__init__(painter, KEYS)
        self._picture = picture

    def lines(self, width: int, height: int) -> list[Line]:
        """As they are now."""
        return room_times.lines(self._picture.rooms, self._picture.kernel, width)
