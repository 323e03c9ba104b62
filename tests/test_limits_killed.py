"""Engines and their children killed at random under load: with --restart the server comes back by itself.

SERVETUI_KILL_S: for how many seconds (6); SERVETUI_KILL_SEED: which random numbers (1).
"""

import contextlib
import os
import random
import signal
import threading
import time
from collections import Counter

import psutil
import pytest

from engine.models import MODELS
from tests.client_load import Clients
from tests.plain_client import Client
from tests.serve_driver import WORKERS, Serve, descriptors_kept, family, is_running
from tests.support import wait_until

KILL_S = float(os.environ.get("SERVETUI_KILL_S", "6"))
SEED = int(os.environ.get("SERVETUI_KILL_SEED", "1"))
GAP_S = 0.25  # between two kills, at the least
CLIENTS = 6
PATIENCE_S = 15.0  # of a client: an engine that is killed is back within 2 s


class Asking(Clients):
    """Clients that take it as it comes."""

    def __init__(self, port: int) -> None:
        super().__init__(port, CLIENTS)

    def _run(self, _: int) -> None:
        while not self._over.is_set():
            with contextlib.ExitStack() as stack:
                try:
                    client = stack.enter_context(Client(self._port, timeout_s=PATIENCE_S))
                    self._ask_on(client)
                except ConnectionError:
                    self.met["cut"] += 1  # with the process that it was connected to
                except TimeoutError:
                    self.met["hung"] += 1

    def _ask_on(self, client: Client) -> None:
        for _ in range(20):
            answer = client.get("/wait/5")
            self.met[f"answered {answer.status}"] += 1
            if self._over.wait(0.002):
                return


@pytest.mark.parametrize("model", list(MODELS))
def test_kills_at_random_leave_no_orphan_and_no_hang(model: str) -> None:
    chosen = random.Random(SEED)
    with Serve(model, "--restart", "--events", "-") as server, descriptors_kept(server.pid):
        killed = Counter[str]()
        every: set[psutil.Process] = set()
        with Asking(server.port) as asking:
            ends_s = time.monotonic() + KILL_S / len(MODELS)
            pause = threading.Event()
            while time.monotonic() < ends_s or not killed["engine"]:
                pause.wait(GAP_S + chosen.random() * GAP_S)
                alive = family(server.pid)
                every.update(alive)
                if not alive:
                    continue  # it is between two engines
                engine, *children = sorted(alive, key=lambda one: one.create_time())
                is_engine = not children or chosen.random() < 0.3
                victim = engine if is_engine else chosen.choice(children)
                with contextlib.suppress(psutil.NoSuchProcess):
                    os.kill(victim.pid, signal.SIGKILL)
                    killed["engine" if is_engine else "child"] += 1
            before = asking.met["answered 200"]
            wait_until(
                lambda: asking.met["answered 200"] > before + CLIENTS,
                10,
                "answers after the last kill",
            )
        shot = wait_until(lambda: (s := server.snapshot())["open"] == 0 and s, 10, "all closed")
        assert shot["phase"] == "serving"
        assert shot["restarts"] > 0
        assert (shot["illegal_steps"], shot["lost"]) == (0, 0)
        wait_until(lambda: len(family(server.pid)) == 1 + WORKERS.get(model, 0), what="no orphan")
        every.difference_update(family(server.pid))
        assert not any(map(is_running, every))
    assert asking.met["hung"] == 0, asking.met
    assert set(asking.met) <= {"answered 200", "cut", "hung"}, asking.met
    # Nobody was cut but with the process that served it.
    # A child serves one connection; a worker with a loop serves many, and may have others queued.
    of_child = CLIENTS if WORKERS.get(model) and model != "prefork" else 1
    # Who comes back at once after the engine's end may meet a worker that is about to end with it.
    of_engine = CLIENTS * 2 if WORKERS.get(model) else CLIENTS
    most_cut = killed["child"] * of_child + killed["engine"] * of_engine
    assert asking.met["cut"] <= most_cut, (asking.met, killed)


def test_an_engine_that_dies_is_started_anew_and_who_waits_is_served() -> None:
    with Serve("epoll", "--restart") as server:
        first = server.snapshot()["engine_pid"]
        os.kill(first, signal.SIGKILL)
        with Client(server.port) as client:
            assert client.get("/").status == 200
        shot = server.snapshot()
        assert (shot["phase"], shot["restarts"]) == ("serving", 1)
        assert shot["engine_pid"] != first
        assert f"the engine (epoll, pid {first}) killed by signal 9" in server.errors
        server.stop()
        assert server.exit_code == 0
