"""A held server answers one request a step, or makes one round; and nothing hangs that is held."""

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from itertools import count

import psutil
import pytest

from engine.events import Kind
from engine.running.engines import Engines
from engine.running.run import Run
from engine.running.run_settings import RunSettings
from engine.running.slow_motion import TICKS_S, SlowMotion
from engine.serving.service import Settings
from engine.serving.step_gate import StepGate
from tests.plain_client import Client
from tests.support import wait_until

LOOKS = 30  # 150 ms: fifteen times as long as a gate waits between two looks
MODELS = ("thread", "process", "gevent", "thread-pool", "epoll", "asyncio", "generators")


@contextmanager
def held(model: str) -> Iterator[tuple[Run, list[Client]]]:
    """A server that is held, with three clients that have asked."""
    run = Run(RunSettings(port=0, model=model, whole=True))
    try:
        wait_until(lambda: polled(run).status().phase == "serving", 20, "serving")
        run.slow_motion.step()
        assert run.slow_motion.is_stepping
        with ExitStack() as stack:
            port = int(run.url.rpartition(":")[2])
            clients = [stack.enter_context(Client(port)) for _ in range(3)]
            yield run, clients
    finally:
        run.stop()


def polled(run: Run) -> Run:
    run.poll(at_once=True)
    return run


def responses(run: Run) -> int:
    return polled(run).snapshot().counts.responses


def stays(run: Run, number: int) -> None:
    """There are so many answers, and for some time no more."""
    wait_until(lambda: responses(run) >= number, 10, f"{number} answers")
    looks = count()
    wait_until(lambda: responses(run) > number or next(looks) > LOOKS)
    assert responses(run) == number


@pytest.mark.parametrize("model", MODELS)
def test_a_step_lets_one_request_be_answered(model: str) -> None:
    with held(model) as (run, clients):
        for client in clients:
            client.ask("/")
        wait_until(lambda: polled(run).snapshot().counts.requests, what="a request")
        stays(run, 0)
        for number in (1, 2, 3):
            run.slow_motion.step()
            stays(run, number)
        assert [client.answer().status for client in clients] == [200] * 3


def test_nobody_is_blamed_for_a_server_that_is_held() -> None:
    with held("epoll") as (run, clients):
        for client in clients:
            client.ask("/")
        wait_until(
            lambda: (polled(run).snapshot().rooms["handler"].longest_ms or 0) > 1_500,
            what="a long wait",
        )
        assert run.findings(0) == ()
        run.slow_motion.go_on()
        assert [client.answer().status for client in clients] == [200] * 3


def test_a_step_of_polling_is_a_round() -> None:
    with held("polling") as (run, clients):
        for client in clients:
            client.ask("/")
        stays(run, 0)
        for number in (1, 2, 3):  # a round accepts one, then asks all
            assert polled(run).snapshot().counts.accepted == number - 1
            run.slow_motion.step()
            stays(run, number)


def test_steps_that_nobody_waits_for_do_not_add_up() -> None:
    with held("thread") as (run, clients):
        for _ in range(5):
            run.slow_motion.step()
        for client in clients:
            client.ask("/")
        stays(run, 1)


@pytest.mark.parametrize("model", ["thread", "epoll", "polling", "process", "asyncio"])
def test_who_is_held_goes_on_when_the_server_does(model: str) -> None:
    with held(model) as (run, clients):
        for client in clients:
            client.ask("/")
        stays(run, 0)
        run.slow_motion.go_on()
        assert not run.slow_motion.is_stepping
        assert [client.answer().status for client in clients] == [200] * 3


@pytest.mark.parametrize("model", ["thread", "epoll", "polling", "process"])
def test_a_held_server_gives_way_to_another_model_that_is_held_too(model: str) -> None:
    with held(model) as (run, clients):
        clients[0].ask("/")
        stays(run, 0)
        run.switch("process")
        wait_until(lambda: polled(run).status() and run.status().phase == "serving", 20, "the next")
        stays(run, 1)  # who leaves does not wait
        assert clients[0].answer().status == 200
        with Client(int(run.url.rpartition(":")[2])) as late:
            late.ask("/")
            stays(run, 1)
            run.slow_motion.step()
            assert late.answer().status == 200


@pytest.mark.parametrize("model", ["thread", "epoll", "polling", "process"])
def test_a_held_server_ends_with_its_run(model: str) -> None:
    with held(model) as (run, clients):
        clients[0].ask("/")
        stays(run, 0)
        pid = run.status().engine_pid
        assert pid is not None
        run.stop()
        assert clients[0].answer().status == 200
        assert not psutil.pid_exists(pid)


def test_a_gate_is_open_when_the_terminal_has_gone() -> None:
    settings = Settings(memoryview(bytearray(64 * 8)).cast("Q"))
    steps_fd, step_fd = os.pipe()
    os.set_blocking(steps_fd, False)
    settings.set_stepping(stepping=True)
    os.close(step_fd)
    StepGate(settings, steps_fd).wait_before_answer()
    os.close(steps_fd)


class FakeEngines(Engines):
    """With a pause, and without an engine."""

    def __init__(self, tick_s: float) -> None:
        self.tick_s = tick_s

    def set_tick(self, seconds: float) -> None:
        self.tick_s = seconds


@pytest.mark.parametrize(
    ("tick_s", "steps", "ends"),
    [(0.0, 1, 0.01), (0.01, -1, 0.0), (0.0, -1, 0.0), (2.0, 1, 2.0), (0.3, 1, 0.5), (0.3, -1, 0.2)],
)
def test_the_pause_goes_through_its_steps(tick_s: float, steps: int, ends: float) -> None:
    slow = SlowMotion(FakeEngines(tick_s))
    slow.change_tick(steps)
    assert slow.tick_s == ends
    assert ends in TICKS_S


def test_a_pause_slows_the_rounds_down_at_once() -> None:
    with held("polling") as (run, clients):
        run.slow_motion.go_on()
        for _ in TICKS_S:
            run.slow_motion.change_tick(1)
        for client in clients:
            client.ask("/")
        rounds = [one for one in run.state.events if one.kind is Kind.ACCEPT]
        wait_until(lambda: responses(run) >= 1, 10, "the first round")
        run.slow_motion.change_tick(-9)
        assert run.slow_motion.tick_s == TICKS_S[-2]
        assert len(rounds) <= 1
