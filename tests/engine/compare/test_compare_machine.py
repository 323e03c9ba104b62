"""The parts of a comparison that ask the system: processors, memory, one real run."""

import os
import subprocess
import sys
from contextlib import ExitStack

import pytest

from engine.compare import cores
from engine.compare.conditions import Conditions
from engine.compare.measuring import CannotServeError, Server
from engine.compare.memory import held_bytes

SAY_CORES = "import os; print(sorted(os.sched_getaffinity(0)))"


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere nobody chooses processors")
def test_who_is_started_within_inherits_the_processors() -> None:
    before = cores.allowed()
    with cores.on(before[:1]):
        told = subprocess.run([sys.executable, "-c", SAY_CORES], capture_output=True, text=True)
    assert told.stdout.strip() == str([before[0]])
    assert cores.allowed() == before
    with cores.on(()):
        assert cores.allowed() == before


def test_memory_of_a_process_and_those_below_it() -> None:
    alone = held_bytes(os.getpid())
    assert alone is not None
    assert alone > 1_000_000
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        assert held_bytes(child.pid) is not None
        child.communicate(b"\n")
    assert held_bytes(child.pid) is None
    assert held_bytes(None) is None


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the system does not tell them apart")
def test_memory_does_not_sink_when_another_process_maps_the_same_files() -> None:
    words = [sys.executable, "-c", "import ssl, decimal; print(flush=True); input()"]
    held = []
    with ExitStack() as children:
        started: list[subprocess.Popen[bytes]] = []
        for _ in range(4):
            child = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
            started.append(children.enter_context(child))
            assert child.stdout is not None
            child.stdout.readline()
            held.append(held_bytes(started[0].pid))
        for child in started:
            child.communicate(b"\n")
    assert len(set(held)) == 1


@pytest.mark.parametrize(
    ("conditions", "said"),
    [
        (Conditions(path="/nothing"), "/nothing is answered 404"),
        (Conditions(path="/wait/3000", seconds=0.8), "is not answered within the 0.8 s of a run"),
        (Conditions(app="no_such:app"), "no module 'no_such'"),
    ],
)
def test_what_cannot_be_measured_is_refused_before_any_load(
    conditions: Conditions, said: str
) -> None:
    with pytest.raises(CannotServeError, match=said):
        Server(conditions, "thread", "short")


def test_one_server_for_several_runs_of_load() -> None:
    server = Server(Conditions(path="/wait/5", connections=4, seconds=0.8), "thread", "keep-alive")
    try:
        closed, offered = server.load(), server.load(40.0)
    finally:
        server.stop()
    assert (closed.errors, offered.errors, offered.dropped) == ({}, {}, 0)
    assert closed.requests_per_s > offered.requests_per_s > 20
    assert closed.percentiles().p50_ms is not None
    assert (closed.threads, closed.processes) == (5, 1)
    assert 0 < (closed.waits["handler"] or 0) <= 4  # 4 where nobody else has the processors
