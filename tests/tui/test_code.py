"""The page with the source of the model: what is lit, what is counted, and whom it follows."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest

from engine.events import Event, Kind
from engine.fold.line_counts import LineCounts
from engine.models import MODELS, source_of
from tests.tui.fake_run import ENGINE_PID, FakeRun
from tests.tui.shown_app import screen, shown
from tui.app import Dashboard

Compare = Callable[..., bool]


def line_of(model: str, code: str) -> int:
    """The number of the first line that has this in it."""
    text = source_of(MODELS[model]).read_text(encoding="utf-8").splitlines()
    return next(number for number, line in enumerate(text, 1) if code in line)


ACCEPT, RECV = line_of("thread", "listener.accept()"), line_of("thread", "connection.recv(")
REQUEST = line_of("thread", "conversation.receive(")


def serve(run: FakeRun, conn: int, target: str = "/", *, finish: bool = True) -> None:
    task = f"Thread-{conn}"
    run.tell(Kind.RECV, conn, moved=83, task=task, line=RECV)
    run.tell(Kind.REQUEST, conn, note=f"GET {target}", task=task, line=REQUEST)
    if finish:
        run.wait(0.25)
        run.tell(Kind.RESPONSE, conn, moved=90, note="200", task=task, line=REQUEST)


def a_served_run() -> FakeRun:
    """Two connections: one is in the handler for 1.5 s."""
    run = FakeRun()
    for conn in (1, 2):
        run.tell(Kind.ACCEPT, conn, note=f"127.0.0.1:{50_000 + conn}", line=ACCEPT)
        run.wait(0.5)
    serve(run, 1)
    serve(run, 2, "/wait/9000", finish=False)
    run.wait(1.5)
    return run


def row(dashboard: Dashboard, number: int) -> str:
    return next(line for line in screen(dashboard) if f"{number:>4} " in line[35:50])


async def test_the_line_of_the_last_event_is_lit_and_lines_are_counted() -> None:
    run = a_served_run()
    async with shown(run) as (dashboard, pilot):
        await pilot.press("o")
        lines = screen(dashboard)
        assert lines[1].startswith("CODE  engine/models/thread.py  figures of the last 7 events")
        lit = row(dashboard, REQUEST)
        assert f">{REQUEST:>4}" in lit
        assert lit.split()[:3] == ["3", "83", "ms"]
        assert "2 for 1.50 s" in lit
        assert lines[-2].startswith("#2 request GET /wait/9000  by Thread-2 of pid 4120")
        run.tell(Kind.RECV, 1, moved=5, task="Thread-1", line=RECV)
        dashboard.beat()
        dashboard.frame()
        await pilot.pause()
        assert f">{RECV:>4}" in row(dashboard, RECV)
        assert "1.50 s" in row(dashboard, RECV)


async def test_a_page_of_another_edition_is_not_marked() -> None:
    run = a_served_run()
    run.pages["thread"] = "0badcafe"
    async with shown(run) as (dashboard, pilot):
        await pilot.press("o")
        lines = screen(dashboard)
        assert lines[1].startswith("CODE  engine/models/thread.py")
        assert "which lines ran is not marked" in lines[-2]
        assert not any(line[45:].lstrip().startswith(">") for line in lines[3:-2])
        assert "1 for 1.50 s" not in "".join(lines)


async def test_events_are_gone_through_one_by_one_and_then_followed_again() -> None:
    async with shown(a_served_run()) as (dashboard, pilot):
        await pilot.press("o", "left", "left")
        assert f">{REQUEST:>4}" in row(dashboard, REQUEST)
        assert screen(dashboard)[-2].startswith("#1 response 90 B  200")
        await pilot.press("left", "left", "left", "left", "left")
        assert f">{ACCEPT:>4}" in row(dashboard, ACCEPT)
        assert screen(dashboard)[-2].startswith("#1 accept")
        await pilot.press("right", "right")
        assert screen(dashboard)[-2].startswith("#1 recv")
        await pilot.press("end")
        assert screen(dashboard)[-2].startswith("#2 request")


async def test_the_chosen_connection_is_followed() -> None:
    run = a_served_run()
    async with shown(run) as (dashboard, pilot):
        await pilot.press("home", "o")
        assert "follows #1" in screen(dashboard)[1]
        assert screen(dashboard)[-2].startswith("#1 response")
        serve(run, 2)
        dashboard.beat()
        dashboard.frame()
        await pilot.pause()
        assert screen(dashboard)[-2].startswith("#1 response")


async def test_a_model_that_takes_over_brings_its_source_at_once() -> None:
    """Before its first client, and while the one before closes what it still has; who follows a connection
    of that one goes on with it."""
    run = a_served_run()
    run.tell(Kind.SPAWN, note=f"process {ENGINE_PID} engine thread", line=0)
    async with shown(run) as (dashboard, pilot):
        await pilot.press("o")
        run.tell(Kind.SPAWN, note="process 5000 engine epoll", line=0)
        run.given_status = replace(run.given_status, model="epoll", engine_pid=5000)

        async def first_line() -> str:
            dashboard.beat()
            dashboard.frame()
            await pilot.pause()
            return screen(dashboard)[1]

        assert (await first_line()).startswith("CODE  engine/models/epoll_loop.py")
        assert "No event yet" in screen(dashboard)[-2]
        run.tell(Kind.CLOSE, 1, note="server closed first", task="Thread-1", line=RECV)
        assert (await first_line()).startswith("CODE  engine/models/epoll_loop.py")
        await pilot.press("left")
        assert (await first_line()).startswith("CODE  engine/models/thread.py")
        await pilot.press("end")
        run.tell(Kind.ACCEPT, 3, note="127.0.0.1:50003", pid=5000, line=99)
        assert (await first_line()).startswith("CODE  engine/models/epoll_loop.py")
        assert screen(dashboard)[-2].startswith("#3 accept")
        await pilot.press("escape", "home", "o")
        assert (await first_line()).startswith("CODE  engine/models/thread.py")


async def test_scrolling_holds_the_file_and_end_lets_it_go() -> None:
    async with shown(a_served_run(), (80, 24)) as (dashboard, pilot):
        await pilot.press("o", *["pageup"] * 8)
        assert "thread: a thread for each connection" in screen(dashboard)[3]
        await pilot.press("end")
        assert any(f">{REQUEST:>4}" in line for line in screen(dashboard))


async def test_before_any_event_there_is_the_source_alone() -> None:
    async with shown(FakeRun("polling")) as (dashboard, pilot):
        await pilot.press("o")
        assert "polling: one thread asks every socket in turn" in screen(dashboard)[3]
        assert "No event yet" in screen(dashboard)[-2]


def pane(dashboard: Dashboard) -> list[str]:
    """What stands right of the connections."""
    return [line.partition("│")[2].rstrip() for line in screen(dashboard) if "│" in line]


async def test_on_a_large_screen_the_code_stands_beside_the_connections() -> None:
    run = a_served_run()
    async with shown(run, (160, 40)) as (dashboard, pilot):
        assert not any("CODE" in line for line in screen(dashboard))
        await pilot.press("o")
        assert dashboard.page is None
        text = "\n".join(screen(dashboard))
        assert "CONNECTIONS" in text
        assert any(
            "CODE  engine/models/thread.py  figures of the last 7 ev" in s for s in pane(dashboard)
        )
        assert any(f">{REQUEST:>4}" in line for line in pane(dashboard))
        await pilot.press("left")  # the event before
        assert any(f">{RECV:>4}" in line for line in pane(dashboard))
        await pilot.press("right")
        assert any(f">{REQUEST:>4}" in line for line in pane(dashboard))
        await pilot.press("up")  # the choice: connection 1, whose last event was its answer
        assert any("follows #" in line for line in pane(dashboard))
        run.tell(Kind.ACCEPT, 3, note="127.0.0.1:50003", line=ACCEPT)
        dashboard.beat()
        dashboard.frame()
        await pilot.pause()
        assert any("figures of the last 8 ev" in line for line in pane(dashboard))
        await pilot.press("o")
        assert not any("CODE" in line for line in screen(dashboard))


async def test_the_largest_screens_show_it_from_the_start() -> None:
    async with shown(a_served_run(), (200, 60)) as (dashboard, pilot):
        assert any(f">{REQUEST:>4}" in line for line in pane(dashboard))
        await pilot.press("o")
        assert not any("CODE" in line for line in screen(dashboard))


async def test_a_screen_that_has_become_small_has_no_pane() -> None:
    async with shown(a_served_run(), (160, 40)) as (dashboard, pilot):
        await pilot.press("o")
        await pilot.resize_terminal(120, 40)
        await pilot.pause()
        assert dashboard.picture.code is None
        assert not any("CODE" in line for line in screen(dashboard))


@pytest.mark.parametrize("size", [(160, 40), (120, 40)], ids=["pane", "page"])
async def test_the_code_costs_nothing_while_it_is_hidden(
    size: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    counted: list[int] = []
    take = LineCounts.take

    def counting(self: LineCounts, events: Sequence[Event]) -> None:
        counted.append(len(events))
        take(self, events)

    monkeypatch.setattr(LineCounts, "take", counting)
    run = a_served_run()

    async with shown(run, size) as (dashboard, pilot):
        for shows in (False, True, False):
            if shows or counted:
                await pilot.press("o")
            counted.clear()
            run.tell(Kind.ACCEPT, 9, note="127.0.0.1:50009", line=ACCEPT)
            dashboard.beat()
            dashboard.frame()
            assert counted == ([1] if shows else [])
            counted.append(0)
