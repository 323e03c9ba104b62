"""The findings on the screen: the worst one in a line, all of them on a page, and the way to the culprit."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from engine.findings.finding import Finding, Level
from tests.tui.drawn import drawn
from tests.tui.fake_run import ENGINE_PID, FakeRun, a_lively_run
from tui.app import Dashboard
from tui.format import plain
from tui.panels import alert, findings
from tui.screens.detail import Detail
from tui.screens.findings import FindingsPage
from tui.screens.workers import Workers

Compare = Callable[..., bool]
BLOCKED = Finding(
    "head-of-line",
    Level.WARN,
    "The only thread has been in GET /wait/1500 (#3) for 620 ms; 7 wait behind it",
    "never block in a loop: wait by its clock, or hand slow work to a thread or process",
    conns=(99, 3),
    pids=(ENGINE_PID,),
)
HOT = Finding(
    "hot-worker",
    Level.WATCH,
    "Worker 4121 took 180 of the last 200 clients; 8 share the listener",
    "a listener for each worker (SO_REUSEPORT), or a blocking accept() in each",
    pids=(ENGINE_PID + 1,),
)


def a_run_with(*found: Finding) -> FakeRun:
    run = a_lively_run()
    run.given_findings = found
    run.poll()
    return run


@pytest.mark.parametrize("size", [(80, 24), (120, 40)], ids=["80x24", "120x40"])
def test_the_worst_is_named(snap_compare: Compare, size: tuple[int, int]) -> None:
    shown = Dashboard(a_run_with(BLOCKED, HOT), frames_per_s=12, beats=False)
    assert snap_compare(shown, terminal_size=size)


@pytest.mark.parametrize("size", [(80, 24), (120, 40)], ids=["80x24", "120x40"])
def test_the_page(snap_compare: Compare, size: tuple[int, int]) -> None:
    shown = Dashboard(a_run_with(BLOCKED, HOT), frames_per_s=12, beats=False)
    assert snap_compare(shown, press=["f", "down"], terminal_size=size)


def test_nothing_is_said_when_all_is_well() -> None:
    told = drawn(a_run_with(), 120, 40)["alert"]
    assert not any("f:" in line for line in told)


def test_letter_and_colour_say_how_bad_it_is() -> None:
    run = a_run_with()
    for found, letter, role in ((BLOCKED, "W", "warning"), (HOT, "w", "key")):
        lines = alert.lines(run.snapshot(), run.status(), 120, 9, "", [found])
        assert plain(lines[0]).startswith(f" {letter} {found.id}: ")
        assert lines[0][0][1] == role


def test_of_a_dead_server_all_is_said_already() -> None:
    run = a_run_with(BLOCKED)
    run.die()
    told = [
        plain(line) for line in alert.lines(run.snapshot(), run.status(), 120, 9, "", [BLOCKED])
    ]
    assert not any("head-of-line" in line for line in told)


@pytest.mark.parametrize("width", [60, 80, 120])
def test_each_line_of_the_page_fits(width: int) -> None:
    lines = [
        plain(line)
        for line in findings.lines([BLOCKED, HOT], "hot-worker", width, lambda conn: conn)
    ]
    assert max(map(len, lines)) <= width
    assert [line for line in lines if line.startswith("> ")] == ["> w hot-worker"]


def test_whom_it_concerns_is_listed_and_those_that_are_too_many_are_counted() -> None:
    crowd = replace(BLOCKED, conns=tuple(range(1, 10)), pids=tuple(range(4120, 4128)))
    told = findings.concerns(crowd, lambda conn: conn if conn > 1 else None)
    assert told == (
        "Concerns: #2, #3, #4, #5, #6 + 4; processes 4120, 4121, 4122, 4123, 4124, 4125 + 2."
    )
    assert findings.concerns(HOT, lambda conn: conn) == "Concerns: process 4121."
    assert findings.concerns(replace(HOT, conns=(3,), pids=()), lambda conn: 7) == "Concerns: #7."
    assert findings.concerns(replace(HOT, pids=()), lambda conn: conn) == ""


async def test_enter_goes_to_the_first_connection_that_is_still_there() -> None:
    app = Dashboard(a_run_with(BLOCKED, HOT), frames_per_s=12, beats=False)
    async with app.run_test() as pilot:
        await pilot.press("f")
        assert isinstance(app.screen, FindingsPage)
        await pilot.press("enter")
        await pilot.pause()
        assert isinstance(app.screen, Detail)
        assert app.picture.table.chosen == 3


async def test_enter_goes_to_the_workers_where_no_connection_is_concerned() -> None:
    app = Dashboard(a_run_with(BLOCKED, HOT), frames_per_s=12, beats=False)
    async with app.run_test() as pilot:
        await pilot.press("f", "down", "enter")
        await pilot.pause()
        assert isinstance(app.screen, Workers)


async def test_a_page_without_findings_says_so_and_goes_nowhere() -> None:
    app = Dashboard(a_run_with(), frames_per_s=12, beats=False)
    async with app.run_test() as pilot:
        await pilot.press("f", "down", "enter")
        await pilot.pause()
        assert app.page is None
