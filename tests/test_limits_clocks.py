"""How long a client may take, in every model: for a head, a body, between requests, for an answer."""

import contextlib
import itertools
import threading
import time
from collections.abc import Iterator

import pytest

from engine.models import MODELS
from tests.plain_client import Client, request
from tests.serve_driver import Serve
from tests.support import wait_until

HEAD_S, BODY_S, IDLE_S, SEND_S = 0.6, 1.0, 2.0, 1.0
LATE_S = 2.5  # loops look each second; the rest is for a busy machine
POST = b"POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 100\r\n\r\n"
MANY_BYTES = 12_000_000  # more than the sockets of both ends hold


@pytest.fixture(scope="module", params=list(MODELS))
def server(request: pytest.FixtureRequest) -> Iterator[Serve]:
    clocks = {"head": HEAD_S, "body": BODY_S, "idle": IDLE_S, "send": SEND_S}
    options = [f"--{name}-timeout={seconds}" for name, seconds in clocks.items()]
    with Serve(request.param, "--events", "-", *options) as serve:
        yield serve


def drip(client: Client, data: bytes, until_s: float) -> int:
    """Send byte by byte, each alone, until it is late or all is sent; how many were sent."""
    pause = threading.Event()
    sent = 0
    for byte in data:
        if time.monotonic() > until_s:
            break
        with contextlib.suppress(OSError):
            client.send(bytes([byte]))
        sent += 1
        pause.wait(0.05)
    return sent


@pytest.mark.parametrize("before", [b"", request("/style.css")], ids=["first", "kept alive"])
def test_a_head_that_comes_byte_by_byte_is_answered_408_in_time(
    server: Serve, before: bytes
) -> None:
    with Client(server.port) as client:
        if before:
            client.send(before)
            client.answer()
        began_s = time.monotonic()
        drip(client, b"GET / HTTP/1.1\r\nX-Slow: " + b"x" * 1000, began_s + HEAD_S)
        answer = client.answer()
        assert client.rest() == b""
        lasted_s = time.monotonic() - began_s
    assert (answer.status, answer.headers["connection"]) == (408, "close")
    assert HEAD_S * 0.9 < lasted_s < HEAD_S + LATE_S


def test_a_body_has_a_clock_of_its_own(server: Serve) -> None:
    with Client(server.port) as client:
        began_s = time.monotonic()
        sent = drip(client, POST, began_s + HEAD_S * 0.5)
        client.send(POST[sent:])
        head_s = time.monotonic()
        drip(client, b"x" * 50, head_s + BODY_S)
        answer = client.answer()
        assert client.rest() == b""
        assert BODY_S * 0.9 < time.monotonic() - head_s < BODY_S + LATE_S
    assert answer.status == 408


def test_an_idle_client_is_closed_without_an_answer(server: Serve) -> None:
    with Client(server.port) as silent, Client(server.port) as asked:
        began_s = time.monotonic()
        asked.get("/")
        assert silent.rest() == asked.rest() == b""
        assert IDLE_S * 0.9 < time.monotonic() - began_s < IDLE_S + LATE_S
    assert server.how_ended(silent).startswith("server closed first")


def test_empty_lines_keep_no_connection(server: Serve) -> None:
    """RFC 9112, 2.2, lets a client send them before a request; here so many that it is never silent."""
    pause = threading.Event()
    with Client(server.port) as client:
        began_s = time.monotonic()
        with contextlib.suppress(OSError):
            for piece in itertools.cycle((b"\r\n" * 1_000 + b"\r", b"\n")):
                client.send(piece)
                assert time.monotonic() - began_s < IDLE_S + LATE_S
                pause.wait(0.001)
        assert time.monotonic() - began_s > IDLE_S * 0.9


def test_a_client_that_takes_nothing_is_closed(server: Serve) -> None:
    with Client(server.port, receive_buffer=4096) as client:
        client.ask(f"/bytes/{MANY_BYTES}")
        assert server.how_ended(client).startswith("server closed first")
    assert wait_until(lambda: server.snapshot()["open"] == 0)


def test_a_slow_client_that_takes_something_gets_all(server: Serve) -> None:
    with Client(server.port, receive_buffer=4096) as client:
        client.ask(f"/bytes/{MANY_BYTES}")
        ends_s = time.monotonic() + 3 * SEND_S
        pause = threading.Event()
        while time.monotonic() < ends_s:  # some of it again and again, for long in all
            client.take(150_000)  # the kernel tells of room once a third of its buffer is free
            pause.wait(SEND_S / 20)
        assert len(client.answer().body) == MANY_BYTES


def test_a_client_that_takes_little_gets_all(server: Serve) -> None:
    """20 KB/s: the kernel would tell of room when a third of its buffer is free, in a minute."""
    with Client(server.port, receive_buffer=4096) as client:
        client.ask(f"/bytes/{MANY_BYTES}")
        ends_s = time.monotonic() + 5 * SEND_S
        pause = threading.Event()
        while time.monotonic() < ends_s:
            client.take(1, most=2_000)
            pause.wait(0.1)
        assert client.received < 200_000
        assert len(client.answer().body) == MANY_BYTES
        client.get("/style.css", close=True)
        assert server.how_ended(client) == "server closed first: last answer"  # and not silent


def test_the_head_of_the_next_request_has_its_full_time(server: Serve) -> None:
    """Pipelined: a whole request and the beginning of another in one piece."""
    with Client(server.port) as client:
        for _ in range(3):
            client.send(request("/style.css") + request("/style.css")[:10])
            assert client.answer().status == 200
            client.send(request("/style.css")[10:])
            assert client.answer().status == 200


def test_nothing_of_that_was_illegal(server: Serve) -> None:
    shot = server.snapshot()
    assert (shot["illegal_steps"], shot["lost"], shot["cut"]) == (0, 0, 0)
