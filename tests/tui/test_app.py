"""What the app paints, and when."""

import re
from dataclasses import replace

import pytest
from textual.worker import WorkerFailed

from engine.models import MODELS, describe
from tests.tui.fake_run import FakeRun, a_lively_run
from tests.tui.shown_app import screen, shown
from tui.app import Dashboard
from tui.lines import Lines
from tui.panels.keys import DIGITS

# --- what is painted ------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [(60, 20), (80, 24), (120, 40), (200, 60)])
async def test_the_screen_is_what_the_picture_says(size: tuple[int, int]) -> None:
    async with shown(a_lively_run(), size) as (dashboard, _):
        lines = screen(dashboard)
    assert len(lines) == size[1]
    assert {len(line) for line in lines} == {size[0]}
    assert lines[0].startswith("servetui  thread  http://127.0.0.1:7890  keep-alive  ")
    assert any(line.startswith("CONNECTIONS  6 open") for line in lines)
    assert "q quit" in lines[-1]


async def test_a_frame_without_news_paints_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    run = a_lively_run()
    async with shown(run) as (dashboard, pilot):
        painted = []
        monkeypatch.setattr(dashboard, "_display", lambda *args: painted.append(args))
        for _ in range(5):
            assert dashboard.frame() == 0
            await pilot.pause()
        assert painted == []
        run.serve(1)
        dashboard.beat()
        assert dashboard.frame() > 0
        await pilot.pause()
        assert painted


async def test_idle_connections_change_once_a_second() -> None:
    run = FakeRun()
    run.accept(range(1, 4))
    for conn in range(1, 4):
        run.serve(conn)
    async with shown(run) as (dashboard, _):
        run.wait(5)
        dashboard.frame()
        changes = []
        for _ in range(24):
            run.wait(1 / 12)
            changes.append(dashboard.frame())
    assert sum(change > 0 for change in changes) <= 3
    assert max(changes) <= 3 + 2  # the rows, the bars of requests/s, and how long they idle


async def test_with_nothing_open_no_frame_is_even_made() -> None:
    run = FakeRun()
    async with shown(run) as (dashboard, _):
        dashboard._second = 10**12  # this second is drawn already
        taken = run.snapshots_taken
        dashboard.frame_if_moving()
        dashboard._second = 0
        before = dashboard.lines_changed
        for _ in range(10):
            dashboard.frame_if_moving()
            run.wait(1)
    assert dashboard.lines_changed == before
    assert run.snapshots_taken - taken <= 3


async def test_control_codes_from_the_network_do_not_reach_the_terminal() -> None:
    run = FakeRun()
    run.accept([1])
    run.serve(1, "/\x1b[2J\x1b]0;owned\x07\u202e[bold]", finish=False)
    async with shown(run) as (dashboard, _):
        text = "\n".join(screen(dashboard))
    assert "GET /?[2J?]0;owned??[bold]" in text
    assert re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]", text) is None


async def test_only_changed_lines_are_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    run = a_lively_run()
    async with shown(run) as (dashboard, pilot):
        asked: list[tuple[str | None, int]] = []
        render_line = Lines.render_line

        def counted(part: Lines, y: int) -> object:
            asked.append((part.id, y))
            return render_line(part, y)

        monkeypatch.setattr(Lines, "render_line", counted)
        run.given_numbers = replace(run.given_numbers, threads=4)
        assert dashboard.frame() == 1
        await pilot.pause()
    assert asked == [("server", 2)]


async def test_another_size_is_another_picture() -> None:
    async with shown(a_lively_run()) as (dashboard, pilot):
        await pilot.resize_terminal(60, 20)
        await pilot.pause()
        lines = screen(dashboard)
    assert {len(line) for line in lines} == {60}
    assert lines[-1].rstrip().endswith("q quit")


@pytest.mark.parametrize("size", [(1, 1), (5, 2), (30, 8), (59, 12)])
async def test_no_terminal_is_too_small(size: tuple[int, int]) -> None:
    async with shown(a_lively_run(), size) as (dashboard, pilot):
        await pilot.press("m")
        await pilot.pause()
        await pilot.press("escape")
        await pilot.pause()
        assert len(screen(dashboard)) == size[1]


