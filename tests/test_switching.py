"""A hundred switches between all models under load: nobody is refused, nothing is left behind."""

import contextlib
import socket
import threading
from collections import Counter
from itertools import cycle, islice
from pathlib import Path

import pytest

from engine.models import MODELS
from tests.serve_driver import (
    Client,
    Serve,
    descriptors_kept,
    family,
    is_running,
    request,
)
from tests.support import wait_until

SWITCHES = 100
PAUSE_S = 0.002  # of a client between two requests, lest the ephemeral ports run out
BODY = (Path(__file__).parent.parent / "www" / "style.css").read_bytes()


class Load:
    """Clients that ask until told to stop; counts what they meet."""

    def __init__(self, port: int) -> None:
        self.met: Counter[str] = Counter()
        self._port = port
        self._over = threading.Event()
        self._threads = [
            threading.Thread(target=self._run, args=(is_short,))
            for is_short in (False, False, True, True)
        ]

    def __enter__(self) -> "Load":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join()

    def _run(self, is_short: bool) -> None:
        client: Client | None = None
        while not self._over.wait(PAUSE_S):
            try:
                client = self._ask(client, is_short)
            except OSError as error:
                self.met[f"{type(error).__name__}: {error}"] += 1
                client = None
        if client is not None:
            client.socket.close()

    def _ask(self, client: Client | None, is_short: bool) -> Client | None:
        """One request; the connection for the next one."""
        is_reused = client is not None
        client = client or Client(self._port)
        received = client.received
        try:
            answer = client.get("/style.css", close=is_short)
        except ConnectionError:
            client.socket.close()
            # RFC 9110 9.2.2: GET may be repeated. A browser does so on a reused connection that the
            # server ended, as it may at any time, before any byte of the answer.
            if not is_reused or client.received != received:
                raise
            self.met["retried"] += 1
            return self._ask(None, is_short)
        except OSError:
            client.socket.close()
            raise
        is_right = (answer.status, answer.body) == (200, BODY)
        self.met["answered" if is_right else f"wrong: {answer.status}"] += 1
        self.met["connections"] += not is_reused
        if answer.headers["connection"] == "close":
            client.socket.close()
            return None
        return client


@pytest.mark.slow
def test_a_hundred_switches_under_load() -> None:
    with Serve("process", "--events", "-") as server, contextlib.ExitStack() as stack:
        (first,) = family(server.pid)
        with descriptors_kept(server.pid):
            load = stack.enter_context(Load(server.port))
            for number, model in enumerate(islice(cycle(MODELS), 1, SWITCHES + 1)):
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
            wait_until(lambda: [one.pid for one in family(server.pid)] == serving, what="no orphan")
        assert not is_running(first)
        spawned = [one for one in server.events if " engine " in one["note"]]
        server.stop()
    met = load.met
    assert set(met) <= {"answered", "connections", "retried"}, met
    assert met["retried"] * 100 <= met["answered"], met
    assert met["answered"] > 3 * SWITCHES, met
    assert len(spawned) == SWITCHES + 1
    assert shot["accepted"] == shot["closed"] == met["connections"]
    assert (shot["cut"], shot["lost"], shot["illegal_steps"]) == (0, 0, 0)
    assert server.errors == [f"listening on {server.url}"]


def test_a_connection_outlives_the_switch_by_one_answer() -> None:
    with Serve("thread", "--events", "-") as server, Client(server.port) as client:
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
