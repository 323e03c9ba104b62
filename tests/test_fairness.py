"""Who accepts: how the kernel divides clients among pre-forked workers, by the numbers of each."""

import os
import signal
import socket
from contextlib import ExitStack

import pytest

from tests.plain_client import Client
from tests.serve_driver import WORKERS, Json, Serve
from tests.support import wait_until

CLIENTS = 200
EACH = CLIENTS // 8


def workers_of(server: Serve) -> list[Json]:
    """Its worker processes, once all of them are there."""
    number = WORKERS[server.model]
    wait_until(lambda: len(seen(server)) == number, what="all the workers")
    return seen(server)


def seen(server: Serve) -> list[Json]:
    shot = server.snapshot()
    return [one for one in shot["workers"] if one["pid"] != shot["engine_pid"]]


def after_clients(server: Serve) -> list[Json]:
    """The workers after clients have come one after the other, each with a connection of its own."""
    workers_of(server)
    for _ in range(CLIENTS):
        with Client(server.port) as client:
            client.get("/style.css", close=True)
            assert client.rest() == b""
    wait_until(lambda: sum(one["accepts"] for one in seen(server)) == CLIENTS, what="all accepts")
    return seen(server)


def test_blocking_accept_is_even() -> None:
    """First come, first served: the kernel wakes the one that has slept longest."""
    with Serve("prefork") as server:
        accepts = [one["accepts"] for one in after_clients(server)]
    # Each sleeps for 50 ms at most before it looks around, and then stands at the end of the line.
    assert min(accepts) > EACH / 2
    assert max(accepts) < EACH * 2


def test_a_shared_set_wakes_a_herd() -> None:
    """One client wakes more than one worker, and all but one find that it is gone."""
    with Serve("prefork-epoll") as server:
        workers_of(server)

        def would_block() -> int:
            for _ in range(20):
                with Client(server.port) as client:
                    client.get("/style.css", close=True)
            return sum(one["would_block"] for one in seen(server))

        wait_until(would_block, 20, what="a worker that was woken for nothing")
        assert len([one for one in seen(server) if one["wakeups"]]) > 1


def test_with_epollexclusive_one_worker_gets_most() -> None:
    """Last come, first served: the one that waits at the front of the line is always the same."""
    with Serve("prefork-epoll", "--exclusive") as server:
        accepts = [one["accepts"] for one in after_clients(server)]
    assert max(accepts) > CLIENTS / 2


def test_reuseport_divides_by_hash() -> None:
    with Serve("reuseport") as server:
        accepts = [one["accepts"] for one in after_clients(server)]
    assert len(set(accepts)) > 1  # by chance, and not in turn
    assert min(accepts) > 0
    assert max(accepts) < CLIENTS / 2


@pytest.mark.parametrize("model", list(WORKERS))
def test_a_worker_that_is_killed_is_replaced(model: str) -> None:
    with Serve(model) as server:
        before = {one["pid"] for one in workers_of(server)}
        victim = min(before)
        os.kill(victim, signal.SIGKILL)
        wait_until(lambda: len(before & pids(server)) == 7 and len(pids(server)) == 8)
        for _ in range(20):
            with Client(server.port) as client:
                assert client.get("/").status == 200
        assert server.snapshot()["phase"] == "serving"


def pids(server: Serve) -> set[int]:
    return {one["pid"] for one in workers_of(server)}


def test_reuseport_leaves_the_port_to_itself() -> None:
    """While it serves, and after it: no other server of this user may take the port unnoticed."""
    with Serve("reuseport") as server:
        workers_of(server)
        server.switch("thread")
        wait_until(lambda: server.snapshot()["draining"] == 0, what="the old engine gone")
        with pytest.raises(AssertionError, match="in use"):
            Serve("reuseport", "-p", str(server.port))


def test_a_reuseport_that_was_killed_leaves_nothing_on_the_port() -> None:
    with Serve("reuseport", "--restart") as server:
        workers_of(server)
        os.kill(server.snapshot()["engine_pid"], signal.SIGKILL)
        wait_until(lambda: server.snapshot()["restarts"] == 1, 10, "started anew")
        workers_of(server)
        for _ in range(40):
            with Client(server.port) as client:
                assert client.get("/style.css").status == 200


def own_queues(server: Serve) -> dict[int | None, tuple[int, int]]:
    """By the worker that takes from it: how many wait in it, of how many."""
    return {one["pid"]: (one["now"], one["limit"]) for one in server.snapshot()["accept_queues"]}


def test_each_worker_of_reuseport_has_a_queue_of_its_own() -> None:
    with Serve("reuseport") as server:
        own = pids(server)
        wait_until(lambda: own_queues(server) == dict.fromkeys(own, (0, 128)), what="eight queues")
        assert server.snapshot()["accept_queue_limit"] == 8 * 128
        server.switch("prefork")
        wait_until(lambda: own_queues(server) == {None: (0, 128)}, what="one for all")
        assert server.snapshot()["accept_queue_limit"] == 128


def test_a_full_queue_of_one_worker_is_found() -> None:
    """Though there is room in those of the others; whichever of them it is."""
    with Serve("reuseport", "--backlog", "2") as server, ExitStack() as clients:
        stuck = max(pids(server))
        os.kill(stuck, signal.SIGSTOP)
        clients.callback(os.kill, stuck, signal.SIGCONT)

        def is_full() -> bool:
            one = clients.enter_context(socket.socket())
            one.setblocking(False)  # a queue that is full lets a client wait for its SYN
            one.connect_ex(("127.0.0.1", server.port))
            return own_queues(server).get(stuck, (0, 2))[0] >= 2

        wait_until(is_full, what="a full queue")

        def found() -> list[Json]:
            told = server.snapshot()["findings"]
            return [one for one in told if one["id"] == "accept-queue"]

        (finding,) = wait_until(found, what="the finding")
        assert finding["pids"] == [stuck]
        assert f"in an accept queue for 2, that of pid {stuck} alone" in finding["text"]
