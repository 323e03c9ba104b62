"""A worker told whole: from the page of workers, by the cursor, and back."""

from collections.abc import Callable

import pytest

from engine.events import Kind
from engine.fold.state import EVENTS_KEPT
from engine.views.worker_view import Descriptor, Descriptors
from tests.tui.fake_run import ENGINE_PID, FakeRun
from tests.tui.shown_app import screen, shown
from tests.tui.test_workers import a_preforked_run
from tui.format import plain
from tui.panels import worker

Compare = Callable[..., bool]
BUSY = ENGINE_PID + 2


def a_watched_run() -> FakeRun:
    """The listener is held by all five, and a connection that one closed by one other."""
    run = a_preforked_run()
    held = (
        Descriptor(3, "listener", 0, 6),
        Descriptor(4, "eventpoll", 0, 1),
        Descriptor(5, "pipe", 0, 2),
        Descriptor(7, "connection", 1, 2),
    )
    run.given_descriptors = Descriptors(held, 4)
    run.poll()
    return run


def drawn(run: FakeRun, pid: int, width: int = 80, height: int = 24) -> list[str]:
    told = run.worker(pid, "")
    assert told is not None
    lines = worker.lines(
        told, run.now_ns, run.now_ns - 10**9, lambda e: f"a.py:{e.line}", width, height
    )
    return [plain(line).rstrip() for line in lines]


def test_it_says_what_it_does_and_has() -> None:
    text = "\n".join(drawn(a_watched_run(), BUSY))
    for words in (
        f"PROCESS {BUSY}  handling",
        "CONNECTIONS  1 open",
        "#1 H GET /wait/900 1.30 s",
        "3 listener (6)  4 eventpoll (1)  5 pipe (2)  7 connection #1 (2)",
        "accept",
        "a.py:18",
    ):
        assert words in text


def test_a_connection_that_two_hold_is_marked() -> None:
    run = a_watched_run()
    told = run.worker(BUSY, "")
    assert told is not None
    lines = worker.lines(told, run.now_ns, 0, lambda e: "", 80, 24)
    warned = [text for line in lines for text, role in line if role == "warning"]
    assert warned == ["7 connection #1 (2)"]


def test_only_what_it_did_itself_is_among_its_events() -> None:
    run = a_watched_run()
    told = run.worker(ENGINE_PID + 3, "")
    assert told is not None
    assert {event.pid for event in told.events} == {ENGINE_PID + 3}
    assert {event.conn for event in told.events} == {2}
    assert run.worker(99, "") is None


def test_events_of_its_connections_are_kept_beyond_the_last_thousand_of_all() -> None:
    run = a_watched_run()
    for _ in range(EVENTS_KEPT):
        run.tell(Kind.SEND, 2, moved=1, pid=ENGINE_PID + 3)
    run.poll()
    told = run.worker(BUSY, "")
    assert told is not None
    assert told.events[0].kind is Kind.ACCEPT
    assert {event.pid for event in told.events} == {BUSY}


async def test_the_arrows_go_through_its_events_and_no_further() -> None:
    run = a_watched_run()
    for _ in range(40):
        run.tell(Kind.SEND, 1, moved=1, pid=BUSY)
    async with shown(run, (80, 24)) as (dashboard, pilot):
        await pilot.press("w", "down", "down", "enter")
        last = screen(dashboard)
        (title,) = [line for line in last if line.startswith("EVENTS")]
        all_of_it = int(title.split()[1])
        assert title.rstrip().endswith(f"–{all_of_it}")
        await pilot.press("home")
        (title,) = [line for line in screen(dashboard) if line.startswith("EVENTS")]
        assert " here 1–" in title
        await pilot.press("end")
        assert screen(dashboard) == last


