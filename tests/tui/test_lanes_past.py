"""Lanes of a time that is past: those that were open then, also where they are gone by now."""

from engine.events import Kind
from engine.fold.table import GONE_KEPT
from tests.tui.fake_run import FakeRun
from tests.tui.shown_app import screen, shown
from tui.app import Dashboard


def a_run_of_short_connections(count: int = 3) -> FakeRun:
    """One a second, each with a request, and 20 s later one that is still there."""
    run = FakeRun()
    for conn in range(1, count + 1):
        run.accept([conn])
        run.serve(conn, "/wait/200", finish=False)
        run.wait(0.2)
        run.tell(Kind.RESPONSE, conn, moved=90, note="200", task=f"Thread-{conn}")
        run.tell(Kind.SEND, conn, moved=90, task=f"Thread-{conn}")
        run.close(conn)
        run.wait(0.8)
    run.wait(20.0)
    run.accept([count + 1])
    run.wait(1.0)
    return run


def lanes_of(dashboard: Dashboard) -> dict[str, str]:
    """Number -> the letters of each line below the ruler."""
    lines = screen(dashboard)[3:]
    return {one[:4].strip(): one[17:].strip() for one in lines if one[:4].strip().isdecimal()}


async def test_those_that_are_gone_are_seen_where_time_is_scrolled_back() -> None:
    async with shown(a_run_of_short_connections()) as (dashboard, pilot):
        await pilot.press("v")
        assert list(lanes_of(dashboard)) == ["4"]
        await pilot.press(*["left"] * 7)
        assert "up to 17.5 s ago" in screen(dashboard)[1]
        seen = lanes_of(dashboard)
        assert list(seen) == ["1", "2", "3"], "and not who came later"
        assert all("H" in lane and lane.endswith("x") for lane in seen.values())
        await pilot.press(*["right"] * 7)
        assert list(lanes_of(dashboard)) == ["4"]


async def test_one_that_is_gone_can_be_chosen_and_its_pieces_read() -> None:
    async with shown(a_run_of_short_connections(), (80, 24)) as (dashboard, pilot):
        await pilot.press("v", *["left"] * 7, "down", "down")
        text = "\n".join(screen(dashboard))
        assert "PIECES  of #2, newest last" in text
        assert "200 ms H handler" in text
        await pilot.press("up")
        assert "PIECES  of #1, newest last" in "\n".join(screen(dashboard))
        await pilot.press("enter")
        assert screen(dashboard)[1].startswith("#1  127.0.0.1:50001  x closed")
        assert "GET /wait/200" in "\n".join(screen(dashboard))


async def test_more_than_have_room_are_scrolled() -> None:
    async with shown(a_run_of_short_connections(30), (80, 24)) as (dashboard, pilot):
        await pilot.press("v", *["minus"] * 9, "left")
        assert "  1–" in screen(dashboard)[1]
        assert "of 30 ↑↓" in screen(dashboard)[1]
        await pilot.press("end")
        assert "–30 of 30 ↑↓" in screen(dashboard)[1]
        assert "PIECES  of #30" in "\n".join(screen(dashboard))
        await pilot.press("home")
        assert "  1–" in screen(dashboard)[1]


def test_so_many_are_kept_and_little_of_each() -> None:
    run = a_run_of_short_connections(GONE_KEPT + 250)
    run.poll()
    run.snapshot()
    gone = run.state.server.table.gone
    assert len(gone) == GONE_KEPT
    assert GONE_KEPT + 250 in gone
    assert 250 not in gone
