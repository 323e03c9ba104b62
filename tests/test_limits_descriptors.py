"""Without descriptors accept() fails: who is connected is served on, and who waits is served later."""

import contextlib
import os
import resource
import time

import psutil
import pytest

from engine.models import MODELS
from engine.serving.admission import ACCEPT_PAUSE_S
from tests.plain_client import Client, request
from tests.serve_driver import WAIT_FOR_A_TURN, Serve
from tests.support import wait_until

WAITING = 30


def lowest_free(pid: int) -> int:
    """The descriptor that the process would be given next."""
    taken = {int(name) for name in os.listdir(f"/proc/{pid}/fd")}
    return next(number for number in range(len(taken) + 1) if number not in taken)


@pytest.mark.parametrize("model", [model for model in MODELS if model not in WAIT_FOR_A_TURN])
def test_who_waits_is_served_once_there_are_descriptors_again(model: str) -> None:
    with Serve(model, "--events", "-") as server, contextlib.ExitStack() as stack:
        engine = server.snapshot()["engine_pid"]
        wait_until(lambda: server.snapshot()["cap"], what="accepting")
        at_rest = lowest_free(engine)
        inside = [stack.enter_context(Client(server.port)) for _ in range(3)]
        assert [client.get("/").status for client in inside] == [200] * 3
        _, hard = resource.prlimit(engine, resource.RLIMIT_NOFILE)
        if model == "process":  # a child may answer before the parent has closed its own copy
            wait_until(lambda: lowest_free(engine) == at_rest, what="the copies closed")
        used = lowest_free(engine)
        resource.prlimit(engine, resource.RLIMIT_NOFILE, (used, hard))

        waiting = [stack.enter_context(Client(server.port)) for _ in range(WAITING)]
        for client in waiting:
            client.send(request("/style.css"))
        wait_until(lambda: "EMFILE" in [one["note"] for one in server.events], what="EMFILE")
        for _ in range(20):  # a file that has been read before, and one that cannot be
            assert [client.get("/").status for client in inside] == [200] * 3
        if model != "process":  # whose children have descriptors of their own
            assert inside[0].get("/favicon.svg").status == 503

        resource.prlimit(engine, resource.RLIMIT_NOFILE, (hard, hard))
        statuses = [client.answer().status for client in waiting]
        # A blocking accept() takes its descriptor before it waits: one client came in, whose file
        # could not be opened.
        assert statuses in ([200] * WAITING, [503] + [200] * (WAITING - 1))
        shot = server.snapshot()
        assert (shot["engine_pid"], shot["refused"]) == (engine, 0)
        failed = [one for one in server.events if one["note"] == "EMFILE"]
        assert len(failed) < 100  # told at each, and tried ten times a second


def test_polling_rests_while_nobody_can_be_let_in() -> None:
    with Serve("polling", "--events", "-") as server, Client(server.port) as inside:
        assert inside.get("/").status == 200
        engine = psutil.Process(server.snapshot()["engine_pid"])
        _, hard = engine.rlimit(resource.RLIMIT_NOFILE)
        engine.rlimit(resource.RLIMIT_NOFILE, (lowest_free(engine.pid), hard))
        with Client(server.port) as waiting:
            waiting.ask("/style.css")
            wait_until(lambda: "EMFILE" in [one["note"] for one in server.events], what="EMFILE")
            began_s, used_s = time.monotonic(), sum(engine.cpu_times()[:2])
            ends_s = began_s + 10 * ACCEPT_PAUSE_S
            wait_until(lambda: time.monotonic() > ends_s, what="ten pauses")
            used_s = sum(engine.cpu_times()[:2]) - used_s
            assert used_s < 0.2 * (time.monotonic() - began_s)
            assert inside.get("/").status == 200
            engine.rlimit(resource.RLIMIT_NOFILE, (hard, hard))
            assert waiting.answer().status == 200


@pytest.mark.parametrize("model", [model for model in MODELS if model not in WAIT_FOR_A_TURN])
def test_a_model_that_leaves_without_descriptors_serves_its_clients_to_the_end(model: str) -> None:
    with Serve(model, "--events", "-") as server, Client(server.port) as inside:
        assert inside.get("/").status == 200
        engine = server.snapshot()["engine_pid"]
        _, hard = resource.prlimit(engine, resource.RLIMIT_NOFILE)
        resource.prlimit(engine, resource.RLIMIT_NOFILE, (lowest_free(engine), hard))
        with Client(server.port), Client(server.port):
            wait_until(lambda: "EMFILE" in [one["note"] for one in server.events], what="EMFILE")
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
