"""What is typed, and the pages over the dashboard."""

import errno
from pathlib import Path

import pytest
from textual.events import Key

from engine.events import Kind
from engine.recordings.recording import Recording
from engine.recordings.replay import Replay
from tests.make_screenshots import RECORDINGS
from tests.tui.fake_run import FakeRun, a_lively_run
from tests.tui.shown_app import screen, shown
from tui.app import Dashboard
from tui.key_table import GROUPS


async def test_a_filter_is_typed_letter_by_letter_and_kept_by_enter() -> None:
    run = FakeRun()
    run.accept(range(1, 4))
    run.serve(2, "/quick")
    async with shown(run, (80, 24)) as (dashboard, pilot):
        await pilot.press("slash", *"quick")
        lines = screen(dashboard)
        assert lines[-1].startswith("filter: quick")
        assert not dashboard._exit, "the q was typed"
        await pilot.press("enter")
        lines = screen(dashboard)
        assert 'filter "quick"' in "\n".join(lines)
        assert "q quit" in lines[-1]
        assert [view.number for view in dashboard.picture.snapshot.connections] == [2]
        await pilot.press("escape")
        assert len(dashboard.picture.snapshot.connections) == 3


async def test_letters_typed_at_once_after_the_key_belong_to_the_filter() -> None:
    run = a_lively_run()
    async with shown(run, (80, 24)) as (dashboard, pilot):
        for name, character in (("slash", "/"), ("b", "b"), ("k", "k"), ("slash", "/")):
            dashboard.post_message(Key(name, character))
        await pilot.pause()
        assert dashboard.filter_line.input.value == "bk/"
        assert run.calls == []


async def test_esc_gives_up_a_filter_that_is_being_typed() -> None:
    async with shown(a_lively_run(), (80, 24)) as (dashboard, pilot):
        await pilot.press("slash", "x", "escape")
        assert dashboard.picture.table.order.needle == ""
        assert "q quit" in screen(dashboard)[-1]


@pytest.mark.parametrize("key", ["enter", "g", "e", "question_mark", "m", "x"])
async def test_under_a_page_the_other_keys_rest(key: str) -> None:
    run = a_lively_run()
    async with shown(run) as (dashboard, pilot):
        await pilot.press(key)
        assert dashboard.page is not None
        await pilot.press("b", "k", "R", "s", "space")
        assert run.calls == []
        assert dashboard.picture.table.held is None
        assert screen(dashboard)[0].startswith("servetui  thread  http://127.0.0.1:7890")
        await pilot.press("escape")
        assert dashboard.page is None
        await pilot.press("b")
        assert run.calls == ["burst 50 10"]


async def test_a_detail_follows_its_connection() -> None:
    run = a_lively_run()
    async with shown(run) as (dashboard, pilot):
        await pilot.press("down", "enter")
        conn = dashboard.picture.table.chosen
        assert conn is not None
        run.tell(Kind.RECV, conn, moved=123)
        dashboard.beat()
        dashboard.frame()
        await pilot.pause()
        assert any("recv" in line and "123 B" in line for line in screen(dashboard))


async def test_a_detail_tells_of_now_though_the_rows_are_held() -> None:
    run = FakeRun()
    run.accept([1])
    run.serve(1, "/wait/900", finish=False)
    async with shown(run, (120, 30)) as (dashboard, pilot):
        await pilot.press("space", "down", "enter")
        for seconds, told in ((0.25, "250 ms so far"), (0.5, "750 ms so far")):
            run.wait(seconds)
            dashboard.frame()
            await pilot.pause()
            assert told in "\n".join(screen(dashboard))


async def test_what_the_server_wrote_is_read_whole_escaped_and_as_it_comes() -> None:
    run = a_lively_run()
    async with shown(run, (80, 24)) as (dashboard, pilot):
        await pilot.press("e")
        assert "Nothing so far" in "\n".join(screen(dashboard))
        run.given_said = (*(f"line {number}" for number in range(50)), "    raise \x1b[2JOops")
        dashboard.frame()
        await pilot.pause()
        lines = screen(dashboard)
        assert "line 49" in lines[-3]
        assert lines[-2].rstrip() == r"    raise \x1b[2JOops"
        await pilot.press("home")
        assert "OUTPUT" in screen(dashboard)[1]


@pytest.mark.parametrize("key", ["e", "c"])
async def test_what_a_page_says_first_is_told_whole_in_a_small_terminal(key: str) -> None:
    async with shown(a_lively_run(), (60, 20)) as (dashboard, pilot):
        await pilot.press(key)
        told = " ".join(" ".join(screen(dashboard)).split())
        assert "and its tracebacks." in told or "3 rounds, interleaved" in told


async def test_the_help_tells_every_key() -> None:
    async with shown(a_lively_run(), (120, 60)) as (dashboard, pilot):
        await pilot.press("question_mark")
        text = "\n".join(screen(dashboard))
        for _, group in GROUPS:
            for key in group:
                assert f"  {key.shown} " in text


