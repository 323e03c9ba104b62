"""The cap of connections in every model: 503 beyond it, nobody else notices; and it is counted."""

import _thread
import contextlib
import os
import re
import socket
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest

from engine.http1.messages import Peer, Request, Response
from engine.limits import Limits
from engine.models import MODELS, process, thread
from engine.serving import admission
from engine.serving.admission import Admission
from engine.serving.service import Service, Settings
from tests.plain_client import Client, request
from tests.serve_driver import WAIT_FOR_A_TURN, Json, Serve
from tests.support import wait_until

CAP, BEYOND = 5, 40
QUEUED_MS = 500  # a worker with room takes a client at once
REFUSING = [model for model in MODELS if model not in WAIT_FOR_A_TURN]


@pytest.mark.parametrize("model", REFUSING)
@pytest.mark.parametrize("trace", [True, False], ids=["watched", "untraced"])
def test_beyond_the_cap_clients_are_answered_503_at_once(model: str, trace: bool) -> None:
    options = [] if trace else ["--no-trace"]
    with (
        Serve(model, "--max-connections", str(CAP), *options) as server,
        contextlib.ExitStack() as stack,
    ):
        inside = [stack.enter_context(Client(server.port)) for _ in range(CAP)]
        assert [client.get("/").status for client in inside] == [200] * CAP
        for number in range(BEYOND):
            with Client(server.port, timeout_s=3) as outside:
                if number % 2:
                    outside.ask("/")
                answer = outside.answer()
                assert (answer.status, answer.headers["connection"]) == (503, "close")
                assert answer.headers["retry-after"] == "1"
                assert outside.rest() == b""
        assert [client.get("/").status for client in inside] == [200] * CAP
        shot = server.snapshot()
        assert (shot["refused"], shot["cap"]) == (BEYOND, CAP)
        inside[0].socket.close()

        def is_let_in() -> bool:
            with Client(server.port) as client:
                client.ask("/")
                return client.answer().status == 200

        wait_until(is_let_in, what="room for the next one")
        if trace:
            wait_until(lambda: server.snapshot()["open"] == CAP - 1, what="all others closed")
            assert server.snapshot()["illegal_steps"] == 0


@pytest.mark.parametrize("model", REFUSING)
def test_the_descriptors_cap_it_too(model: str) -> None:
    under = ["sh", "-c", 'ulimit -n 100; exec "$@"', "sh"]
    with Serve(model, under=under, execs=True) as server:
        wait_until(lambda: server.snapshot()["cap"] == 36, what="the cap")
        with contextlib.ExitStack() as stack:
            clients = [stack.enter_context(Client(server.port)) for _ in range(60)]
            for client in clients:
                client.send(request("/"))
            statuses = [client.answer().status for client in clients]
        assert statuses.count(200) == 36
        assert statuses.count(503) == 24


@pytest.mark.parametrize(
    "model", [model for model in MODELS if model in WAIT_FOR_A_TURN - {"reuseport"}]
)
@pytest.mark.parametrize("trace", [True, False], ids=["watched", "untraced"])
def test_who_comes_beyond_the_cap_of_a_model_that_serves_in_turn_waits(
    model: str, trace: bool
) -> None:
    options = [] if trace else ["--no-trace"]
    cap = 1 if model == "iterative" else 2
    with (
        Serve(model, "--max-connections", str(cap), *options) as server,
        contextlib.ExitStack() as stack,
    ):
        inside = [stack.enter_context(Client(server.port)) for _ in range(cap)]
        assert [client.get("/").status for client in inside] == [200] * cap
        outside = stack.enter_context(Client(server.port))
        outside.ask("/")
        shot = wait_until(
            lambda: (s := server.snapshot())["rooms"]["accept_queue"]["now"] == 1 and s,
            what="a client in the accept queue",
        )
        assert (shot["refused"], shot["cap"]) == (0, cap)
        inside[0].socket.close()
        assert outside.answer().status == 200


