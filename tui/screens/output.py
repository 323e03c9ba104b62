"""What the server's processes have written: tracebacks of an application, and what it prints.

servetui  thread  http://127.0.0.1:7890  keep-alive
OUTPUT  what the server's processes wrote on stdout and stderr, newest last
Traceback (most recent call last):
  File "/home/ada/shop.py", line 12, in page
    raise ValueError("no such page")
ValueError: no such page
esc back
"""

from collections.abc import Callable, Sequence

from engine.events import printable
from tui.format import Line, wrapped
from tui.lines import Painter
from tui.screens.page import Page

KEYS = (("esc", "back"), ("q", "quit"))
LINE_CHARS = 1_000
NOTHING = "Nothing so far. What an application prints stands here, and its tracebacks."


class OutputPage(Page):
    """Opens at the newest line; what comes meanwhile is added below."""

    is_live = True

    def __init__(self, painter: Painter, said: Callable[[], Sequence[str]]) -> None:
        super().__init__(painter, KEYS)
        self._said = said
        self._end = 0  # the first line on the screen when the last one is seen

    def lines(self, width: int, height: int) -> list[Line]:
        """All that is kept. Who is at its end stays there; who has scrolled back is left alone."""
        told = lines(self._said(), width)
        is_at_end = self.first >= self._end
        self._end = max(len(told) - height, 0)
        if is_at_end:
            self.first = self._end
        return told


def lines(said: Sequence[str], width: int) -> list[Line]:
    """Escaped, and long ones cut into several."""
    title: Line = (
        ("OUTPUT", "title"), ("  what the server's processes wrote, newest last", "name"),
    )  # fmt: skip
    if not said:
        return [title, *(((f"  {part}", "text"),) for part in wrapped(NOTHING, width - 2))]
    parts = [part for line in said for part in _indented(printable(line, LINE_CHARS), width)]
    return [title, *(((part, "text"),) for part in parts)]


def _indented(line: str, width: int) -> list[str]:
    """A traceback is read by its indents, so they are kept."""
    text = line.lstrip(" ")
    indent = " " * min(len(line) - len(text), width // 2)
    return [indent + part for part in wrapped(text, width - len(indent))] or [""]
