"""Servers without a free descriptor: where they accept, no other one can be opened.

Belongs to tests and to tests/bench/hostile.py.
"""

import os
import resource
from collections.abc import Iterable

import psutil

from tests.serve_driver import WORKERS, Serve
from tests.support import wait_until


def accepting(server: Serve) -> list[int]:
    """The processes that accept, at rest: the engine, or its workers."""
    engine = server.snapshot()["engine_pid"]
    number = WORKERS.get(server.model, 0)

    def workers() -> list[psutil.Process]:
        found = psutil.Process(engine).children()
        # One that is still beginning has other descriptors than it will have.
        is_at_rest = all(one.status() == psutil.STATUS_SLEEPING for one in found)
        return found if len(found) == number and is_at_rest else []

    return [one.pid for one in wait_until(workers, what="its workers")] if number else [engine]


def lowest_free(pid: int) -> int:
    """The descriptor that the process would be given next."""
    taken = {int(name) for name in os.listdir(f"/proc/{pid}/fd")}
    return next(number for number in range(len(taken) + 1) if number not in taken)


def take_descriptors(pids: Iterable[int]) -> None:
    """Leave them those that they have. A blocking accept() has taken its own before it began to wait."""
    for pid in pids:
        _, hard = resource.prlimit(pid, resource.RLIMIT_NOFILE)
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (lowest_free(pid), hard))


def give_descriptors(pids: Iterable[int]) -> None:
    """Let them have as many as they may."""
    for pid in pids:
        _, hard = resource.prlimit(pid, resource.RLIMIT_NOFILE)
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (hard, hard))


def cpu_s(server: Serve) -> float:
    """Processor time of the engine and its children so far."""
    engine = psutil.Process(server.snapshot()["engine_pid"])
    return sum(sum(one.cpu_times()[:2]) for one in (engine, *engine.children()))
