import sys

from rich.segment import Segment
from rich.style import Style

from tui import palette
from tui.lines import Painter, Row

STYLES = palette.styles(is_dark=True, background="#121212")


def painted(*line: tuple[str, str]) -> list[tuple[str, Style | None]]:
    return [(text, style) for text, style, _ in Painter(STYLES).strip(line)]


def test_blanks_and_equal_neighbours_are_drawn_in_one_style() -> None:
    line = (("cpu", "name"), ("  ", "text"), ("12", "value"), (" %", "value"), (" ", "text"))
    assert painted(*line) == [("cpu  ", STYLES["name"]), ("12 % ", STYLES["value"])]


def test_blanks_are_kept_where_they_can_be_seen() -> None:
    line = (("1 ", "key"), (" x ", "chosen"), ("  ", "text"), ("#  fd", "heading"))
    assert [text for text, _ in painted(*line)] == ["1 ", " x ", "  ", "#  fd"]


def test_a_line_is_as_long_as_its_text() -> None:
    strip = Painter(STYLES).strip((("   7", "text"), ("\x1b[2J", "text"), ("日本", "value")))
    assert strip.text == "   7?[2J??"
    assert strip.cell_length == 10


def test_every_role_has_a_style_on_any_background() -> None:
    for is_dark in (True, False):
        for background in ("#121212", None):
            assert set(palette.styles(is_dark=is_dark, background=background)) == set(palette.ROLES)


def test_a_row_that_was_painted_is_held_by_nobody() -> None:
    row = Row([Segment("text")], 4)
    held = sys.getrefcount(row)
    assert [piece.text for piece in row.divide([1, 4])] == ["t", "ext"]
    assert [piece.text for piece in row.divide([4])] == ["text"]
    assert sys.getrefcount(row) == held
