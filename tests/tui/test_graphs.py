from collections.abc import Sequence
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as some

from engine.views.snapshot import Counts, ProcessNumbers, Snapshot
from tests.tui.fake_run import a_lively_run
from tui.format import BARS, GLYPHS, brief, plain, round_up
from tui.history import SECOND_NS, History
from tui.palette import ROLES
from tui.panels import graphs

NAMES = ("requests/s", "open connections", "descriptors")
SIZES = [(60, 6), (60, 18), (80, 8), (80, 22), (120, 6), (120, 38), (200, 20), (200, 58), (330, 20)]


def a_frame(
    second: float, *, opened: int = 0, descriptors: int | None = 9, requests: Sequence[int] = ()
) -> tuple[Snapshot, ProcessNumbers, int]:
    now_ns = round(second * SECOND_NS)
    counts = Counts(accepted=opened)
    rate = float(requests[-1]) if requests else 0.0
    snapshot = Snapshot(now_ns, counts, rate, requests_history=tuple(requests))
    return snapshot, ProcessNumbers(processes=1, descriptors=descriptors), now_ns


def a_history(requests: Sequence[int], descriptors: Sequence[int | None] = ()) -> History:
    """One frame a second, the last one in the second after them."""
    history = History()
    for second in range(len(requests) + 1):
        number = descriptors[second] if second < len(descriptors) else 9
        history.feed(*a_frame(second, opened=7, descriptors=number, requests=requests[:second]))
    return history


def drawn(history: History, width: int, rows: int) -> list[str]:
    return [plain(line) for line in graphs.lines(history, width, rows)]


def bars_of(lines: Sequence[str], name: str) -> list[str]:
    """The rows of a graph that has them for itself, without its scale."""
    at = next(at for at, line in enumerate(lines) if line.startswith(name))
    rest = [line for line in lines[at:] if "┤" in line or "│" in line]
    end = next(at for at, line in enumerate(rest) if line.split("┤")[0].endswith(" 0"))
    return [line[max(line.find("┤"), line.find("│")) + 1 :] for line in rest[: end + 1]]


# --- sizes and places -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("width", "rows", "shown"),
    [
        *((60, 6, 2), (60, 8, 3), (60, 18, 3), (80, 4, 1), (80, 5, 2), (80, 6, 2), (80, 8, 3)),
        *((120, 4, 1), (120, 5, 3), (120, 6, 3), (120, 38, 3), (200, 20, 3), (40, 9, 1)),
        *((47, 4, 1), (46, 4, 0), (30, 40, 1), (29, 40, 0), (80, 3, 0), (80, 0, 0), (0, 0, 0)),
    ],
)
def test_a_graph_without_room_is_left_out(width: int, rows: int, shown: int) -> None:
    lines = drawn(a_history([5] * 90), width, rows)
    text = "\n".join(lines[1:])
    assert [name for name in NAMES if name in text] == list(NAMES[:shown])
    assert len(lines) <= rows
    assert bool(lines) == bool(shown)


@pytest.mark.parametrize(("width", "rows"), SIZES)
def test_all_graphs_stand_exactly_over_one_axis_of_time(width: int, rows: int) -> None:
    lines = drawn(a_history([5] * 90), width, rows)
    *plots, axis = lines[1:]
    assert max(map(len, lines)) <= width
    ends = [at + 3 for at in range(len(axis)) if axis.startswith("now", at)]
    begins = [at for at, glyph in enumerate(axis) if glyph == "├"]
    for line in plots:
        scales = [at + 1 for at, glyph in enumerate(line) if glyph in "┤│"]
        assert scales in ([], begins)
        assert not scales or len(line) == ends[-1]
    assert len({end - begin for begin, end in zip(begins, ends, strict=True)}) == 1


@pytest.mark.parametrize(("width", "rows"), SIZES)
def test_each_has_its_name_its_value_and_its_scale(width: int, rows: int) -> None:
    lines = drawn(a_history([8_412] * 90), width, rows)
    text = "\n" + "\n".join(lines[1:])
    assert "10,000/s┤" in text
    words = " ".join(text.replace("┤", " ").split())
    for name, value in zip(NAMES, ("8,410", "7", "9"), strict=True):
        if name in text:
            assert f"{name} {value}" in words or f"\n{value} " in text
    shown = sum(name in text for name in NAMES)
    assert text.count("┤") == 2 * shown
    assert text.count(" 0┤") == shown
    assert text.count(" 10┤") == shown - 1


@pytest.mark.parametrize(
    ("width", "rows", "span", "axis"),
    [
        (60, 18, "50 s", "├-50 s──────────────┼-30 s──────────────────── now"),
        (60, 8, "33 s", "├-33 s───────┼-20 s────────── now"),
        (80, 22, "70 s", "├-70 s────┼-60 s────────────────────────┼-30 s──────────────────── now"),
        (190, 22, "3 min", "├-3 min" + "─" * 53 + "┼-2 min" + "─" * 53 + "┼-1 min" + "─" * 49 + " now"),
        (200, 22, "3 min 10 s", "├-3 min 10 s" + "─" * 58 + "┼-2 min" + "─" * 53 + "┼-1 min"),
        (400, 22, "5 min", "├-5 min" + "─" * 53 + "┼-4 min" + "─" * 53 + "┼-3 min"),
    ],
)  # fmt: skip
def test_the_span_is_said_truly(width: int, rows: int, span: str, axis: str) -> None:
    lines = drawn(a_history([5] * 20), width, rows)
    assert lines[0].startswith(f"GRAPHS  the last {span}, ")
    assert lines[-1].strip().startswith(axis)
    assert lines[-1].endswith("─ now")


