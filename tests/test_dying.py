"""Ends of all kinds: nothing is left behind, and what can be said is said."""

import contextlib
import json
import os
import signal
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from engine.models import MODELS
from tests.plain_client import Client
from tests.serve_driver import WORKERS, Serve, are_gone, family, is_port_free, kinds
from tests.support import wait_until

GONE_S = 2  # the contract: nothing is left after this
DRAIN_S = 15  # the design: an engine that has left accept may go on for so long

every_model = pytest.mark.parametrize("model", list(MODELS))


def work(server: Serve, stack: contextlib.ExitStack, target: str) -> list[Client]:
    """An idle client (its child of `process` blocks in recv), and one with a request under way.
    `iterative` has only one of them at a time: the idle one has ended."""
    idle = stack.enter_context(Client(server.port))
    assert idle.get("/", close=server.model == "iterative").status == 200
    busy = stack.enter_context(Client(server.port))
    busy.ask(target)
    wait_until(lambda: "request" in kinds(server.story_so_far(busy)), what="the request")
    return [idle, busy]


def is_drained(server: Serve) -> bool:
    return bool(server.snapshot()["draining"] == 0)


@pytest.fixture
def is_hung_up_on() -> Iterator[None]:
    """What is started ends with its terminal, even where nohup has started the tests."""
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGHUP, before)


@pytest.mark.usefixtures("is_hung_up_on")
@pytest.mark.parametrize(
    ("model", "number"),
    [(model, signal.SIGTERM) for model in MODELS]
    + [("process", signal.SIGINT), ("process", signal.SIGHUP)],
)
def test_a_signal_ends_it_in_order(model: str, number: signal.Signals) -> None:
    with Serve(model, "--events", "-") as server, contextlib.ExitStack() as stack:
        clients = work(server, stack, "/wait/60000")
        started = family(server.pid)
        assert started
        os.kill(server.pid, number)
        summary = server.wait(GONE_S)
        assert server.exit_code == 0
        assert [client.rest() for client in clients] == [b"", b""]
        assert are_gone(started)
        assert is_port_free(server.port)
    assert (summary["accepted"], summary["requests"], summary["responses"]) == (2, 2, 1)
    assert summary["open"] == 0
    assert server.errors == [f"listening on {server.url}"]


@every_model
def test_kill_9_leaves_nothing_while_a_handler_burns(model: str) -> None:
    with Serve(model, "--events", "-") as server, contextlib.ExitStack() as stack:
        clients = work(server, stack, "/burn/5000")
        number = 1 + (2 if model == "process" else WORKERS.get(model, 0))
        wait_until(lambda: len(family(server.pid)) == number, what="all processes")
        started = family(server.pid)
        os.kill(server.pid, signal.SIGKILL)
        wait_until(partial(are_gone, started), GONE_S, "no process left")
        wait_until(lambda: is_port_free(server.port), GONE_S, "a free port")
        assert [client.rest() for client in clients] == [b"", b""]


@every_model
def test_a_dead_engine_is_reported_and_can_be_replaced(model: str) -> None:
    with Serve(model, "--events", "-") as server, contextlib.ExitStack() as stack:
        clients = work(server, stack, "/wait/60000")
        engine = server.snapshot()["engine_pid"]
        started = family(server.pid)
        os.kill(engine, signal.SIGKILL)
        wait_until(partial(are_gone, started), GONE_S, "the engine's children gone")
        assert [client.rest() for client in clients] == [b"", b""]

        last_words = f"the engine ({model}, pid {engine}) killed by signal 9"
        wait_until(lambda: last_words in server.errors, what="the last words")
        shot = server.snapshot()
        cut = 1 if model == "iterative" else 2
        assert (shot["phase"], shot["engine_pid"]) == ("dead", None)
        assert (shot["accepted"], shot["cut"], shot["open"]) == (2, cut, 0)

        with Client(server.port) as waiting:  # the port stays open: it waits in the accept queue
            waiting.ask("/")
            assert server.snapshot()["phase"] == "dead"
            server.switch(model)
            assert waiting.answer().status == 200
        assert server.errors.count(last_words) == 1
        summary = server.stop()
        assert server.exit_code == 0
    assert (summary["accepted"], summary["requests"], summary["open"]) == (3, 3, 0)


def test_a_run_that_ends_dead_says_so_with_its_exit_code() -> None:
    with Serve("thread") as server:
        os.kill(server.snapshot()["engine_pid"], signal.SIGKILL)
        wait_until(lambda: server.snapshot()["phase"] == "dead", what="the phase dead")
        server.stop()
        assert server.exit_code == 1


def test_an_engine_that_dies_while_it_starts_leaves_the_old_one_in_place() -> None:
    with Serve("thread") as server, Client(server.port) as client:
        (old,) = family(server.pid)
        server.command("model epoll")
        new = wait_until(
            lambda: [one for one in family(server.pid) if one.pid != old.pid],
            what="the next engine",
        )
        with contextlib.suppress(ProcessLookupError):
            new[0].kill()
        words = wait_until(lambda: server.errors[1:], what="the last words")
        assert words[0] == f"the engine (epoll, pid {new[0].pid}) killed by signal 9"
        shot = server.snapshot()
        assert (shot["phase"], shot["model"], shot["engine_pid"]) == ("serving", "thread", old.pid)
        assert client.get("/").status == 200


def test_for_ends_it_by_itself() -> None:
    with Serve("epoll", "--for", "3") as server:  # from its start on, which may take a while
        summary = server.wait()
        assert server.exit_code == 0
        assert is_port_free(server.port)
    assert summary["model"] == "epoll"


@pytest.mark.slow
def test_an_engine_that_does_not_drain_is_ended_after_its_time(some_models: list[str]) -> None:
    """The models side by side, since each takes DRAIN_S."""
    with contextlib.ExitStack() as stack:
        runs = []
        for model in some_models:
            server = stack.enter_context(Serve(model, "--events", "-"))
            _, stuck = work(server, stack, "/wait/60000")
            stuck.socket.settimeout(DRAIN_S + 10)
            old = family(server.pid)
            began_s = time.monotonic()
            server.command("model epoll" if model != "epoll" else "model thread")
            waiting = stack.enter_context(Client(server.port, timeout_s=DRAIN_S + 10))
            waiting.ask("/style.css")
            runs.append((model, server, stuck, waiting, old, began_s))
        for model, server, stuck, waiting, old, began_s in runs:
            assert stuck.rest() == b"", model
            assert time.monotonic() - began_s > DRAIN_S - 1, model
            assert waiting.answer().status == 200, model
            wait_until(partial(are_gone, old), what="the old engine gone")
            wait_until(partial(is_drained, server), what="drained")
            shot = server.snapshot()
            assert (shot["phase"], shot["illegal_steps"]) == ("serving", 0), model
            assert shot["cut"] >= 1, model
            assert shot["accepted"] == shot["closed"] + shot["cut"] + shot["open"] == 3, model


def test_a_recording_is_whole_up_to_a_kill_9(tmp_path: Path) -> None:
    file = tmp_path / "run.jsonl"
    with Serve("epoll", "--events", str(file)) as server:
        with Client(server.port) as client:
            client.get("/")
        wait_until(lambda: '"close"' in file.read_text(), what="the close in the file")
        os.kill(server.pid, signal.SIGKILL)
        server.wait()
    header, *events = map(json.loads, file.read_text().splitlines())
    assert header["model"] == "epoll"
    assert header["command"][:2] == ["servetui", "serve"]
    assert {"listen", "accept", "request", "response", "close"} <= set(kinds(events))
