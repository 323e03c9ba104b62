"""Without descriptors accept() fails: who is connected is served on, and who waits is served later."""

import contextlib
import os
import resource

import pytest

from engine.models import MODELS
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
        inside = [stack.enter_context(Client(server.port)) for _ in range(3)]
        assert [client.get("/").status for client in inside] == [200] * 3
        _, hard = resource.prlimit(engine, resource.RLIMIT_NOFILE)
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