async def test_the_help_of_a_recording_tells_the_keys_that_work_there() -> None:
    replay = Replay(RECORDINGS / "epoll.jsonl", lambda: 0)
    async with shown(replay, (120, 60)) as (dashboard, pilot):
        await pilot.press("question_mark")
        lines = screen(dashboard)
        assert lines[1].strip() == "KEYS  the recording"
        end = next(number for number, line in enumerate(lines) if line.startswith("ROOMS"))
        told = {line.split("  ")[1] for line in lines[:end] if line.startswith("  ")}
        assert {"+ -", "j", "enter", "v"} <= told
        assert not {"b", "k", "R", "r", "1–9"} & told
        commands = [each.title for each in dashboard.get_system_commands(dashboard.screen)]
        assert "jump  (j)" in commands
        assert not any("burst" in title or "model" in title for title in commands)


async def test_a_recording_moves_while_it_is_played() -> None:
    """Its events are of long ago, and yet they come now."""
    replay = Replay(RECORDINGS / "epoll.jsonl", lambda: 0)
    async with shown(replay) as (dashboard, _):
        assert dashboard._is_moving()
        replay.toggle_pause()
        dashboard.frame()
        assert not dashboard._is_moving()


def test_no_key_does_two_things_but_those_of_recordings() -> None:
    bound = [
        name
        for _, group in GROUPS
        for key in group
        for names, _ in key.bindings
        for name in names.split(",")
    ]
    assert {name for name in bound if bound.count(name) > 1} == {"space", "full_stop"}


async def test_headings_and_rows_are_clicked() -> None:
    run = FakeRun()
    run.accept(range(1, 6))
    async with shown(run) as (dashboard, pilot):
        heading = screen(dashboard).index(
            next(line for line in screen(dashboard) if "requests" in line and "peer" in line)
        )
        await pilot.click(offset=(screen(dashboard)[heading].index("age") + 1, heading))
        assert dashboard.picture.table.order.column == "age"
        await pilot.click(offset=(5, heading + 2))
        chosen = dashboard.picture.table.chosen
        assert chosen is not None
        await pilot.click(offset=(5, heading + 2))
        assert dashboard.page is not None


async def test_r_records_what_happens(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    run = FakeRun()
    run.accept([1])
    async with shown(run) as (dashboard, pilot):
        await pilot.press("r")
        assert run.whole
        run.serve(1)
        dashboard.beat()
        dashboard.frame()
        assert "recording 5 events" in screen(dashboard)[0]
        await pilot.press("r")
        assert not run.whole
    (path,) = tmp_path.iterdir()
    replay = Replay(path, lambda: 0)
    replay.jump(99)
    counts = replay.snapshot().counts
    assert (counts.accepted, counts.requests, counts.open) == (1, 1, 1)


async def test_a_recording_tells_the_totals_of_what_was_not_reported_since_it_began(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    run = FakeRun()
    run.accept([1])
    run.drop(100)
    async with shown(run) as (dashboard, pilot):
        await pilot.press("r")
        run.drop(104)
        dashboard.frame()
        dashboard.frame()
        run.drop(111)
        await pilot.press("r")
    (path,) = tmp_path.iterdir()
    assert path.read_text().count('"unreported') == 2
    replay = Replay(path, lambda: 0)
    replay.jump(99)
    counts = replay.snapshot().counts
    assert (counts.lost, counts.accepted) == (11, 1)


async def test_a_disk_that_is_full_ends_the_recording_and_not_the_dashboard(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.chdir(tmp_path)
    run = FakeRun()
    async with shown(run) as (dashboard, pilot):
        await pilot.press("r")
        monkeypatch.setattr(Recording, "tell", full)
        run.drop(3)
        dashboard.frame()
        run.accept([1])
        dashboard.beat()
        assert dashboard.picture.recorder is None
        assert not run.whole


async def test_a_folder_that_cannot_be_written_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("tui.actions.new_path", lambda: Path("none/at/all"))
    run = a_lively_run()
    async with shown(run) as (dashboard, pilot):
        await pilot.press("r")
        assert dashboard.picture.recorder is None
        assert not run.whole


async def test_a_recording_is_played_by_keys() -> None:
    replay = Replay(RECORDINGS / "epoll.jsonl", lambda: 0)
    dashboard = Dashboard(replay, frames_per_s=12, beats=False)
    async with dashboard.run_test(size=(120, 40)) as pilot:
        await pilot.press("j", *"2.5", "enter")
        assert replay.at_s == 2.5
        assert "replay 2.5 of" in screen(dashboard)[0]
        await pilot.press("space")
        assert replay.is_paused
        before = replay.snapshot().counts.events
        await pilot.press("full_stop")
        assert replay.snapshot().counts.events == before + 1
        await pilot.press("plus", "plus", "minus")
        assert replay.speed == 2
        await pilot.press("left")
        assert replay.at_s == 0
        await pilot.press("k")
        assert any("this is a recording" in line for line in screen(dashboard))
