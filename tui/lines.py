"""The one widget that draws: given lines, it repaints those that differ from the lines before.

It uses Textual's line API: no layout, no messages and no widget for anything that comes and goes.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import groupby, zip_longest

from rich.segment import Segment
from rich.style import Style
from textual.events import Click, MouseScrollDown, MouseScrollUp
from textual.geometry import Region
from textual.strip import Strip
from textual.widget import Widget

from tui.format import Line, ascii_only, safe

WHEEL_ROWS = 3  # rows for each click of the wheel, as editors do
INKED = ("heading", "chosen", "alert")  # roles in which a blank can be seen


class Row(Strip):
    """A strip that is freed as soon as it has been painted over.

    The library's own keeps itself in its cache when all of it is asked for: a cycle, for which the
    collector would walk over all connections several times a second.
    """

    def divide(self, cuts: Iterable[int]) -> Sequence[Strip]:
        """All of it, or pieces."""
        cuts = list(cuts)
        return [self] if cuts == [self.cell_length] else super().divide(cuts)


class Painter:
    """Lines -> strips, in the colours of the theme."""

    def __init__(self, styles: Mapping[str, Style], *, is_ascii: bool = False) -> None:
        self._styles = styles
        self._clean: Callable[[str], str] = _plain_safe if is_ascii else safe

    def strip(self, line: Line) -> Strip:
        """The line as Textual draws it; every text passes safe() here.

        Blanks take the style before them: a change of style is 40 bytes on the wire.
        """
        styles = self._styles
        texts: list[str] = []
        roles: list[str] = []
        for text, role in line:
            if roles and role not in INKED and roles[-1] not in INKED:
                ink = text.lstrip(" ")
                texts[-1] += " " * (len(text) - len(ink))
                text = ink
            if text and roles and role == roles[-1]:
                texts[-1] += text
            elif text:
                texts.append(text)
                roles.append(role)
        if texts and texts[0].startswith(" ") and roles[0] not in INKED:
            ink = texts[0].lstrip(" ")  # apart, for viewers of SVG that drop blanks at the start
            texts[:1] = [" " * (len(texts[0]) - len(ink)), ink]
            roles[:1] = ["text", roles[0]]
        segments = [
            Segment(self._clean(text), styles[role])
            for text, role in zip(texts, roles, strict=True)
        ]
        return Strip(segments, sum([len(text) for text in texts]))

    def blank(self, width: int) -> Strip:
        """An empty line."""
        return Strip.blank(width, self._styles["text"])


def _plain_safe(text: str) -> str:
    return ascii_only(safe(text))


class Lines(Widget):
    """Some lines of the screen. It shows what it was last given, and nothing else."""

    def __init__(self, painter: Painter, name: str) -> None:
        super().__init__(id=name)
        self._painter = painter
        self._lines: Sequence[Line] = ()

    def show(self, lines: Sequence[Line]) -> int:
        """Draw these from the top; returns how many lines have changed."""
        before, self._lines = self._lines, lines
        pairs = zip_longest(before, lines, fillvalue=())
        changed = [y for y, (old, new) in enumerate(pairs) if old != new]
        # Lines that follow one another are one region: each costs the library's book-keeping.
        for _, run in groupby(enumerate(changed), lambda place: place[1] - place[0]):
            ys = [y for _, y in run]
            self.refresh(Region(0, ys[0], self.size.width, len(ys)))
        return len(changed)

    def repaint_with(self, painter: Painter) -> None:
        """Take other colours."""
        self._painter = painter
        self.refresh()

    def render_lines(self, crop: Region) -> list[Strip]:
        """Textual asks for lines; what it makes of render_line() would never be freed."""
        return [Row(strip, strip.cell_length) for strip in super().render_lines(crop)]

    def render_line(self, y: int) -> Strip:
        """Textual asks for a line that is to be painted."""
        width = self.size.width
        if y >= len(self._lines):
            return self._painter.blank(width)
        strip = self._painter.strip(self._lines[y])
        return strip.crop(0, width) if strip.cell_length > width else strip


class ScrolledLines(Lines):
    """Lines that are a window of more; whoever owns it moves the window, and is told of clicks."""

    def __init__(
        self,
        painter: Painter,
        name: str,
        scroll: Callable[[int], None],
        click: Callable[[int, int], None] | None = None,
    ) -> None:
        super().__init__(painter, name)
        self._scroll = scroll
        self._click = click

    def on_click(self, event: Click) -> None:
        """A cell of it, by column and line."""
        if self._click is not None:
            event.stop()
            self._click(event.x, event.y)

    def on_mouse_scroll_down(self, event: MouseScrollDown) -> None:
        """The wheel."""
        event.stop()
        self._scroll(WHEEL_ROWS)

    def on_mouse_scroll_up(self, event: MouseScrollUp) -> None:
        """The wheel."""
        event.stop()
        self._scroll(-WHEEL_ROWS)
