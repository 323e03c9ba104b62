"""The form of a comparison: what is typed is what is asked for."""

from collections.abc import Callable

import pytest

from engine.compare.conditions import MODES
from engine.models import MODELS
from tests.support import wait_until
from tests.tui.fake_run import a_lively_run
from tests.tui.shown_app import screen, shown
from tui.app import Dashboard
from tui.format import plain
from tui.screens.compare import ComparePage
from tui.screens.compare_form import CompareForm

Rows = list[tuple[int, str]]
"""How far down, and what is typed there."""


def keys(rows: Rows) -> list[str]:
    return [key for steps, text in rows for key in (*["down"] * steps, *text)]


async def test_what_is_typed_is_compared() -> None:
    async with shown(a_lively_run(), (120, 40)) as (dashboard, pilot):
        await pilot.press("C")
        assert isinstance(dashboard.screen, CompareForm)
        rows: Rows = [(0, "epoll, thread"), (1, "both"), (1, "4"), (1, "yes"), (1, "/wait/5")]
        rows += [(1, "3"), (1, "0.9"), (2, "no")]
        await pilot.press(*keys(rows), "enter")
        await pilot.pause()
        page = dashboard.screen
        assert isinstance(page, ComparePage)
        asked = page.asked
        assert (asked.models, asked.modes, asked.rounds) == (("epoll", "thread"), MODES, 4)
        assert asked.sweeps
        under = asked.conditions
        assert (under.path, under.connections, under.seconds) == ("/wait/5", 3, 0.9)
        assert (under.pin, under.trace) == (False, False)

        def text() -> str:
            return "\n".join(map(plain, page.lines(120, 30)))

        wait_until(lambda: "epoll, keep-alive, round 1 of 4" in text(), 20, "its first run")
        await pilot.press("C")
        assert dashboard.screen is page, "what is under way is not disturbed"
        await pilot.press("escape", "c", "enter")
        assert "[x] epoll" in "\n".join(screen(dashboard))
        assert "keep-alive and short, /wait/5, 3 connections" in screen(dashboard)[2]


async def test_marks_and_settings_are_kept() -> None:
    async with shown(a_lively_run(), (120, 40)) as (dashboard, pilot):
        await pilot.press("c", "a", "C")
        assert isinstance(dashboard.screen, CompareForm)
        lines = screen(dashboard)
        assert lines[5].split()[:2] == ["models", "all"]
        assert lines[6].split()[:2] == ["modes", "keep-alive"]
        await pilot.press("escape", "c")
        assert "\n".join(screen(dashboard)).count("[x]") == len(MODELS)


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([(0, "thread")], "models: two at least"),
        ([(0, "thread,nobody")], "models: no model 'nobody'"),
        ([(0, "thread,thread")], "each model once"),
        ([(1, "long")], "modes: keep-alive, short or both, not 'long'"),
        ([(2, "2")], "2 rounds show no spread"),
        ([(3, "maybe")], "sweep: yes or no, not 'maybe'"),
        ([(4, "wait")], "a path is /PATH"),
        ([(5, "0")], "from 1"),
        ([(6, "x")], "seconds: 'x' is no number"),
        ([(6, "0.1")], "shows nothing"),
    ],
)
async def test_the_form_says_what_is_wrong(rows: Rows, said: str) -> None:
    async with shown(a_lively_run(), (120, 40)) as (dashboard, pilot):
        await pilot.press("C", *keys(rows), "enter")
        assert isinstance(dashboard.screen, CompareForm)
        assert said in screen(dashboard)[3]
        assert dashboard.compared is None


@pytest.mark.parametrize("size", [(80, 24), (120, 40)], ids=["80x24", "120x40"])
@pytest.mark.parametrize("key", ["C", "c", "L"])
def test_how_it_looks(snap_compare: Callable[..., bool], size: tuple[int, int], key: str) -> None:
    run = a_lively_run()
    run.poll()
    dashboard = Dashboard(run, frames_per_s=12, beats=False)
    assert snap_compare(dashboard, press=[key], terminal_size=size)
