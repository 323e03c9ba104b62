"""The page of lanes: zoom, time, choice, and when it moves."""

from collections.abc import Callable

import pytest

from engine.events import Kind
from tests.make_screenshots import at_its_end
from tests.tui.fake_run import FakeRun, a_lively_run
from tests.tui.shown_app import screen, shown
from tui.app import Dashboard
from tui.format import plain
from tui.panels import lanes as panel

Compare = Callable[..., bool]


async def test_a_lane_names_whose_hands_a_request_is_in() -> None:
    run = a_lively_run()
    run.wait(3)
    async with shown(run) as (dashboard, pilot):
        await pilot.press("v")
        lines = screen(dashboard)
        assert lines[0].startswith("servetui  thread")
        assert lines[1].startswith("LANES  6 open  10 s, 97 ms a letter")
        lane = next(line for line in lines if line.startswith("   3 "))
        assert "H Thread-3 H" in lane
        torn = next(line for line in lines if line.startswith("  ~7 "))
        assert "~" in torn[20:]


async def test_zoom_and_time() -> None:
    run = a_lively_run()
    async with shown(run) as (dashboard, pilot):
        await pilot.press("v", "plus", "plus")
        assert "  2 s, " in screen(dashboard)[1]
        await pilot.press(*["minus"] * 9)
        assert "  60 s, " in screen(dashboard)[1]
        await pilot.press("left")
        lines = screen(dashboard)
        assert "up to 15.0 s ago" in lines[1]
        assert lines[2].rstrip().endswith("end")
        await pilot.press("right")
        assert "ago" not in screen(dashboard)[1]
        assert screen(dashboard)[2].rstrip().endswith("now")


async def test_the_pieces_of_the_chosen_connection_are_told() -> None:
    async with shown(a_lively_run()) as (dashboard, pilot):
        await pilot.press("v", "down", "down", "down")
        text = "\n".join(screen(dashboard))
        assert "PIECES  of #3, newest last" in text
        assert "H handler      Thread-3" in text
        assert "1.02 s so far" in text


async def test_a_child_that_serves_is_named_by_its_pid() -> None:
    run = FakeRun("process")
    run.tell(Kind.ACCEPT, 1, note="127.0.0.1:50001")
    run.wait(0.5)
    run.tell(Kind.RECV, 1, moved=83, note="unread for 100000 us", pid=4200)
    run.tell(Kind.REQUEST, 1, note="GET /wait/1500", pid=4200)
    run.wait(1)
    async with shown(run) as (dashboard, pilot):
        await pilot.press("v", "down")
        told = " ".join(" ".join(screen(dashboard)).split())
        assert "A accepted MainThread pid 4120" in told
        assert "u unread until pid 4200 pid 4200" in told
        assert "H handler pid 4200 pid 4200" in told


async def test_a_loop_tells_its_turns() -> None:
    run = FakeRun("epoll")
    run.tell(Kind.LISTEN, note="127.0.0.1:7890")
    run.tell(Kind.TICK, note="turn 1203")
    run.tell(Kind.ACCEPT, 1, note="127.0.0.1:50001")
    run.wait(0.5)
    run.tell(Kind.TICK, note="turn 1204")
    run.tell(Kind.RECV, 1, moved=83, note="unread for 100000 us")
    run.tell(Kind.REQUEST, 1, note="GET /wait/1500")
    run.wait(1.5)
    run.tell(Kind.TICK, note="turn 1209")
    run.tell(Kind.RESPONSE, 1, moved=1_583, note="200")
    run.tell(Kind.SEND, 1, moved=1_583)
    run.wait(0.3)
    async with shown(run) as (dashboard, pilot):
        await pilot.press("v", "down")
        lines = screen(dashboard)
        assert "H turn 1,204 H" in next(line for line in lines if line.startswith("   1 "))
        told = [" ".join(line.split()) for line in lines]
        assert "+0.00 ms 400 ms A accepted MainThread turn 1,203" in " ".join(told)
        assert "+400 ms 100 ms u unread until MainThread turn 1,204" in " ".join(told)
        assert "+500 ms 1.50 s H handler MainThread turn 1,204–1,209" in " ".join(told)


async def test_enter_goes_on_to_the_detail_of_the_chosen_one() -> None:
    async with shown(a_lively_run()) as (dashboard, pilot):
        await pilot.press("v", "down", "enter")
        assert screen(dashboard)[1].startswith("#1  127.0.0.1:50001")
        assert dashboard.picture.window_rows is None


async def test_bursts_and_the_mode_work_on_the_page() -> None:
    run = a_lively_run()
    async with shown(run) as (_, pilot):
        await pilot.press("v", "b", "k", "m")
        assert run.calls == ["burst 50 10", "short"]


async def test_a_pause_holds_time() -> None:
    run = a_lively_run()
    async with shown(run) as (dashboard, pilot):
        await pilot.press("v", "space")
        before = screen(dashboard)[3:10]
        run.wait(2)
        run.serve(1)
        dashboard.beat()
        dashboard.frame()
        await pilot.pause()
        assert screen(dashboard)[3:10] == before
        assert "PAUSED" in screen(dashboard)[1]


async def test_what_waits_unread_is_drawn() -> None:
    run = FakeRun("polling")
    run.accept([1])
    run.wait(2)
    run.given_unread_ns = {1: run.now_ns - 1_000_000_000}
    async with shown(run) as (dashboard, pilot):
        await pilot.press("v")
        assert screen(dashboard)[3].rstrip().endswith("AAA" + "u" * 11)


async def test_lanes_that_are_the_same_all_along_do_not_move() -> None:
    run = FakeRun()
    run.accept([1])
    run.serve(1)
    run.wait(5)
    async with shown(run) as (dashboard, pilot):
        await pilot.press("v")
        page = dashboard.page
        assert page is not None
        assert not page.is_moving  # this column is drawn
        run.wait(0.2)
        dashboard.picture.table.look(1)
        assert page.is_moving
        run.wait(10)
        dashboard.frame()
        run.wait(0.2)
        dashboard.picture.table.look(1)
        assert not page.is_moving
        changed = [page._body.show(page.lines(120, 38)) for _ in range(2)]
        assert changed[-1] == 0


def a_busy_picture() -> FakeRun:
    """A full screen of what lanes can show: every letter, names, more rows than lines."""
    run = a_lively_run()
    run.accept(range(10, 60))
    run.tell(Kind.TICK, 10, note="in the accept queue for 2400 ms", task="Thread-10")
    run.given_unread_ns = {11: run.now_ns}
    run.wait(1.5)
    run.poll()
    return run


@pytest.mark.parametrize("size", [(60, 20), (80, 24), (120, 40)], ids=["60x20", "80x24", "120x40"])
def test_the_page(snap_compare: Compare, size: tuple[int, int]) -> None:
    dashboard = Dashboard(a_busy_picture(), frames_per_s=12, beats=False)
    assert snap_compare(dashboard, press=["v", "down", "down", "down"], terminal_size=size)


def test_a_recording_in_ascii_without_colour(
    snap_compare: Compare, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    dashboard = Dashboard(at_its_end("epoll"), frames_per_s=12, beats=False, is_ascii=True)
    assert snap_compare(dashboard, press=["v", "down", "down"], terminal_size=(120, 40))


@pytest.mark.parametrize("width", [40, 60, 80, 120, 200])
def test_the_legend_names_every_letter_at_any_width(width: int) -> None:
    lines = [plain(line) for line in panel.legend(width)]
    assert all(len(line.rstrip()) <= width for line in lines)
    assert [word for word in panel.LEGEND.values() if word not in " ".join(lines)] == []
