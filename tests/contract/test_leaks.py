"""Connections come and go in every way, and nothing of them stays: descriptors, processes, threads, memory.

SERVETUI_LEAKS sets how many connections (60; 5000 for a thorough run, in which memory is looked at, too).
"""

import contextlib
import os
from collections.abc import Iterator, Sequence

import psutil
import pytest

from engine.models import MODELS
from tests.plain_client import Client, request
from tests.serve_driver import Serve, family
from tests.support import wait_until

CONNECTIONS = int(os.environ.get("SERVETUI_LEAKS", "60"))
WARM_UP = max(36, CONNECTIONS // 2)  # pools are filled, caches, pages that a fork shares are copied
ONE_QUEUE = {"prefork", "prefork-epoll"}
"""Models whose workers share an accept queue: who is quicker has nearly all of a few clients."""
ENOUGH_FOR_MEMORY = 2_000  # with fewer, what the allocator keeps would hide what leaks
MOST_BYTES = 300  # of memory for each connection: less than any object of one
SETTLED_S = 20  # deadline


def come_and_go(port: int, number: int) -> None:
    """One after another: short, kept for two requests, half-closed, reset, silent, amid a head."""
    for count in range(number):
        with Client(port) as client:
            way = count % 6
            if way == 0:
                assert client.get("/style.css", close=True).status == 200
                client.rest()
            elif way == 1:
                assert [client.get("/").status for _ in range(2)] == [200, 200]
            elif way == 2:
                client.ask("/style.css")
                client.half_close()
                client.rest()
            elif way == 3:
                client.ask("/bytes/200000")
                client.take(1)
                client.reset()
            elif way == 4:
                pass
            else:
                client.send(request("/")[:20])


def warm_up(server: Serve) -> None:
    """Let every worker have clients: one that comes late to its first copies then what the fork had
    shared, and would seem to leak."""
    come_and_go(server.port, WARM_UP)
    wait_until(lambda: at_rest(server), SETTLED_S, "all of them gone")
    if server.model in ONE_QUEUE:
        workers = psutil.Process(server.snapshot()["engine_pid"]).children()
        for worker in workers:
            with suspended([other for other in workers if other != worker]):
                come_and_go(server.port, WARM_UP // len(workers))
        wait_until(lambda: at_rest(server), SETTLED_S, "all of them gone")


@contextlib.contextmanager
def suspended(processes: Sequence[psutil.Process]) -> Iterator[None]:
    """They do not run meanwhile. Waited for: one that is told to stop may still accept a client before."""
    with contextlib.ExitStack() as stack:
        for process in processes:
            process.suspend()
            stack.callback(process.resume)
        wait_until(lambda: {one.status() for one in processes} <= {psutil.STATUS_STOPPED})
        yield


def held(server: Serve) -> tuple[int, int, int]:
    """Processes, threads and descriptors of the engine and all below it."""
    processes = family(server.pid)
    threads = sum(one.num_threads() for one in processes)
    return len(processes), threads, sum(one.num_fds() for one in processes)


def memory(server: Serve) -> int:
    return sum(int(one.memory_full_info().uss) for one in family(server.pid))


def at_rest(server: Serve) -> bool:
    shot = server.snapshot()
    return bool(shot["open"] == 0 and shot["accepted"] == shot["closed"])


@pytest.mark.parametrize("model", list(MODELS))
def test_nothing_stays(model: str) -> None:
    with Serve(model, "--events", "count") as server:
        warm_up(server)
        before, memory_before = settled(server), memory(server)
        come_and_go(server.port, CONNECTIONS)
        wait_until(lambda: at_rest(server), SETTLED_S, "all of them gone")
        wait_until(lambda: held(server) == before, SETTLED_S, f"what it held: {before}")
        grown = memory(server) - memory_before
        shot = server.snapshot()
        assert (shot["illegal_steps"], shot["lost"], shot["zombies"]) == (0, 0, 0)
    print(f"{model}: {grown / CONNECTIONS:.0f} bytes a connection")
    assert CONNECTIONS < ENOUGH_FOR_MEMORY or grown < CONNECTIONS * MOST_BYTES


def settled(server: Serve) -> tuple[int, int, int]:
    """The least that it holds in three looks at rest: a thread or child that is about to end is none."""
    looks: list[tuple[int, int, int]] = []

    def same() -> bool:
        try:
            looks.append(held(server))
        except psutil.NoSuchProcess:
            looks.clear()
        return len(looks) > 3 and len(set(looks[-3:])) == 1

    wait_until(same, SETTLED_S, "that it is at rest")
    return looks[-1]