async def test_the_dashboard_goes_on_behind_the_picker() -> None:
    run = FakeRun()
    async with shown(run) as (dashboard, pilot):
        await pilot.press("m")
        await pilot.pause()
        run.accept([1])
        dashboard.beat()
        dashboard.frame()
        await pilot.press("escape")
        await pilot.pause()
        assert any("A accepted" in line for line in screen(dashboard))


@pytest.mark.parametrize("theme", ["textual-dark", "textual-light", "ansi-dark", "ansi-light"])
async def test_every_theme_has_its_colours(theme: str) -> None:
    async with shown(a_lively_run(), (80, 24)) as (dashboard, pilot):
        dashboard.theme = theme
        await pilot.pause()
        assert screen(dashboard)[0].startswith("servetui  thread")


@pytest.mark.parametrize(
    ("told", "other", "theme"),
    [
        ("0;15", "", "textual-light"),
        ("0;default;7", "", "textual-light"),
        ("15;0", "", "textual-dark"),
        ("", "", "textual-dark"),
        ("0;15", "nord", "textual-dark"),
    ],
)
def test_a_terminal_that_says_it_is_light_gets_the_light_theme(
    monkeypatch: pytest.MonkeyPatch, told: str, other: str, theme: str
) -> None:
    """Textual itself reads TEXTUAL_THEME, when it is imported."""
    monkeypatch.setenv("COLORFGBG", told)
    if other:
        monkeypatch.setenv("TEXTUAL_THEME", other)
    assert Dashboard(FakeRun(), beats=False).theme == theme


async def test_without_colour_every_state_has_its_word(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    async with shown(a_lively_run(), (120, 44)) as (dashboard, _):
        text = "\n".join(screen(dashboard))
    for words in ("_ idle", "H handler", "S unsent", "x closed", "X closed", "~7", "A accepted"):
        assert words in text


# --- the picker -----------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [(60, 20), (80, 24), (120, 40), (200, 60)])
async def test_the_picker_tells_of_every_model(size: tuple[int, int]) -> None:
    async with shown(a_lively_run(), size) as (dashboard, pilot):
        await pilot.press("m")
        await pilot.pause()
        dashboard.frame()
        await pilot.pause()
        lines = screen(dashboard)
        text = "\n".join(lines)
        await pilot.press("home")
        listed = "\n".join(screen(dashboard))
        for _ in MODELS:
            await pilot.press("down")
            listed += "\n".join(screen(dashboard))
    assert lines[0].startswith("servetui  thread  http://127.0.0.1:7890  keep-alive")
    for number, model in enumerate(MODELS, start=1):
        digit = number if number <= DIGITS else " "
        assert re.search(rf"{digit}  {model} +[\w│]", listed)
        told = " ".join(describe(model).sentence.split()[:3])
        assert told in listed
    assert f"of {len(MODELS)}" not in text, "all of them have room"
    assert "> 2  thread runs" in text
    assert "a thread for each connection" in text
    assert "accept clone recv send close" in text
    assert "threads without bound" in text
    assert "esc back" in lines[-1]


# --- the beat -------------------------------------------------------------------------------------


async def test_it_beats_by_itself() -> None:
    run = FakeRun()
    dashboard = Dashboard(run, frames_per_s=60)
    async with dashboard.run_test(size=(80, 24)) as pilot:
        run.accept([1])
        run.now_ns += 1
        while not any("A accepted" in line for line in screen(dashboard)):
            await pilot.pause(0.01)


async def test_a_fault_in_the_beat_ends_the_app(monkeypatch: pytest.MonkeyPatch) -> None:
    run = FakeRun()
    dashboard = Dashboard(run, frames_per_s=60)

    def broken(**_: float) -> list[object]:
        raise ZeroDivisionError

    async def play() -> None:
        async with dashboard.run_test(size=(80, 24)) as pilot:
            monkeypatch.setattr(run, "poll", broken)
            while dashboard.return_code is None:
                await pilot.pause(0.01)

    with pytest.raises(WorkerFailed, match="ZeroDivisionError"):
        await play()
    assert dashboard.return_code == 1


async def test_keys_that_wait_are_drawn_in_one_frame() -> None:
    async with shown(a_lively_run()) as (dashboard, pilot):
        drawn = dashboard.frames_drawn
        for _ in range(5):
            dashboard.action_move(1)
        assert dashboard.frames_drawn == drawn
        await pilot.pause()
        assert dashboard.frames_drawn == drawn + 1
        dashboard.action_move(1)
        await pilot.pause()
        assert dashboard.frames_drawn == drawn + 2
