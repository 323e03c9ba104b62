import asyncio
from asyncio import StreamWriter as Writer
from typing import Any

import pytest

from engine.load.plan import Plan
from engine.load.result import Burst
from engine.running.load_process import LoadProcess, WatchedLoad
from engine.running.loads import KEPT
from engine.running.run import Run
from engine.running.run_settings import RunSettings
from engine.running.sustained_process import ALL_IN_USE, SustainedProcess
from tests.engine.answering import GOOD, answering
from tests.support import wait_until


def has_ended(burst: WatchedLoad[Any]) -> bool:
    burst.advance()
    return not burst.is_running


def test_a_burst_that_outlives_a_switch_names_both() -> None:
    burst = LoadProcess(Burst("http://127.0.0.1:9/"), "epoll", "keep-alive")
    try:
        burst.note_change("epoll", "keep-alive")
        burst.note_change("thread", "keep-alive")
        burst.note_change("thread", "short")
        assert (burst.view().model, burst.view().mode) == ("epoll>thread", "keep-alive>short")
    finally:
        burst.kill()
    burst.note_change("process", "short")
    assert burst.view().model == "epoll>thread"


def test_a_burst_under_way_refuses_another_until_it_ends() -> None:
    run = Run(RunSettings(model="thread", port=0))
    try:
        wait_until(lambda: run.poll() is not None and run.status().phase == "serving")
        run.start_burst(requests=1, connections=1)
        assert not run.refusal
        run.start_burst()
        assert run.refusal.startswith("a burst is under way")
        wait_until(lambda: run.poll() is not None and not run.bursts[-1].is_running)
        run.poll()
        assert not run.refusal
        for _ in range(KEPT):
            run.start_burst(requests=1, connections=1)
            wait_until(lambda: run.poll() is not None and not run.bursts[-1].is_running)
        assert [burst.number for burst in run.bursts] == list(range(2, KEPT + 2))
    finally:
        run.stop()


def test_nobody_listens() -> None:
    burst = LoadProcess(Burst("http://127.0.0.1:9/", requests=3), "epoll", "keep-alive")
    try:
        wait_until(lambda: has_ended(burst), what="the end of the burst")
        view = burst.view()
        assert (view.done, view.errors, view.failure) == (3, {"refused": 3}, "")
    finally:
        burst.kill()


def test_settings_that_the_client_refuses_are_told() -> None:
    burst = LoadProcess(Burst("http://192.0.2.1/"), "epoll", "keep-alive")
    try:
        wait_until(lambda: has_ended(burst), what="the end of the burst")
        assert "192.0.2.1" in burst.view().failure
    finally:
        burst.kill()


@pytest.mark.parametrize("connections", [1, 30])
def test_an_open_loop_that_lacked_connections_is_not_called_fine(connections: int) -> None:
    async def slow(_: int, writer: Writer) -> bool:
        await asyncio.sleep(0.05)
        writer.write(GOOD)
        return True

    with answering(slow) as server:
        plan = Plan(server.url, connections=connections, seconds=0.6, rate=100.0)
        load = SustainedProcess(plan, "epoll", "keep-alive")
        try:
            wait_until(lambda: has_ended(load), what="the end of the load")
            view = load.view()
        finally:
            load.kill()
    assert view.failure == ""
    assert (view.verdict == ALL_IN_USE) == (view.dropped > 0) == (connections == 1)
