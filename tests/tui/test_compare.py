"""A comparison as people read it: tables, charts, and its page in the dashboard."""

import re
import time
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest

from engine.compare.report import Comparison
from engine.compare.sweep import Point, Sweep, climb
from engine.load.figures import FINE, SATURATED
from engine.models import MODELS
from tests.engine.compared import CONDITIONS, a_report, a_standing, a_trial
from tests.support import wait_until
from tests.tui.fake_run import a_lively_run
from tests.tui.shown_app import shown
from tui.comparison import cells, in_html, in_markdown, in_text
from tui.comparison.curves import Axis
from tui.format import plain, rate
from tui.screens.compare import ComparePage, report

A_POINT = Point(20, 20, 20.0, None, None, 21.0, 0, FINE, is_met=True)


def a_sweep(model: str, most: int) -> Sweep:
    """Of a server that answers `most` a second."""
    *_, whole = climb(model, "keep-alive", lambda rate: a_trial(per_s=int(min(rate, most))))
    return whole


def told() -> Comparison:
    sweeps = (a_sweep("thread", 900), a_sweep("epoll", 60))
    return replace(
        a_report(
            a_standing("thread", (900, 950, 1000)),
            a_standing("gevent", (920, 940, 960)),
            a_standing("epoll", (40, 45, 50), waits={"unread": 31.0, "handler": 1.0}),
            a_standing("prefork", (400, 400, 400), errors={"timed out": 24}),
            a_standing("process", (500, 500, 500), client=SATURATED),
            a_standing("asyncio", (1, 1, 1), failure="<it> cannot"),
        ),
        sweeps=(*sweeps, Sweep("process", "keep-alive", failure="died")),
    )


def test_the_table_tells_where_requests_waited_and_who_is_left_out() -> None:
    text = "\n".join(in_text.lines(told()))
    assert re.search(r"epoll .* unread 97 %", text)
    assert re.search(r"thread +█+ +950 +900 to 1,000 .* handler 75 %, unread 25 %", text)
    for name in ("prefork*", "process*", "asyncio, keep-alive: <it> cannot"):
        assert name in text
    assert "keep-alive, most requests/s: no winner within the spread: thread, gevent" in text
    assert "serves 8 connections at a time: the other 24" in text
    assert "thread, keep-alive: keeps up to" in text
    assert "died" in text


@pytest.mark.parametrize("width", [60, 80, 100, 120, 160, 200])
def test_a_narrow_screen_gets_fewer_columns(width: int) -> None:
    lines = in_text.table(cells.by_mode(told())["keep-alive"], width)
    assert max(map(len, lines)) <= max(width, 74)
    assert "requests/s" in lines[0]
    assert ("fds" in lines[0]) == (width >= 160)


def test_nothing_measured_is_drawn_as_nothing() -> None:
    nothing = a_report(
        a_standing("thread", (0, 0, 0), seconds=0.0), a_standing("x", (1,), failure="no")
    )
    assert "thread*" in "\n".join(in_text.lines(nothing))
    assert in_text.plot([Sweep("x", "short")]) == []
    assert "<svg" in in_html.page(nothing, [])


