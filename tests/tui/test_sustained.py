"""Sustained load in the dashboard: its key, its form, its line among the bursts."""

import json
from collections.abc import Sequence
from dataclasses import asdict, replace

import pytest

from engine.events import Event, Kind
from engine.load.figures import CROWDED, FINE, SATURATED
from engine.load.plan import Plan
from engine.load.result import bad_status
from engine.recordings.told import TELLER, told
from engine.running.run import Run
from engine.running.run_settings import RunSettings
from engine.views.snapshot import BurstView
from tests.support import wait_until
from tests.tui.fake_run import FakeRun, a_burst, a_lively_run
from tests.tui.shown_app import screen, shown
from tui.format import plain
from tui.panels import bursts
from tui.screens.load_form import SETTINGS, LoadForm

ENDED = replace(a_burst(), loop="open loop", share=1.0, verdict=FINE)
LIVE = replace(ENDED, is_running=True, share=0.4, verdict="")


def drawn(view: BurstView, width: int) -> str:
    return plain(bursts.lines([view], width, 1)[2])


@pytest.mark.parametrize("width", [60, 80, 100, 120, 160, 200])
def test_its_line_has_live_figures_and_then_a_verdict(width: int) -> None:
    live, ended = drawn(LIVE, width), drawn(ENDED, width)
    assert "40%" in live
    assert "1.21 ms" in live
    assert "fine" in ended
    assert max(len(live), len(ended)) <= width
    assert "warm-up" in drawn(replace(LIVE, latencies=()), width)
    assert "saturated" in drawn(replace(ENDED, verdict=SATURATED), width)
    assert "crowded" in drawn(replace(ENDED, verdict=CROWDED), width)
    assert "7 dropped" in drawn(replace(ENDED, dropped=7), 160)
    used = {"server": 98.4, "client": 45.0, "dashboard": 7.1, "others": 12.0}
    wide = drawn(replace(ENDED, cpu=used), width)
    assert ("CPU server 98, client 45, dashboard 7, others 12 %" in wide) == (width >= 200)
    assert "fine" in wide
    assert "3 status 503" in drawn(replace(ENDED, errors={bad_status(503): 3}), 160)


@pytest.mark.parametrize("view", [LIVE, replace(ENDED, dropped=3)])
def test_a_recording_tells_it_as_it_was(view: BurstView) -> None:
    note = f"burst {json.dumps({'index': view.number, **asdict(view)})}"
    assert told(Event(0, 1, Kind.TICK, 0, -1, 1, TELLER, 0, 0, note)) == view


async def test_its_key_asks_for_it_with_the_last_settings() -> None:
    run = a_lively_run()
    async with shown(run) as (_, pilot):
        await pilot.press("l")
        assert run.calls == ["load 16 None"]


async def typed_into(run: FakeRun, rows: Sequence[tuple[int, str]]) -> tuple[Plan, str, bool]:
    """Type into the form's lines; (the plan, what it says is wrong, whether it still stands)."""
    async with shown(run, (120, 40)) as (dashboard, pilot):
        await pilot.press("L")
        for steps, text in rows:
            await pilot.press(*["down"] * steps, *text)
        await pilot.press("enter")
        await pilot.pause()
        form = dashboard.screen
        if not isinstance(form, LoadForm):
            return dashboard.plan, "", False
        said = plain(form.lines(120, 40)[-1])
        await pilot.press("escape")
        return dashboard.plan, said, True


async def test_the_form_changes_the_settings_and_starts_it() -> None:
    run = a_lively_run()
    plan, _, is_open = await typed_into(run, [(0, "7"), (1, "5"), (1, "250"), (8, "/j=3 /b")])
    assert not is_open
    assert (plan.connections, plan.seconds, plan.rate) == (7, 5.0, 250.0)
    assert plan.paths == (("/j", 3.0), ("/b", 1.0))
    assert run.calls == ["load 7 250.0"]


@pytest.mark.parametrize(
    ("text", "said"), [("q", "connections: 'q' is no number"), ("0", "from 1")]
)
async def test_the_form_says_what_is_wrong_and_starts_nothing(text: str, said: str) -> None:
    run = a_lively_run()
    plan, words, is_open = await typed_into(run, [(0, text)])
    assert is_open
    assert said in words
    assert plan.connections == 16
    assert run.calls == []


@pytest.mark.parametrize("width", [60, 80, 120])
async def test_the_form_tells_whole_what_is_to_be_typed(width: int) -> None:
    async with shown(a_lively_run(), (width, 20)) as (dashboard, pilot):
        await pilot.press("L")
        for setting in SETTINGS:
            await pilot.pause()
            text = " ".join(" ".join(screen(dashboard)).split())
            assert setting.meaning in text, setting.words
            assert "esc back" in text
            await pilot.press("down")


def test_a_run_begins_it_shows_it_live_and_ends_it() -> None:
    run = Run(RunSettings(model="epoll", port=0))
    plan = Plan("http://this.server/", connections=2, seconds=60.0, think_s=0.001, warm_up_s=0.0)

    def view() -> BurstView:
        run.poll()
        return run.bursts[-1]

    try:
        wait_until(lambda: run.poll() is not None and run.status().phase == "serving")
        run.toggle_load(plan)
        wait_until(lambda: view().p50_ms is not None, what="live percentiles")
        live = view()
        assert live.is_running
        assert 0 < live.share < 1
        run.start_burst()
        assert "l ends it" in run.refusal
        assert run.refusal.startswith("load is under way")
        run.toggle_load(plan)
        wait_until(lambda: not view().is_running, what="its end")
        ended = view()
        assert (ended.failure, ended.errors, ended.loop) == ("", {}, "closed loop")
        assert ended.verdict
        assert set(ended.cpu) == {"server", "client", "dashboard", "others"}
        assert sum(ended.latencies) == ended.done > live.done
        wait_until(lambda: run.poll() is not None and run.snapshot().counts.requests == ended.done)
    finally:
        run.stop()