async def test_tab_gives_its_connections_and_its_descriptors_the_room() -> None:
    run = a_watched_run()
    for conn in range(20, 80):
        run.tell(Kind.ACCEPT, conn, note=f"127.0.0.1:{conn}", pid=BUSY)
    first = tuple(Descriptor(number, "pipe", 0, 1) for number in range(3, 203))
    run.given_descriptors = Descriptors(first, 900)
    async with shown(run, (80, 24)) as (dashboard, pilot):
        await pilot.press("w", "down", "down", "enter")
        before = screen(dashboard)
        assert not any("#30 A" in line for line in before), "no room for all"
        await pilot.press("tab")
        assert any(line.startswith("CONNECTIONS  61 open") for line in screen(dashboard))
        seen = "\n".join(screen(dashboard))
        await pilot.press("end")
        seen += "\n".join(screen(dashboard))
        assert all(f"#{number} A" in seen for number in range(3, 63))
        await pilot.press("tab")
        (title,) = [line for line in screen(dashboard) if line.startswith("DESCRIPTORS")]
        assert "900 (200 told); in brackets" in title
        await pilot.press("end")
        assert any(line.rstrip().endswith("202 pipe (1)") for line in screen(dashboard))
        await pilot.press("tab")
        assert [line[:9] for line in screen(dashboard)] == [line[:9] for line in before]


def test_its_history_is_told_as_far_as_there_is_room() -> None:
    run = a_watched_run()
    start_ns = run.now_ns
    for seconds in (2, 12, 70):
        run.now_ns = start_ns + seconds * 10**9
        run.tell(Kind.SEND, 1, moved=1, pid=BUSY)
        run.poll()
        run.snapshot()
        text = drawn(run, BUSY, 80, 40)
        at = text.index(next(line for line in text if line.startswith("HISTORY")))
        times, letters = text[at + 1], text[at + 2]
        assert times.endswith("now")
        assert len(times) == len(letters) <= 80
        assert ("10s" in times) == (seconds > 10)
        assert set(letters) <= set("AHrsS_ ")


@pytest.mark.parametrize(("width", "height"), [(60, 18), (80, 22), (120, 38), (200, 58)])
def test_it_fits_whatever_it_has(width: int, height: int) -> None:
    run = a_watched_run()
    run.given_descriptors = Descriptors(
        tuple(Descriptor(number, "/a/path/of/a/file", 0, 1) for number in range(200)), 4_000
    )
    for conn in range(10, 90):
        run.accept([conn])
        run.serve(conn, "/" + "x" * 40, finish=False)
    run.poll()
    lines = drawn(run, ENGINE_PID, width, height)
    assert len(lines) <= height
    assert max(map(len, lines)) <= width
    assert lines[-1].split()[1].startswith("#"), "room for an event"


async def test_a_worker_is_chosen_by_the_cursor_and_esc_leads_back_to_it() -> None:
    async with shown(a_watched_run(), (80, 24)) as (dashboard, pilot):
        await pilot.press("w", "down", "down", "enter")
        await pilot.pause()
        assert f"PROCESS {BUSY}" in "\n".join(screen(dashboard))
        await pilot.press("escape")
        await pilot.pause()
        assert "WORKERS" in "\n".join(screen(dashboard))
        await pilot.press("enter")
        await pilot.pause()
        assert f"PROCESS {BUSY}" in "\n".join(screen(dashboard))
        await pilot.press("escape", "escape")
        await pilot.pause()
        assert dashboard.page is None


async def test_one_that_has_ended_is_told_as_it_stood() -> None:
    run = a_watched_run()
    async with shown(run, (80, 24)) as (dashboard, pilot):
        await pilot.press("w", "down", "down", "enter")
        run.die()
        run.poll()
        dashboard.frame()
        await pilot.pause()
        text = "\n".join(screen(dashboard))
        assert "It has ended" in text
        assert f"PROCESS {BUSY}" in text


def test_its_history_has_its_name_on_a_small_screen_too() -> None:
    text = drawn(a_watched_run(), BUSY, 60, 18)
    (at,) = [number for number, line in enumerate(text) if line.startswith("HISTORY ")]
    times, letters = text[at : at + 2]
    assert times.endswith("now")
    assert len(times) == len(letters)
    assert letters.strip() == "AHHHHHH"
