"""The keys that hold, step and slow the server, and what the screen says of it."""

from pathlib import Path

import pytest

from tests.tui.fake_run import FakeRun, FakeSlowMotion, a_lively_run
from tests.tui.shown_app import screen, shown
from tui.pace_words import told_of_pace


@pytest.mark.parametrize("size", [(60, 20), (80, 24), (120, 40)])
@pytest.mark.parametrize("page", ["", "v", "o"], ids=["dashboard", "lanes", "code"])
async def test_a_held_server_is_said_so_on_every_page(size: tuple[int, int], page: str) -> None:
    run = a_lively_run()
    async with shown(run, size) as (dashboard, pilot):
        await pilot.press(*page, "full_stop", "full_stop")
        dashboard.frame()
        await pilot.pause()
        assert run.calls == ["hold", "step"]
        assert "HELD" in screen(dashboard)[0]
        await pilot.press("comma")
        dashboard.frame()
        await pilot.pause()
        assert run.calls[2:] == ["go on"]
        assert "HELD" not in screen(dashboard)[0]


async def test_the_pause_a_round_is_changed_and_said() -> None:
    run = FakeRun("polling")
    async with shown(run) as (dashboard, pilot):
        await pilot.press("right_square_bracket")
        assert run.calls == ["tick 1"]
        assert "pause 0.2 s a round" in screen(dashboard)[0]
        await pilot.press("left_square_bracket")
        assert "pause" not in screen(dashboard)[0]


async def test_other_keys_work_while_it_is_held() -> None:
    run = a_lively_run()
    async with shown(run) as (dashboard, pilot):
        await pilot.press("full_stop", "b", "k", "4", "q")
        assert run.calls == ["hold", "burst 50 10", "short", "switch polling"]
        assert dashboard._exit


@pytest.mark.parametrize(
    ("model", "is_stepping", "tick_s", "told"),
    [
        ("thread", False, 0.0, ""),
        ("thread", True, 0.0, "HELD  . an answer  , run on"),
        ("polling", True, 0.5, "HELD  . a round  , run on"),
        ("polling", False, 0.5, "pause 0.5 s a round"),
        ("epoll", False, 0.5, ""),
    ],
)
def test_the_pace_in_words(model: str, is_stepping: bool, tick_s: float, told: str) -> None:
    slow = FakeSlowMotion([])
    slow.is_stepping, slow.tick_s = is_stepping, tick_s
    assert (told_of_pace(slow, model) or ("",))[0] == told


def test_a_recording_has_its_own_pace() -> None:
    assert told_of_pace(None, "polling") == ()


async def test_a_held_server_that_is_recorded_says_both(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    async with shown(FakeRun(), (160, 40)) as (dashboard, pilot):
        await pilot.press("r", "full_stop")
        assert "HELD  . an answer  , run on  recording" in screen(dashboard)[0]
