"""A hundred switches between all models under load: nobody is refused, nothing is left behind."""

import contextlib
import os
import signal
import socket
import threading

import psutil
import pytest

from engine.models import MODELS
from tests.all_pairs import walk
from tests.client_load import BODY, Load
from tests.plain_client import Client, request
from tests.serve_driver import Serve, descriptors_kept, family, is_running
from tests.support import wait_until

SWITCHES = 100
PATH = walk(["process", *(name for name in MODELS if name != "process")], seed=7)
"""A hundred switches of it are a hundred pairs of models; tests/bench/switches.py takes them all."""


@pytest.mark.slow
def test_a_hundred_switches_under_load() -> None:
    with Serve(PATH[0], "--events", "-") as server, contextlib.ExitStack() as stack:
        (first,) = family(server.pid)
        with descriptors_kept(server.pid):
            load = stack.enter_context(Load(server.port))
            for number, model in enumerate(PATH[1 : SWITCHES + 1]):
                if number % 4 == 0:  # overtaken by the next one, as by a quick hand
                    server.command(f"model {model}")
                else:
                    server.switch(model)
            before = load.met["answered"]
            wait_until(
                lambda: load.met["answered"] > before + 20, what="answers of the last engine"
            )
            stack.close()
            shot = wait_until(
                lambda: (s := server.snapshot())["draining"] == s["open"] == 0 and s, 20, "drained"
            )
            serving = [shot["engine_pid"]]
            wait_until(lambda: engines_of(server.pid) == set(serving), what="no orphan")
        assert not is_running(first)
        spawned = [one for one in server.events if " engine " in one["note"]]
        server.stop()
    load.assert_nobody_failed()
    assert load.met["answered"] > 3 * SWITCHES, load.met
    assert len(spawned) == SWITCHES + 1
    assert shot["accepted"] == shot["closed"] == load.met["connections"]
    assert (shot["cut"], shot["lost"], shot["illegal_steps"]) == (0, 0, 0)
    assert server.errors == [f"listening on {server.url}"]


def test_a_connection_outlives_the_switch_by_one_answer() -> None:
    options = ("--events", "-", "--idle-timeout", "60")  # a switch may take its time
    with Serve("thread", *options) as server, Client(server.port) as client:
        assert client.get("/").headers["connection"] == "keep-alive"
        server.switch("epoll")
        assert server.snapshot()["draining"] == 1
        answer = client.get("/")
        assert (answer.status, answer.headers["connection"]) == (200, "close")
        assert client.rest() == b""
        wait_until(lambda: server.snapshot()["draining"] == 0, what="the old engine gone")


def test_the_mode_outlives_the_switch() -> None:
    with Serve("thread", "--short") as server:
        for model in MODELS:
            server.switch(model)
            with Client(server.port) as client:
                assert client.get("/").headers["connection"] == "close"
                assert client.rest() == b""
        server.command("keep-alive")
        assert server.snapshot()["mode"] == "keep-alive"
        with Client(server.port) as client:
            assert client.get("/").headers["connection"] == "keep-alive"


def test_clients_wait_in_the_accept_queue_while_the_old_model_is_busy() -> None:
    with Serve("epoll", "--events", "-") as server, contextlib.ExitStack() as stack:
        busy = stack.enter_context(Client(server.port))
        busy.ask("/wait/700")
        wait_until(lambda: "request" in [one["kind"] for one in server.story_so_far(busy)])
        server.command("model thread")
        waiting = [stack.enter_context(Client(server.port)) for _ in range(20)]
        for client in waiting:
            client.send(request("/style.css"))
        assert [client.answer().body for client in waiting] == [BODY] * 20
        assert busy.answer().status == 200
        (engine,) = {server.story_so_far(client)[0]["pid"] for client in waiting}
        assert engine == server.snapshot()["engine_pid"]


def test_the_listener_is_never_closed() -> None:
    """A port that is closed for a moment refuses; connect() in a tight loop would meet that."""
    with Serve("epoll") as server:
        over = threading.Event()
        refused: list[OSError] = []

        def knock() -> None:
            while not over.wait(0.001):
                try:
                    socket.create_connection(("127.0.0.1", server.port), timeout=10).close()
                except OSError as error:
                    refused.append(error)

        thread = threading.Thread(target=knock)
        thread.start()
        try:
            for model in MODELS:
                server.switch(model)
        finally:
            over.set()
            thread.join()
        assert refused == []


def test_the_old_model_serves_on_when_the_next_engine_dies() -> None:
    with Serve("epoll") as server, Client(server.port) as slow:
        slow.ask("/wait/1500")
        wait_until(lambda: server.snapshot()["rooms"]["handler"]["now"] == 1)
        old = server.snapshot()["engine_pid"]
        server.command("model thread")
        wait_until(lambda: len(engines_of(server.pid)) == 2)
        for pid in engines_of(server.pid) - {old}:
            os.kill(pid, signal.SIGKILL)
        with Client(server.port) as client:
            assert client.get("/").status == 200
        assert slow.answer().status == 200
        assert server.snapshot()["model"] == "epoll"


def engines_of(pid: int) -> set[int]:
    return {child.pid for child in psutil.Process(pid).children()}
