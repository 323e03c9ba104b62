from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as some

from engine.load.result import HISTOGRAM_EDGES_MS, Burst, histogram
from engine.running.load_process import LoadProcess
from engine.views.snapshot import BurstView
from tests.support import wait_until
from tests.tui.fake_run import a_burst
from tui.format import BARS, GLYPHS, plain
from tui.palette import ROLES
from tui.panels import bursts

WIDTHS = [60, 80, 100, 119, 120, 142, 143, 160, 200]
BUCKETS = len(HISTOGRAM_EDGES_MS) + 1
UNDER_WAY = replace(a_burst(is_running=True), done=120, total=500, p50_ms=None)


def drawn(views: Sequence[BurstView], width: int = 120) -> list[str]:
    return [plain(line) for line in bursts.lines(views, width, len(views))]


def below(lines: Sequence[str], heading: str) -> list[str]:
    """The cells of a column, as wide as its heading."""
    at = lines[1].index(heading)
    return [line[at : at + len(heading)] for line in lines[2:]]


def bars_of(*samples_ms: float, width: int = 120) -> str:
    view = replace(a_burst(), latencies=histogram(samples_ms))
    (cells,) = below(drawn([view], width), bursts.LATENCY)
    return cells[:BUCKETS]


# --- latencies ------------------------------------------------------------------------------------


def test_each_mark_of_the_scale_stands_where_its_bucket_begins() -> None:
    heading = bursts.LATENCY
    begins = {f"{edge:g}ms" if edge < 1000 else f"{edge / 1000:g}s": at + 1
              for at, edge in enumerate(HISTOGRAM_EDGES_MS)}  # fmt: skip
    marks = {mark.strip("─"): heading.index(f"┼{mark}") for mark in heading.split("┼")[1:]}
    assert marks == {mark: begins[mark] for mark in ("1ms", "100ms", "10s")}
    assert heading.startswith("├0─")
    assert len(heading) >= BUCKETS


@pytest.mark.parametrize(
    ("samples_ms", "expected"),
    [
        ([], "                 "),
        ([0.05], "█················"),
        ([0.1, 0.11], "▄▄···············"),
        ([1.5], "····█············"),
        ([150], "··········█······"),
        ([20_000], "················█"),
        ([*[1.5] * 499, 700], "····█·······▁····"),  # even one of many is seen
        ([0.7, 0.7, 1.5, 3], "···▄▂▂···········"),
    ],
)
def test_a_bar_is_a_share_of_the_requests(samples_ms: list[float], expected: str) -> None:
    assert bars_of(*samples_ms) == expected


def test_two_bursts_of_any_size_have_the_same_scale() -> None:
    small = replace(a_burst(), latencies=histogram([0.7, 1.5, 1.5, 3]))
    large = replace(a_burst(), latencies=histogram([0.7, 1.5, 1.5, 3] * 250))
    first, second = below(drawn([small, large]), bursts.LATENCY)
    assert first == second


@pytest.mark.parametrize("width", WIDTHS)
def test_latencies_have_a_column_from_119_cells_on(width: int) -> None:
    lines = drawn([a_burst()], width)
    assert (bursts.LATENCY in lines[1]) == (width >= 119)
    assert ("█ = 100 %" in lines[0]) == (width >= 119)
    assert ("requests/s while it ran" in lines[0]) == ("requests/s" in lines[1])
    assert ("▅" in lines[2]) == (width >= 119)
    if width >= 119:
        scale = lines[0][lines[1].index(bursts.LATENCY) :]
        assert scale in bursts.LATENCY_SCALES
        assert "steps" in scale


def test_bursts_without_a_result_have_no_latencies() -> None:
    lines = drawn([UNDER_WAY, replace(a_burst(), latencies=(0,) * BUCKETS, errors={"reset": 50})])
    for cells in below(lines, bursts.LATENCY):
        assert set(cells) <= set(" █·")
        assert "▁" not in cells
    assert below(lines, bursts.LATENCY)[1].strip() == ""


def test_the_result_of_the_client_comes_with_its_latencies() -> None:
    burst = LoadProcess(Burst("http://127.0.0.1:9/"), "epoll", "keep-alive")

    def has_ended() -> bool:
        burst.advance()
        return not burst.is_running

    assert burst.view().latencies == ()
    wait_until(has_ended)
    assert burst.view().latencies == (0,) * BUCKETS  # nobody listened: none was good


# --- progress -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("width", "row"),
    [
        (60, "  1 thread     keep-alive  120/500  24 % ██······· under way"),
        (80, "  1 thread          keep-alive     120/500          10  24 % ██······· under way"),
        (
            120,
            "  1 thread          keep-alive       120 of 500          10  24 % done ███··········"
            "                        under way",
        ),
    ],
)
def test_a_burst_under_way_has_a_bar(width: int, row: str) -> None:
    assert drawn([UNDER_WAY], width)[2] == row


