import pytest

from tui import format as text
from tui.format import Column, Line


@pytest.mark.parametrize(
    ("number", "shown"),
    [(0, "0"), (999, "999"), (1_204, "1,204"), (9_999_999, "9,999,999"), (12_345_678, "12.3 M")],
)
def test_count(number: int, shown: str) -> None:
    assert text.count(number) == shown


@pytest.mark.parametrize(
    ("number", "shown"),
    [(0, "0"), (0.4, "0"), (8.6, "9"), (999.4, "999"), (8_412.7, "8,410"), (41_249, "41,200")],
)
def test_rate_has_three_digits(number: float, shown: str) -> None:
    assert text.rate(number) == shown


@pytest.mark.parametrize(
    ("number", "shown"),
    [
        *((0, "0 B"), (83, "83 B"), (999, "999 B"), (1_000, "1.0 KB"), (1_234, "1.2 KB")),
        *((45_000, "45 KB"), (999_400, "999 KB"), (999_900, "1.0 MB"), (2_100_000, "2.1 MB")),
        *((34_100_000, "34 MB"), (7e12, "7.0 TB"), (7e16, "70,000 TB")),
    ],
)
def test_size(number: float, shown: str) -> None:
    assert text.size(number) == shown


@pytest.mark.parametrize(
    ("ms", "shown"),
    [
        *((None, "-"), (0.0, "0.00 ms"), (0.85, "0.85 ms"), (9.996, "10 ms"), (12.4, "12 ms")),
        *((999.4, "999 ms"), (1_200, "1.20 s"), (250_000, "250 s")),
    ],
)
def test_milliseconds(ms: float | None, shown: str) -> None:
    assert text.milliseconds(ms) == shown


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (-1, "< 1 s"),
        (0, "< 1 s"),
        (1, "1 s"),
        (119, "119 s"),
        (120, "2 min"),
        (3_599, "59 min"),
        (7_200, "2 h"),
        (90_000, "1 d"),
    ],
)
def test_age_is_coarse(seconds: int, shown: str) -> None:
    assert text.age(seconds) == shown


@pytest.mark.parametrize(
    ("number", "full"), [(0, 10), (10, 10), (11, 20), (49, 50), (50.5, 100), (8_410, 10_000)]
)
def test_a_bar_has_a_round_scale(number: float, full: int) -> None:
    assert text.round_up(number) == full


def test_bars_end_at_the_right_and_show_every_request() -> None:
    assert text.bars([0, 1, 50, 100], 6, 100) == "   ▁▄█"


@pytest.mark.parametrize(
    "hostile",
    [
        *("\x1b[2J\x1b[31m", "\x9b31m", "a\rb\nc\td", "\u202eabc", "日本", "e\u0301", "\x7f"),
        *("\ud800", "\U0001f600", "\u200b", "\x1b]52;c;AAAA\x07"),
    ],
)
def test_safe_leaves_one_printable_cell_for_each_character(hostile: str) -> None:
    shown = text.safe(hostile)
    assert len(shown) == len(hostile)
    assert shown.isascii()
    assert shown.isprintable()


def test_safe_keeps_what_we_draw() -> None:
    ours = f"GET /[bold]x[/] {text.GLYPHS}"
    assert text.safe(ours) == ours


def test_fit_tells_that_there_was_more() -> None:
    assert text.fit("/index.html", 11) == "/index.html"
    assert text.fit("/index.html", 6) == "/inde…"
    assert text.fit("/index.html", 0) == ""


def test_wrapped_breaks_between_words() -> None:
    assert text.wrapped("press R to start", 8) == ["press R", "to start"]
    assert text.wrapped("unbreakable", 6) == ["unbre…"]


# --- columns --------------------------------------------------------------------------------------


def _cell(item: object, _: object) -> Line:
    return ((str(item), "text"),)


NAME = Column("name", 4, 10, _cell)
SIZE = Column("size", 4, 4, _cell, is_right=True)
NOTE = Column("note", 5, 5, _cell)
COLUMNS = ((0, NAME), (2, NOTE), (1, SIZE))


@pytest.mark.parametrize(
    ("width", "headings"),
    [
        *((3, ""), (4, "name"), (8, "name    "), (9, "name size")),
        *((15, "name note  size"), (40, "name       note  size")),
    ],
)
def test_narrow_tables_leave_out_whole_columns(width: int, headings: str) -> None:
    assert text.plain(text.heading(text.choose(COLUMNS, width))) == headings


def test_rows_stand_below_their_headings() -> None:
    chosen = text.choose(COLUMNS, 15)
    assert text.plain(text.table_row(chosen, "x", None)) == "x    x        x"
    assert text.plain(text.table_row(chosen, "longer", None)) == "lon… long… lon…"
