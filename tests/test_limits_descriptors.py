"""Without descriptors accept() fails: the server rests, who is connected is served on, and who waits is
served as soon as there are some again."""

import contextlib
import select
import time
from collections import Counter

import pytest

from engine.models import MODELS
from engine.serving.admission import ACCEPT_PAUSE_S
from tests.no_descriptors import accepting, cpu_s, give_descriptors, lowest_free, take_descriptors
from tests.plain_client import Client, request
from tests.serve_driver import WAIT_FOR_A_TURN, Serve
from tests.support import wait_until

WAITING = 30
BLOCKS = {"iterative", "process", "thread", "thread-pool", "prefork"}
"""Models that block in accept(). It takes its descriptor before it waits, so it fails with nobody there."""
RESTS_S = 1.0
MOST_OF_CORE = 0.2  # of processor time while it rests, however fast or crowded the machine is
RESUMES_S = 1.0


def refused(server: Serve) -> Counter[int]:
    """By process, how often accept() found no descriptor."""
    return Counter(one["pid"] for one in server.events if one["note"] == "EMFILE")


@pytest.mark.parametrize("model", list(MODELS))
def test_without_descriptors_a_server_rests_and_resumes_within_a_second(model: str) -> None:
    with (
        Serve(model, "--events", "-", "--idle-timeout", "60") as server,
        contextlib.ExitStack() as stack,
    ):
        engine = server.snapshot()["engine_pid"]
        wait_until(lambda: server.snapshot()["cap"], what="accepting")
        pids = accepting(server)
        at_rest = lowest_free(engine)
        number = 0 if model == "iterative" else 3  # which accepts nobody while there is one
        inside = [stack.enter_context(Client(server.port)) for _ in range(number)]
        assert [client.get("/").status for client in inside] == [200] * number
        if model == "process":  # a child may answer before the parent has closed its own copy
            wait_until(lambda: lowest_free(engine) == at_rest, what="the copies closed")

        began_s = time.monotonic()
        take_descriptors(pids)
        if model in BLOCKS:
            idle = len(pids) - number if model == "prefork" else 1
            wait_until(lambda: len(refused(server)) == idle, what="EMFILE in each")
        waiting = [stack.enter_context(Client(server.port)) for _ in range(WAITING)]
        for client in waiting:
            client.send(request("/style.css", close=True))
        wait_until(lambda: refused(server), what="EMFILE")

        used_s, since_s = cpu_s(server), time.monotonic()
        wait_until(lambda: time.monotonic() > since_s + RESTS_S, what="a while")
        assert cpu_s(server) - used_s < MOST_OF_CORE * (time.monotonic() - since_s)
        for _ in range(20):  # a file that has been read before, and one that cannot be
            assert [client.get("/").status for client in inside] == [200] * number
        if number and model != "process":  # whose children have descriptors of their own
            assert inside[0].get("/favicon.svg").status == 503
        sockets = [client.socket for client in waiting]
        assert select.select(sockets, [], [], 0)[0] == []  # nobody was let in

        give_descriptors(pids)
        assert select.select(sockets, [], [], RESUMES_S)[0], f"nobody within {RESUMES_S} s"
        assert [client.answer().status for client in waiting] == [200] * WAITING
        shot = server.snapshot()
        assert (shot["engine_pid"], shot["refused"]) == (engine, 0)
        # Told at each, and tried ten times a second.
        tries = (time.monotonic() - began_s) / ACCEPT_PAUSE_S + 2
        assert max(refused(server).values()) <= tries


@pytest.mark.parametrize("model", [model for model in MODELS if model not in WAIT_FOR_A_TURN])
def test_a_model_that_leaves_without_descriptors_serves_its_clients_to_the_end(model: str) -> None:
    with Serve(model, "--events", "-") as server, Client(server.port) as inside:
        assert inside.get("/").status == 200
        take_descriptors(accepting(server))
        with Client(server.port), Client(server.port):
            wait_until(lambda: refused(server), what="EMFILE")
            inside.send(b"GET / HTTP/1.1\r\n")  # begun: the model stays until it is whole
            server.switch("thread" if model != "thread" else "epoll")
            ends_s = time.monotonic() + 5 * ACCEPT_PAUSE_S
            while time.monotonic() < ends_s:  # so that it finds out in the middle of a pause
                inside.send(b"X-Filler: x\r\n")
                server.snapshot()
            inside.send(b"Host: x\r\n\r\n")
            assert inside.answer().status in (200, 503)  # without a descriptor for its file
        wait_until(lambda: server.snapshot()["draining"] == 0, what="it has left")
        assert server.snapshot()["cut"] == 0
