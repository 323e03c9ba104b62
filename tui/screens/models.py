"""The model picker: every model with its digit and its sentence; below, or beside, more of the chosen one.

servetui  thread  http://127.0.0.1:7890  keep-alive
MODELS  choose how the server works
  1  process      a child process for each connection
> 2  thread runs  a thread for each connection
  3  gevent       a greenlet for each connection, all in one thread

   system calls  accept clone recv send close
   fails by      threads without bound; a socket closed by the thread that accepted it
↑ ↓ choose  enter switch  esc back
"""

from collections.abc import Sequence
from typing import ClassVar

from textual.binding import Binding, BindingType

from engine.models import ModelInfo, describe
from tui import model_lines
from tui.format import Line, beside, padded, part_of
from tui.lines import Painter
from tui.panels.keys import DIGITS
from tui.screens.page import Page

NAME_WIDTH = 19  # with a word that it runs
MARGIN = 5  # cells before a name: the cursor, the digit
LIST_WIDTH = MARGIN + NAME_WIDTH
KEYS = (("↑ ↓", "choose"), ("enter", "switch"), ("esc", "back"), ("q", "quit"))


class ModelPicker(Page):
    """Ends with the name of a model, or with None."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("m", "back"),
        Binding("enter", "choose"),
        *[Binding(str(digit), f"digit({digit})") for digit in range(1, DIGITS + 1)],
    ]

    def __init__(self, painter: Painter, models: Sequence[str], running: str) -> None:
        super().__init__(painter, KEYS)
        self._infos = [describe(model) for model in models]
        self._current = running
        self._cursor = list(models).index(running) if running in models else 0

    def lines(self, width: int, height: int) -> list[Line]:
        """The list and the details; it scrolls by itself."""
        return lines(self._infos, self._cursor, self._current, width, height)

    def action_move(self, rows: int) -> None:
        """The cursor."""
        self._cursor = min(max(self._cursor + rows, 0), len(self._infos) - 1)
        self.draw()

    def action_choose(self) -> None:
        """Take the model at the cursor."""
        self.dismiss(self._infos[self._cursor].name)

    def action_digit(self, digit: int) -> None:
        """Take the model of a digit."""
        if digit <= len(self._infos):
            self.dismiss(self._infos[digit - 1].name)


def lines(
    infos: Sequence[ModelInfo], cursor: int, running: str, width: int, height: int
) -> list[Line]:
    """The list, scrolled so that the cursor is seen, and the details of the model at the cursor: below,
    or beside it where no sentence has room in the list."""
    is_wide = width >= LIST_WIDTH + model_lines.longest(infos)
    chosen = infos[cursor]
    below = [(), *model_lines.below(chosen, width, MARGIN)] if is_wide else []
    rows = max(min(len(infos), height - len(below) - 2), 3)
    first = min(max(cursor - rows // 2, 0), max(len(infos) - rows, 0))
    shown = range(first, min(first + rows, len(infos)))
    seen = part_of(first, rows, len(infos))
    title: Line = (
        ("MODELS", "title"), (f"  {seen}" if seen else "", "name"),
        ("  how the server works from now on", "name"),
    )  # fmt: skip
    row_width = width if is_wide else LIST_WIDTH
    listed = [_row(infos[i], i, i == cursor, infos[i].name == running, row_width) for i in shown]
    if not is_wide:
        told = model_lines.beside(chosen, width - LIST_WIDTH - 1)
        return [(), title, *beside(listed, told[: len(listed)], LIST_WIDTH)]
    return [(), title, *listed, *below]


def _row(info: ModelInfo, index: int, is_chosen: bool, is_running: bool, width: int) -> Line:
    digit = str(index + 1) if index < DIGITS else " "
    role = "chosen" if is_chosen else "text"
    name = info.name + (" runs" if is_running else "")
    text = info.sentence if width > LIST_WIDTH else ""
    row: Line = (
        ("> " if is_chosen else "  ", "key"),
        (digit, "key"),
        ("  ", "text"),
        (f"{name:{NAME_WIDTH}}{text}", role),
    )
    return padded(row, width, role)