@pytest.mark.parametrize(
    ("done", "total", "shown"),
    [(0, 500, 0), (1, 500, 0), (250, 500, 6), (499, 500, 12), (500, 500, 13), (9, 0, 13)],
)
def test_the_bar_is_full_at_the_end_only(done: int, total: int, shown: int) -> None:
    row = drawn([replace(UNDER_WAY, done=done, total=total)])[2]
    assert row.count("█") == shown
    assert row.count("·") == 13 - shown


@pytest.mark.parametrize(
    ("done", "total", "narrow", "wide"),
    [
        (32, 50, "32 of 50", "32 of 50"),
        (1_200, 5_000, "1,200", "1200/5000"),
        (120, 50_000, "120", "120/50,000"),
        (12_000, 50_000, "12,000", "12,000"),
    ],
)
def test_what_is_done_is_never_cut(done: int, total: int, narrow: str, wide: str) -> None:
    view = replace(UNDER_WAY, done=done, total=total)
    for width, expected in ((60, narrow), (80, narrow), (120, wide)):
        words = drawn([view], width)[2].split("keep-alive")[1].strip()
        assert words.startswith(f"{expected} ")


# --- the table ------------------------------------------------------------------------------------


@pytest.mark.parametrize("width", WIDTHS)
def test_figures_end_below_their_headings(width: int) -> None:
    view = replace(a_burst(), max_ms=12.8, retried=3)
    _, headings, row = drawn([view], width)
    figures = {"requests": "50", "connections": "10", "each": "5", "p50": "1.21 ms"}
    figures |= {"p99": "-", "max": "13 ms", "retried": "3", "requests/s": "8,410"}
    shown = {heading: figures[heading] for heading in headings.split() if heading in figures}
    assert len(shown) >= 3
    for heading, figure in shown.items():
        end = headings.index(f"{heading} ") + len(heading)
        assert row[:end].endswith(f" {figure}")


@pytest.mark.parametrize("width", WIDTHS)
def test_bursts_which_are_too_few_for_a_p99_tell_their_longest(width: int) -> None:
    headings, row = drawn([a_burst()], width)[1:]
    assert "13 ms" in row
    assert ("p99" in headings) == (width >= 143)
    load = replace(a_burst(), loop="open loop", verdict="fine", p99_ms=3.42)
    assert "3.42 ms" in drawn([a_burst(), load], width)[3]


@pytest.mark.parametrize("width", WIDTHS)
def test_what_was_retried_is_told_at_any_width(width: int) -> None:
    _, headings, row = drawn([replace(a_burst(), retried=3)], width)
    assert ("retried" in headings) != ("3 retried" in row)
    assert "retried" not in drawn([a_burst()], width)[2]


def test_what_was_retried_stands_behind_the_errors() -> None:
    view = replace(a_burst(), retried=3, errors={"reset": 2})
    assert drawn([view], 135)[2].endswith(" 2 reset, 3 retried")


views = some.builds(
    BurstView,
    model=some.sampled_from(("thread", "polling>process", "epoll>thread>process>polling")),
    mode=some.sampled_from(("short", "keep-alive>short", "short>keep-alive>short")),
    done=some.integers(0, 10**7),
    total=some.integers(1, 10**7),
    is_running=some.booleans(),
    connections_opened=some.integers(0, 10**6),
    requests_per_s=some.floats(0, 10**6),
    p50_ms=some.none() | some.floats(0, 10**5),
    p99_ms=some.none() | some.floats(0, 10**5),
    max_ms=some.none() | some.floats(0, 10**5),
    retried=some.integers(0, 10**5),
    errors=some.dictionaries(some.sampled_from(("reset", "timed out")), some.integers(1, 999)),
    failure=some.sampled_from(("", "", "", "the client exit 1")),
    latencies=some.just(()) | some.tuples(*[some.integers(0, 999)] * BUCKETS),
)


@given(some.lists(views, max_size=4), some.integers(0, 230), some.integers(-1, 5))
def test_no_line_is_too_wide_and_no_glyph_foreign(
    given_views: list[BurstView], width: int, rows: int
) -> None:
    lines = bursts.lines(given_views, width, rows)
    assert len(lines) <= max(rows, 0) + 2
    for line in lines:
        assert len(plain(line)) <= width
        assert all(" " <= glyph <= "~" or glyph in GLYPHS for glyph in plain(line))
        assert all(role in ROLES for _, role in line)


@given(some.tuples(*[some.integers(0, 999)] * BUCKETS).filter(any))
def test_a_bucket_has_a_dot_or_a_bar(counts: tuple[int, ...]) -> None:
    (cells,) = below(drawn([replace(a_burst(), latencies=counts)]), bursts.LATENCY)
    assert [cell == "·" for cell in cells[:BUCKETS]] == [number == 0 for number in counts]
    assert set(cells[:BUCKETS]) <= {"·", *BARS[1:]}
    assert cells[BUCKETS:].strip() == ""
