"""What keys do in the app."""

import asyncio
from dataclasses import replace

import pytest
from textual.command import Command, CommandList

from engine.models import MODELS
from tests.tui.fake_run import FakeRun, a_lively_run
from tests.tui.shown_app import screen, shown


@pytest.mark.parametrize(
    ("keys", "calls"),
    [
        (["1"], ["switch process"]),
        (["2"], []),  # it runs already
        (["5"], ["switch epoll"]),
        (["9"], [f"switch {list(MODELS)[8]}"]),
        (["k"], ["short"]),
        (["k", "k"], ["short", "keep-alive"]),
        (["b"], ["burst 50 10"]),
        (["B"], ["burst 500 50"]),
        (["R"], ["restart"]),
        (["m", "up", "enter"], ["switch process"]),
        (["m", "down", "down", "enter"], ["switch polling"]),
        (["m", "3"], ["switch gevent"]),
        (["m", "down", "escape"], []),
        (["m", "enter"], []),
    ],
)
async def test_a_key_calls_the_run(keys: list[str], calls: list[str]) -> None:
    run = a_lively_run()
    async with shown(run) as (_, pilot):
        for key in keys:
            await pilot.press(key)
        await pilot.pause()
    assert run.calls == calls


async def test_a_key_is_seen_at_once() -> None:
    async with shown(a_lively_run()) as (dashboard, pilot):
        await pilot.press("k")
        await pilot.pause()
        assert screen(dashboard)[0].startswith("servetui  thread  http://127.0.0.1:7890  short  ")


@pytest.mark.parametrize("key", ["q", "ctrl+c", "ctrl+q"])
async def test_keys_that_quit(key: str) -> None:
    async with shown(a_lively_run()) as (dashboard, pilot):
        await pilot.press(key)
        await pilot.pause()
        assert dashboard._exit
        assert dashboard.return_code == 0


async def test_the_table_scrolls_by_keys_and_by_the_wheel() -> None:
    run = FakeRun()
    run.accept(range(1, 1_001))
    async with shown(run, (80, 24)) as (dashboard, pilot):
        picture = dashboard.picture
        rows = picture.heights.rows
        seen = []
        for key in ("down", "pagedown", "down", "end", "pageup", "home", "up"):
            await pilot.press(key)
            number = next(
                view.number
                for view in picture.snapshot.connections
                if view.conn == picture.table.chosen
            )
            seen.append((number, picture.table.first_row))
        last = 1_000 - rows
        assert seen == [
            *((1, 0), (rows, 0), (rows + 1, 1), (1_000, last), (1_001 - rows, last)),
            *((1, 0), (1, 0)),
        ]
        assert len(screen(dashboard)[0]) == 80


async def test_a_dead_engine_comes_back_by_r() -> None:
    run = a_lively_run()
    run.given_status = replace(
        run.given_status, phase="dead", engine_pid=None, last_words=("the engine exit 1",)
    )
    async with shown(run, (80, 24)) as (dashboard, pilot):
        assert "The server is dead: the engine exit 1." in screen(dashboard)[1]
        assert "Press R" in screen(dashboard)[3]
        await pilot.press("R")
        await pilot.pause()
        assert run.calls == ["restart"]
        assert "dead" not in "".join(screen(dashboard))


async def test_a_dead_engine_comes_back_by_its_own_digit() -> None:
    run = a_lively_run()
    run.given_status = replace(run.given_status, phase="dead", last_words=("it ended",))
    async with shown(run) as (_, pilot):
        await pilot.press("2")
    assert run.calls == ["switch thread"]


def _named(found: CommandList) -> list[str | None]:
    return [each.hit.text for each in found.options if isinstance(each, Command)]


async def test_a_command_of_the_palette_is_run() -> None:
    run = a_lively_run()
    async with shown(run) as (dashboard, pilot):
        await pilot.press("ctrl+p", *"restart")
        found = dashboard.screen.query_one(CommandList)
        async with asyncio.timeout(10):
            while _named(found) != ["restart  (R)"]:
                await pilot.pause()
        await pilot.press("enter")
        async with asyncio.timeout(10):
            while not run.calls:
                await pilot.pause()
    assert run.calls == ["restart"]
