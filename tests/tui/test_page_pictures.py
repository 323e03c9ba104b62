"""Pictures of the pages at three sizes, on light, and in ASCII without colour; and that nothing is cut in
them but what clients have sent."""

from collections.abc import Callable
from pathlib import Path

import pytest
from textual.widgets import Label

from tests.make_screenshots import at_its_end
from tests.tui.fake_run import FakeRun
from tests.tui.shown_app import screen, shown
from tests.tui.test_code import a_served_run
from tests.tui.test_detail import a_told_run
from tests.tui.test_rooms import a_busy_run
from tests.tui.test_worker_page import a_watched_run
from tui.app import Dashboard
from tui.format import plain
from tui.lines import Lines

Compare = Callable[..., bool]
SIZES = [(60, 20), (80, 24), (120, 40)]
PAGES = {
    "rooms": (a_busy_run, ["t"]),
    "labs": (FakeRun, ["x", "end"]),
    "compare": (FakeRun, ["c", "end"]),
    "compare-form": (FakeRun, ["C"]),
    "load-form": (FakeRun, ["L"]),
    "models": (FakeRun, ["m", "end"]),
    "workers": (a_watched_run, ["w"]),
    "worker": (a_watched_run, ["w", "down", "down", "enter"]),
    "detail": (a_told_run, ["down", "enter"]),
    "code": (a_served_run, ["o"]),
}
"""What each shows, and its keys."""


@pytest.fixture(autouse=True)
def _same_everywhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))  # where the course of the labs stands
    for name in ("NO_COLOR", "COLORFGBG", "TEXTUAL_THEME"):
        monkeypatch.delenv(name, raising=False)


def of(run: FakeRun, *, is_ascii: bool = False) -> Dashboard:
    run.poll()
    return Dashboard(run, frames_per_s=12, beats=False, is_ascii=is_ascii)


@pytest.mark.parametrize("size", SIZES, ids=lambda size: "x".join(map(str, size)))
@pytest.mark.parametrize("page", PAGES)
def test_a_page(snap_compare: Compare, page: str, size: tuple[int, int]) -> None:
    make, keys = PAGES[page]
    assert snap_compare(of(make()), press=keys, terminal_size=size)


@pytest.mark.parametrize("page", [*PAGES, "lanes"])
def test_on_light(snap_compare: Compare, page: str) -> None:
    make, keys = PAGES.get(page, (a_busy_run, ["v", "down"]))
    dashboard = of(make())
    dashboard.theme = "textual-light"
    assert snap_compare(dashboard, press=keys, terminal_size=(80, 24))


@pytest.mark.parametrize("page", PAGES)
def test_in_ascii_without_colour(
    snap_compare: Compare, page: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    make, keys = PAGES[page]
    assert snap_compare(of(make(), is_ascii=True), press=keys, terminal_size=(80, 24))


@pytest.mark.parametrize("size", [(160, 40), (200, 60)], ids=["160x40", "200x60"])
def test_the_code_beside_the_connections(snap_compare: Compare, size: tuple[int, int]) -> None:
    keys = ["o"] if size == (160, 40) else []  # larger ones have it from the start
    assert snap_compare(of(a_served_run()), press=keys, terminal_size=size)


@pytest.mark.parametrize("size", [*SIZES, (200, 60)], ids=lambda size: "x".join(map(str, size)))
async def test_nothing_is_cut(size: tuple[int, int]) -> None:
    opened = (*(keys for _, keys in PAGES.values()), ["v", "down"], ["f"], ["g"], ["e"])
    async with shown(a_busy_run(), size) as (dashboard, pilot):
        for keys in (*opened, ["question_mark"]):
            for key in (*keys, "pagedown"):
                await pilot.press(key)
                cut = [line for line in screen(dashboard) if "…" in line and "/page/" not in line]
                for part in dashboard.screen.query(Lines):
                    told = [plain(line).rstrip() for line in part._lines]
                    cut += [line for line in told if len(line) > size[0]]
                for label in dashboard.screen.query(".setting Label").results(Label):
                    text, room = str(label.content), label.size.width
                    cut += [text] * (label.display and len(text) > room)
                assert not cut, f"{keys}: {cut}"
            assert dashboard.page is not None or (keys == ["o"] and size[0] >= 160)
            if keys == ["o"]:
                await pilot.press("o")
            while dashboard.page is not None:
                await pilot.press("escape")


@pytest.mark.parametrize("size", SIZES, ids=lambda size: "x".join(map(str, size)))
async def test_nothing_of_a_real_run_is_cut(size: tuple[int, int]) -> None:
    async with shown(at_its_end("thread"), size) as (dashboard, pilot):
        for keys in (["down", "enter"], ["escape", "down", "enter"], ["escape", "v"], ["down"]):
            await pilot.press(*keys)
            assert [line for line in screen(dashboard) if "…" in line] == []