# --- bars -----------------------------------------------------------------------------------------


def test_an_empty_history_is_unknown_and_has_a_scale() -> None:
    lines = drawn(History(), 80, 22)
    assert bars_of(lines, "requests/s") == [*[" " * 70] * 4, "·" * 70]
    assert "       10┤" in lines[8]
    assert lines[1] == "requests/s -"


def test_one_second_stands_at_the_right() -> None:
    bars = bars_of(drawn(a_history([10]), 80, 22), "requests/s")
    assert bars == [*[" " * 69 + "█"] * 4, "·" * 69 + "█"]


def test_unknown_seconds_differ_from_nothing() -> None:
    history = a_history([0] * 6, descriptors=[10, None, None, 10, 0, 10])
    lines = drawn(history, 80, 22)
    assert bars_of(lines, "descriptors")[-1] == "·" * 64 + "█··█ █"
    assert bars_of(lines, "descriptors")[0] == " " * 64 + "█  █ █"
    assert bars_of(lines, "requests/s")[-1] == "·" * 64 + " " * 6
    roles = {role for text, role in graphs.lines(history, 80, 22)[-2] if "·" in text}
    assert roles == {"closed"}


def test_four_rows_have_32_levels() -> None:
    rows = bars_of(drawn(a_history([*range(1, 33), 50]), 60, 17), "requests/s")
    assert len(rows) == 4
    levels = [sum(BARS.index(row[at]) for row in rows) for at in range(50 - 33, 50)]
    assert levels == [-(-number * 32 // 50) for number in [*range(1, 33), 50]]
    assert len(set(levels)) > 16


@pytest.mark.parametrize(
    ("most", "scale"),
    [(0, "10"), (10, "10"), (11, "20"), (8_410, "10,000"), (400_000, "500,000"), (2e6, "2.0 M")],
)
def test_the_scale_is_round(most: float, scale: str) -> None:
    assert f" {scale}/s┤" in " " + drawn(a_history([int(most), 1]), 80, 22)[2]


@given(some.lists(some.integers(0, 2_000_000), max_size=100))
def test_a_scale_is_a_step_of_1_2_5_and_holds_all(numbers: list[int]) -> None:
    lines = drawn(a_history(numbers), 80, 22)
    seen = max(numbers[-70:], default=0)
    said = lines[2].split("/s┤")[0].strip()
    assert said == brief(round_up(seen))
    assert str(round_up(seen)).rstrip("0") in ("1", "2", "5")


def test_a_second_later_all_stands_one_column_further_left() -> None:
    numbers = [(at * 37) % 90 + 10 for at in range(120)]
    pictures = [
        bars_of(drawn(a_history(numbers[:end]), 80, 22), "requests/s") for end in range(80, 120)
    ]
    for before, after in pairwise(pictures):
        assert [row[1:] for row in before] == [row[:-1] for row in after]


def test_within_a_second_only_the_values_change() -> None:
    history = a_history([50] * 9)
    before = drawn(history, 80, 22)
    history.feed(*a_frame(9.5, opened=10, descriptors=8, requests=[50] * 9))
    changed = [
        line for old, line in zip(before, drawn(history, 80, 22), strict=True) if old != line
    ]
    assert changed == ["open connections 10", "descriptors 8"]


def test_the_scale_has_room_for_what_is_seen_now() -> None:
    history = a_history([50] * 9)
    history.feed(*a_frame(9.2, opened=7, descriptors=16, requests=[*[50] * 8, 1_200]))
    history.feed(*a_frame(9.5, opened=7, descriptors=9, requests=[50] * 9))
    lines = drawn(history, 80, 22)
    scales = [line.split("┤")[0].strip() for line in lines if "┤" in line]
    assert scales == ["2,000/s", "0", "10", "0", "20", "0"]


def test_what_is_long_ago_does_not_shrink_what_is_seen() -> None:
    lines = drawn(a_history([9_000, *[20] * 100]), 80, 22)
    assert "     20/s┤" in lines[2]


numbers = some.none() | some.integers(0, 3) | some.integers(0, 5 * 10**11)


@given(
    some.lists(some.tuples(some.integers(0, 5 * 10**11), numbers), max_size=80),
    some.integers(-3, 360),
    some.integers(-3, 40),
)
def test_no_line_is_too_wide_and_no_glyph_foreign(
    samples: list[tuple[int, int | None]], width: int, rows: int
) -> None:
    requests, descriptors = [first for first, _ in samples], [last for _, last in samples]
    lines = graphs.lines(a_history(requests, descriptors), width, rows)
    assert len(lines) <= max(rows, 0)
    for line in lines:
        assert len(plain(line)) <= width
        assert all(" " <= glyph <= "~" or glyph in GLYPHS for glyph in plain(line))
        assert all(role in ROLES for _, role in line)
        assert "…" not in plain(line)


def test_a_dead_server_is_a_gap() -> None:
    run = a_lively_run()
    history = History()
    for second in range(4):
        run.poll()
        history.feed(run.snapshot(), run.numbers(), run.now_ns)
        if not second:
            run.die()
        run.wait(1)
    assert list(history.descriptors.seconds)[-3:] == [9, None, None]
    assert drawn(history, 80, 22)[-7] == "descriptors -"