def test_a_worker_of_reuseport_has_its_part_of_the_cap_whether_others_are_free_or_not() -> None:
    options = ("--workers", "2", "--max-connections", "2", "--events", "-", "--idle-timeout", "60")
    with Serve("reuseport", *options) as server, Client(server.port) as inside:
        assert inside.get("/").status == 200
        full = server.story_so_far(inside)[0]["pid"]
        with queued_beside_a_free_worker(server) as outside:
            shot = server.snapshot()
            assert (shot["open"], shot["refused"], shot["cap"]) == (1, 0, 2)
            inside.socket.close()
            assert outside.answer().status == 200
            assert server.story_so_far(outside)[0]["pid"] == full


@contextlib.contextmanager
def queued_beside_a_free_worker(server: Serve) -> Iterator[Client]:
    """A client that has asked, and that the kernel has given to the worker with the only connection."""

    def is_settled() -> Json:
        shot = server.snapshot()
        # Whom the kernel gives to the free worker may be seen in the queue, too, but for a moment.
        waits_ms = shot["rooms"]["accept_queue"]["longest_ms"] or 0
        return shot if shot["open"] == 2 or waits_ms > QUEUED_MS else {}

    for _ in range(50):  # every other one is given to the free worker, and served
        with Client(server.port) as client:
            client.ask("/")
            if wait_until(is_settled, what="served, or queued for a while")["open"] == 1:
                yield client
                return
        wait_until(lambda: server.snapshot()["open"] == 1, what="its end")
    raise AssertionError("the full worker was given nobody")


def test_the_refused_are_counted_over_all_engines() -> None:
    with Serve("epoll", "--max-connections", "1") as server, Client(server.port) as client:
        client.get("/")
        with Client(server.port) as outside:
            assert outside.answer().status == 503
        server.switch("thread")
        client.get("/")
        wait_until(lambda: server.snapshot()["draining"] == 0, what="the old engine gone")
        assert server.snapshot()["refused"] == 1


# --- when the system gives no more ----------------------------------------------------------------


def answer(request: Request, peer: Peer) -> Response:
    raise AssertionError("nothing is asked here")


def no_more(*_: Any, **__: Any) -> Any:
    raise BlockingIOError(11, "Resource temporarily unavailable")


def no_thread(*_: Any, **__: Any) -> Any:
    raise RuntimeError("can't start new thread")


def begin_process(connection: socket.socket, service: Service, admission: Admission) -> None:
    with socket.socket() as listener:
        assert not process.begin(connection, listener, service, admission)


def begin_thread(connection: socket.socket, service: Service, admission: Admission) -> None:
    talking: set[socket.socket] = set()
    thread.begin(connection, service, admission, talking)
    assert not talking


@pytest.mark.parametrize(
    ("begin", "where", "name", "fails"),
    [
        (begin_process, os, "fork", no_more),
        (begin_thread, _thread, "start_new_thread", no_thread),
    ],
)
def test_without_processes_or_threads_a_client_is_told_so(
    monkeypatch: pytest.MonkeyPatch,
    begin: Callable[[socket.socket, Service, Admission], None],
    where: Any,
    name: str,
    fails: Callable[..., Any],
) -> None:
    settings = Settings(memoryview(bytearray(64 * 8)).cast("Q"))
    service = Service(settings, answer, lambda: None, Limits())
    refusing = Admission(service, 10)
    monkeypatch.setattr(where, name, fails)
    ours, theirs = socket.socketpair()
    with theirs:
        begin(ours, service, refusing)
        theirs.settimeout(3)
        assert theirs.recv(4096).startswith(b"HTTP/1.1 503 ")
        refusing.close_refused(all_of_them=True)
        assert theirs.recv(1) == b""
    assert settings.refused == (0, 1)


def test_a_refusal_bears_the_date_of_its_own_second(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = Settings(memoryview(bytearray(64 * 8)).cast("Q"))
    refusing = Admission(Service(settings, answer, lambda: None, Limits()), 10)
    dates = []
    for now_s in (784111777.1, 784111777.9, 784111778.0):
        monkeypatch.setattr(admission, "time", partial(float, now_s))
        ours, theirs = socket.socketpair()
        with theirs:
            refusing.refuse(ours)
            dates += re.findall(rb"Date: .* 1994 ([0-9:]+) GMT", theirs.recv(4096))
            refusing.close_refused(all_of_them=True)
    assert dates == [b"08:49:37", b"08:49:37", b"08:49:38"]