class Page(HTMLParser):
    """Elements that are open, and those that a page would load from elsewhere."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.loads: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        if tag not in ("meta", "br"):
            self.open.append(tag)
        self.loads += [name for name, _ in attrs if name in ("src", "href", "data", "srcset")]

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_the_page_is_whole_and_needs_nothing_beside_it() -> None:
    text = in_html.page(told(), ["as before"])
    page = Page()
    page.feed(text)
    assert (page.open, page.loads) == ([], [])
    assert page.tags.count("svg") == 4
    assert page.tags.count("polyline") == 3
    assert not {"script", "link", "img", "iframe"} & set(page.tags)
    assert "http" not in text
    assert "&lt;it&gt; cannot" in text
    assert "as before" in text


@pytest.mark.parametrize(
    ("least", "most", "ticks"),
    [
        (20, 20, [20, 50]),
        (21, 99, [20, 50, 100]),
        (0.3, 1.5, [0.2, 0.5, 1, 2]),
        (1, 60_000, [1, 10, 100, 1000, 10_000, 100_000]),
    ],
)
def test_an_axis_begins_below_and_ends_above(least: float, most: float, ticks: list[float]) -> None:
    axis = Axis([least, most], 0, 100)
    assert axis.ticks == pytest.approx(ticks)
    assert 0 <= axis.place(least) <= axis.place(most) <= 100


def test_markdown_has_a_row_for_each_model_and_escapes_its_stars() -> None:
    text = in_markdown.text(told(), [])
    assert "| prefork\\* |" in text
    assert "| thread | 950 | 900 to 1,000 |" in text
    assert "asyncio" not in [
        line.split("|")[1].strip() for line in text.splitlines() if "|" in line
    ]


@pytest.mark.parametrize(
    ("capped_at", "said"), [(32, " with 32 connections; more may carry more"), (0, "")]
)
def test_a_knee_says_when_it_is_that_of_the_clients_connections(capped_at: int, said: str) -> None:
    sweep = a_sweep("thread", 900)
    points = tuple(replace(point, capped_at=capped_at) for point in sweep.points)
    words = cells.knee(replace(sweep, points=points))
    assert (
        words == f"thread, keep-alive: keeps up to {rate(sweep.knee_per_s or 0)} requests/s{said}"
    )


def test_each_of_many_sweeps_has_its_letter() -> None:
    points = [replace(A_POINT, requests_per_s=20 * 1.2**number) for number in range(32)]
    sweeps = [Sweep(f"m{number}", "short", (point,)) for number, point in enumerate(points)]
    lines = in_text.sweeps(sweeps)
    letters = [line[0] for line in lines if ", short: " in line]
    assert [line.split()[1] for line in lines if ", short: " in line] == [
        f"{one.model}," for one in sweeps
    ]
    assert len(set(letters)) == 32
    assert set(letters) <= set("".join(line.partition("│")[2] for line in in_text.plot(sweeps)))


def test_the_plot_has_both_ends_of_both_axes() -> None:
    plot = in_text.plot(told().sweeps)
    assert plot[0].lstrip().startswith("20 ms")
    assert "20 requests/s" in plot[-1]
    assert "900 requests/s" in plot[-1]
    assert {"a", "b"} & set("".join(plot[:-1]))


def test_a_knee_that_is_the_clients_is_not_called_the_servers() -> None:
    whole = a_sweep("thread", 900)
    points = [
        replace(each, client=each.client if each.is_met else SATURATED) for each in whole.points
    ]
    assert "the client" not in cells.knee(whole)
    assert "for the client's sake (client saturated)" in cells.knee(
        replace(whole, points=tuple(points))
    )


async def test_the_page_compares_what_is_marked() -> None:
    async with shown(a_lively_run(), (120, 40)) as (dashboard, pilot):
        await pilot.press("c")
        page = dashboard.screen
        assert isinstance(page, ComparePage)

        def text() -> str:
            return "\n".join(map(plain, page.lines(120, 30)))

        assert "COMPARE  keep-alive, /wait/20, 32 connections" in text()
        assert text().count("[x]") == 2
        assert "[x] thread" in text()
        await pilot.press("a")
        assert text().count("[x]") == len(MODELS)
        await pilot.press("a", "space", "enter")
        assert "mark two models at least" in text()
        await pilot.press("down", "space", "enter")
        wait_until(lambda: "process, keep-alive, round 1 of 3" in text(), 20, "its first run")
        assert "0 %" in text()
        await pilot.press("escape")
        assert dashboard.page is None
        assert dashboard.comparison is not None
        await pilot.press("c")
        again = dashboard.screen
        assert isinstance(again, ComparePage)
        told = "\n".join(map(plain, again.lines(120, 30)))
        assert "ended early" in told
        assert "round 1 of 3" not in told


async def test_what_was_found_out_is_saved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    async with shown(a_lively_run(), (120, 40)) as (dashboard, pilot):
        await pilot.press("c", "s")
        assert not list(tmp_path.iterdir())  # nothing is known yet
        await pilot.press("escape")
        dashboard.comparison = told()
        await pilot.press("c", "s")
        page = dashboard.screen
        assert isinstance(page, ComparePage)
        files = {path.suffix: path for path in tmp_path.iterdir()}
        first = plain(page.lines(200, 40)[0])
        assert all(path.name in first for path in files.values())
        assert str(tmp_path) in first
        assert Comparison.from_json(files[".json"].read_text()) == told()
        assert "<svg" in files[".html"].read_text()
        monkeypatch.setattr(time, "strftime", lambda _: "no/such/folder")
        await pilot.press("s")
        assert "No such file or directory" in plain(page.lines(200, 40)[0])


def test_the_page_tells_the_end() -> None:
    whole = [plain(line) for line in report(told(), 100)]
    assert max(map(len, whole)) <= 100
    assert any("no winner" in line for line in whole)
    under_way = [plain(line) for line in report(replace(told(), is_final=False, share=0.7), 100)]
    assert "70 %" in under_way[1]
    assert not any("no winner" in line for line in under_way)
    assert CONDITIONS.path in whole[0]
