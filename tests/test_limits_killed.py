"""Engines and their children killed at random under load: with --restart the server comes back by itself.

SERVETUI_KILL_S: for how many seconds in all (6), divided evenly among the models that are run, 8 of
them, or 16 with --all-models. A model goes on until its engine has been killed once.
SERVETUI_KILL_SEED: which random numbers (1).

    SERVETUI_KILL_S=960 pytest --all-models tests/test_limits_killed.py     # a minute for each model
"""

import os
import random
import signal
import threading
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial

import psutil
import pytest

from engine.models import MODELS
from tests.client_load import Clients
from tests.plain_client import Client
from tests.serve_driver import WORKERS, Json, Serve, are_gone, descriptors_kept, family, is_running
from tests.support import wait_until

KILL_S = float(os.environ.get("SERVETUI_KILL_S", "6"))
SEED = int(os.environ.get("SERVETUI_KILL_SEED", "1"))
GAP_S = 0.25  # between two kills, at the least
UNDER_LOAD = 0.7  # of the kills: once clients have been answered since the last one
CLIENTS = 6
PATIENCE_S = 15.0  # of a client: an engine that is killed is back within 2 s


@dataclass(frozen=True, slots=True)
class Cut:
    """A client that lost its connection. Times are those of events."""

    name: str  # "": it did not even connect
    began_ns: int
    at_ns: int


@dataclass(frozen=True, slots=True)
class Kill:
    """SIGKILL, and when all that it ends was gone."""

    pid: int
    at_ns: int
    gone_ns: int


class Asking(Clients):
    """Clients that take it as it comes."""

    def __init__(self, port: int) -> None:
        super().__init__(port, CLIENTS)
        self.cuts: list[Cut] = []

    def wait_for_answers(self) -> None:
        """Until some have come from now on."""
        before = self.met["answered 200"]
        wait_until(lambda: self.met["answered 200"] > before + CLIENTS, PATIENCE_S, "answers")

    def _run(self, _: int) -> None:
        while not self._over.is_set():
            name, began_ns = "", time.monotonic_ns()
            try:
                with Client(self._port, timeout_s=PATIENCE_S) as client:
                    name = client.name
                    self._ask_on(client)
            except ConnectionError:
                self.cuts.append(Cut(name, began_ns, time.monotonic_ns()))
            except TimeoutError:
                self.met["hung"] += 1

    def _ask_on(self, client: Client) -> None:
        for _ in range(20):
            answer = client.get("/wait/5")
            self.met[f"answered {answer.status}"] += 1
            if self._over.wait(0.002):
                return


@dataclass(slots=True)
class Serving:
    """An accepted connection, and the process that serves it."""

    since_ns: int
    pid: int


class Told:
    """What events tell of who served whom."""

    def __init__(self, events: Iterable[Json]) -> None:
        self._served: dict[str, list[Serving]] = {}
        self._started_by: dict[int, int] = {}
        latest: dict[int, Serving] = {}  # of each process
        for one in sorted(events, key=lambda one: int(one["at_ns"])):
            if one["kind"] == "accept":
                latest[one["pid"]] = serving = Serving(one["at_ns"], one["pid"])
                self._served.setdefault(one["note"], []).append(serving)
            elif one["kind"] == "spawn" and one["note"].startswith("process "):
                child = int(one["note"].split()[1])
                self._started_by[child] = one["pid"]
                if one["pid"] in latest:  # `process`: forked for the one that it has just accepted
                    latest.pop(one["pid"]).pid = child

    def is_accepted(self, cut: Cut) -> bool:
        return self._server_of(cut) != 0

    def is_accounted_for(self, cut: Cut, kills: Iterable[Kill]) -> bool:
        """Whether it was cut by one of these: that of the process that served it, or of the engine above
        that, which takes its children with it. Of one that nobody has accepted: by any, meanwhile."""
        server = self._server_of(cut)
        if not server:
            return any(kill.at_ns < cut.at_ns and cut.began_ns < kill.gone_ns for kill in kills)
        doomed = (server, self._started_by.get(server))
        return any(kill.pid in doomed and kill.at_ns < cut.at_ns for kill in kills)

    def _server_of(self, cut: Cut) -> int:
        """Its process; 0: nobody has accepted it. Ports are used again, so a name alone does not do."""
        for serving in self._served.get(cut.name, ()):
            if cut.began_ns < serving.since_ns < cut.at_ns:
                return serving.pid
        return 0


@pytest.fixture
def kill_s(request: pytest.FixtureRequest) -> float:
    """A model's share of the seconds."""
    test = request.function
    run = [one for one in request.session.items if getattr(one, "function", None) is test]
    return KILL_S / len(run)


@pytest.mark.parametrize("model", list(MODELS))
def test_kills_at_random_leave_no_orphan_and_no_hang(model: str, kill_s: float) -> None:
    chosen = random.Random(SEED)
    with Serve(model, "--restart", "--events", "-") as server, descriptors_kept(server.pid):
        killed = Counter[str]()
        kills: list[Kill] = []
        every: set[psutil.Process] = set()
        with Asking(server.port) as asking:
            ends_s = time.monotonic() + kill_s
            pause = threading.Event()
            while time.monotonic() < ends_s or not killed["engine"]:
                if not kills or chosen.random() < UNDER_LOAD:  # else perhaps while it begins
                    asking.wait_for_answers()
                pause.wait(GAP_S + chosen.random() * GAP_S)
                alive = [one for one in family(server.pid) if is_running(one)]
                every.update(alive)
                if not alive:
                    continue  # it is between two engines
                engine, *children = sorted(alive, key=lambda one: one.create_time())
                is_engine = not children or chosen.random() < 0.3
                victim = engine if is_engine else chosen.choice(children)
                at_ns = time.monotonic_ns()
                try:
                    os.kill(victim.pid, signal.SIGKILL)
                except ProcessLookupError:
                    continue  # it has just ended by itself
                killed["engine" if is_engine else "child"] += 1
                wait_until(partial(are_gone, alive if is_engine else [victim]), what="its end")
                kills.append(Kill(victim.pid, at_ns, time.monotonic_ns()))
            asking.wait_for_answers()
        shot = wait_until(lambda: (s := server.snapshot())["open"] == 0 and s, 10, "all closed")
        assert shot["phase"] == "serving"
        assert shot["restarts"] > 0
        assert (shot["illegal_steps"], shot["lost"]) == (0, 0)
        wait_until(lambda: len(family(server.pid)) == 1 + WORKERS.get(model, 0), what="no orphan")
        every.difference_update(family(server.pid))
        assert not any(map(is_running, every))
        told = Told(server.events)
    assert set(asking.met) == {"answered 200"}, asking.met
    # Who was connected to a process that lived on has its answer.
    assert [cut for cut in asking.cuts if not told.is_accounted_for(cut, kills)] == []
    if model != "reuseport":  # whose workers have queues of their own, which end with them
        # Killed between accept() and telling of it: one client of a process at the most.
        of_engine = 1 + WORKERS.get(model, 0)
        assert len([cut for cut in asking.cuts if not told.is_accepted(cut)]) <= (
            killed["child"] + killed["engine"] * of_engine
        )


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
