"""A recording that is begun amid a run: what was there already, and from when on time is counted."""

from pathlib import Path

import pytest

from engine.events import Kind
from engine.recordings.replay import Replay
from tests.tui.fake_run import ENGINE_PID, FakeRun
from tests.tui.shown_app import screen, shown
from tui.app import Dashboard

WORKERS = {4200: 71, 4201: 72}  # pid -> the cookie of its own listening socket


def a_run_of_workers() -> FakeRun:
    """A minute old: two workers, each with a socket of its own, a thread, and a connection."""
    run = FakeRun("reuseport")
    run.tell(Kind.SPAWN, note=f"process {ENGINE_PID} engine reuseport", pid=1)
    run.tell(Kind.LISTEN, note="127.0.0.1:7890")
    for pid, listener in WORKERS.items():
        run.tell(Kind.SPAWN, note=f"process {pid}")
        run.tell(Kind.TICK, note=f"listens {listener}", pid=pid)
    run.tell(Kind.TICK, note="wakeups 0 =watched 7", pid=4201)
    run.tell(Kind.SPAWN, note="thread", task="Thread-1")
    run.tell(Kind.ACCEPT, 1, note="127.0.0.1:50001", pid=4201)
    run.wait(60.0)
    return run


async def recorded(folder: Path, run: FakeRun) -> Replay:
    """For a second, by the key `r`, with an event half a second after its beginning."""
    async with shown(run) as (dashboard, pilot):
        await pilot.press("r")
        run.wait(0.5)
        run.tell(Kind.ACCEPT, 2, note="127.0.0.1:50002", pid=4200)
        dashboard.beat()
        run.wait(0.5)
        run.tell(Kind.CLOSE, 2, note="client closed first", pid=4200)
        dashboard.beat()
        dashboard.frame()
        await pilot.press("r")
    (path,) = folder.iterdir()
    return Replay(path, lambda: 0)


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)


async def test_its_time_begins_with_it_however_old_what_was_there_and_slow_who_reads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    replay = await recorded(tmp_path, a_run_of_workers())
    monkeypatch.setattr("engine.recordings.replay.LINES_AT_ONCE", 1)
    replay.poll(within_s=0)
    assert replay.is_behind
    assert replay.at_s >= 0


async def test_it_begins_with_the_workers_and_their_own_sockets(tmp_path: Path) -> None:
    run = a_run_of_workers()
    replay = await recorded(tmp_path, run)
    replay.poll()
    assert {view.pid: view.gauges for view in replay.snapshot().worker_views if view.gauges} == {
        4201: {"watched": 7}
    }
    told = {
        (view.depth, view.pid, view.task, view.listener) for view in replay.snapshot().worker_views
    }
    assert told == {
        (view.depth, view.pid, view.task, view.listener) for view in run.snapshot().worker_views
    }
    assert {(1, pid, "", listener) for pid, listener in WORKERS.items()} < told
    status = replay.status()
    assert (status.model, status.phase, status.engine_pid) == ("reuseport", "serving", ENGINE_PID)
    assert replay.model_of(4200) == "reuseport"


async def test_its_time_begins_when_it_does_and_is_one_for_all(tmp_path: Path) -> None:
    replay = await recorded(tmp_path, a_run_of_workers())
    assert (replay.at_s, replay.length_s) == (0.0, 1.0)
    replay.jump(0.75)
    async with shown(replay) as (dashboard, _):
        assert "replay 0.8 of 1.0 s" in screen(dashboard)[0]
        (accept,) = [one for one in screen(dashboard) if "#2" in one and " accept " in one]
        assert accept.split()[0] == "0.500"
        (row,) = [one for one in screen(dashboard) if one.lstrip().startswith("1 ")]
        assert "60 s" in row, "the connection is as old as it was"


@pytest.mark.parametrize("size", [(60, 20), (80, 24), (120, 40)])
async def test_at_its_end_the_command_that_plays_it_is_told(size: tuple[int, int]) -> None:
    dashboard = Dashboard(FakeRun(), frames_per_s=12, beats=False)
    async with dashboard.run_test(size=size, notifications=True) as pilot:
        await pilot.press("r", "r")
        (path,) = Path.cwd().iterdir()
        (toast,) = dashboard._notifications
        assert toast.message.endswith(f"this shows them:\nservetui replay {path.name}")
        await pilot.pause()
        assert any(f" servetui replay {path.name} " in line for line in screen(dashboard))
