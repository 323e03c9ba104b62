"""Engines that die, and come back by themselves where that is wished."""

import os
import signal
from collections.abc import Iterator

import pytest

from engine.running.engines import Engines
from engine.running.run import Run
from engine.running.run_settings import RunError, RunSettings
from tests.support import wait_until


@pytest.fixture
def run() -> Iterator[Run]:
    run = Run(RunSettings(model="epoll", port=0, restart=True))
    until_it_serves(run)
    yield run
    run.stop()


def until_it_serves(run: Run, model: str = "epoll", restarts: int = 0) -> None:
    def does() -> bool:
        run.poll()
        status = run.status()
        return (status.model, status.phase, status.restarts) == (model, "serving", restarts)

    wait_until(does, 10, f"{model} serving after {restarts} restarts")


def kill_it(run: Run) -> None:
    pid = run.status().engine_pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)


def test_why_it_was_restarted_is_told_until_the_next_change(run: Run) -> None:
    kill_it(run)
    until_it_serves(run, restarts=1)
    (why,) = run.status().last_words
    assert "killed by signal 9" in why
    run.switch("thread")
    until_it_serves(run, "thread", restarts=1)
    assert run.status().last_words == ()


def test_a_restart_that_failed_is_tried_again(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    start, tries = Engines._start, []

    def fail_once(engines: Engines, model: str) -> object:
        tries.append(model)
        if len(tries) == 1:
            raise RunError("cannot start the engine: no memory")
        return start(engines, model)

    monkeypatch.setattr(Engines, "_start", fail_once)
    kill_it(run)
    until_it_serves(run, restarts=1)
    assert tries == ["epoll", "epoll"]
