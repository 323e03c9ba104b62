"""Applications of frameworks, served by the models that can run them, over real sockets."""

import contextlib
import http.client
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from engine.handlers.application import ALONE, AWAITS, WITH_PROCESSES, WITH_THREADS
from engine.models import MODELS
from tests.apps import flask_app
from tests.plain_client import Client
from tests.serve_driver import Serve, kinds
from tests.support import wait_until
from tests.terminal_driver import Dashboard

CALLING = [model for model in MODELS if model not in AWAITS]
IN_TURN = sorted(CALLING, key=lambda one: (one == "iterative", one in WITH_PROCESSES))
"""The tests of a model are run one after the other, and few switches are needed, where parameters of a
module have the same number. So those that some tests leave out come last."""
FLASK, DJANGO = "tests.apps.flask_app:bare", "tests.apps.django_app:application"
MULTIPART = (
    b'--cut\r\nContent-Disposition: form-data; name="name"\r\n\r\nAda\r\n'
    b'--cut\r\nContent-Disposition: form-data; name="file"; filename="a.txt"\r\n'
    b"Content-Type: text/plain\r\n\r\nin the file\r\n--cut--\r\n"
)


@pytest.fixture(scope="module")
def flask() -> Iterator[Serve]:
    """One server for all models: they take over from one another."""
    with Serve(CALLING[0], "--app", FLASK, "--events", "-") as serve:
        yield serve


@pytest.fixture(scope="module")
def django() -> Iterator[Serve]:
    with Serve(CALLING[0], "--app", DJANGO) as serve:
        yield serve


@pytest.fixture(scope="module", params=IN_TURN)
def model(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@contextlib.contextmanager
def connected(serve: Serve) -> Iterator[http.client.HTTPConnection]:
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", serve.port, timeout=10)) as one:
        yield one


def ask(
    connection: http.client.HTTPConnection, target: str, data: Any = None, **headers: str
) -> tuple[int, bytes]:
    method = "GET" if data is None else "POST"
    fields = {name.replace("_", "-"): value for name, value in headers.items()}
    is_chunked = "Transfer-Encoding" in fields
    connection.request(method, target, data, fields, encode_chunked=is_chunked)
    answer = connection.getresponse()
    return answer.status, answer.read()


def turn_to(serve: Serve, model: str) -> None:
    if serve.snapshot()["model"] != model:
        serve.switch(model)


def check_framework(serve: Serve, hello: bytes, source: str) -> None:
    """What any application does; one connection, as far as the mode allows. Few pieces, or the next
    test would find only some connections reported in detail."""
    with connected(serve) as connection:
        assert ask(connection, "/") == (200, hello)
        lines = b"".join(b"line %d\n" % number for number in range(50))
        assert ask(connection, "/stream/50") == (200, lines)
        assert ask(connection, "/stream/0") == (200, b"")
        assert ask(connection, "/echo", b"x" * 300_000) == (200, b"x" * 300_000)
        chunks = iter([b"in ", b"chunks"])
        assert ask(connection, "/echo", chunks, Transfer_Encoding="chunked") == (200, b"in chunks")
        told = ask(connection, "/form", MULTIPART, Content_Type="multipart/form-data; boundary=cut")
        assert json.loads(told[1]) == {"name": "Ada", "file": "in the file"}
        assert ask(connection, "/file") == (200, Path(source).read_bytes())
        assert ask(connection, "/nowhere")[0] == 404
        assert ask(connection, "/boom")[0] == 500
        assert ask(connection, "/") == (200, hello)


def test_flask_in_every_model_and_both_modes(flask: Serve, model: str) -> None:
    turn_to(flask, model)
    for mode in ("short", "keep-alive"):
        flask.command(mode)
        assert flask.snapshot()["mode"] == mode
        check_framework(flask, b"flask says hello", flask_app.__file__)


def test_django_in_every_model(django: Serve, model: str) -> None:
    turn_to(django, model)
    source = flask_app.__file__.replace("flask_app", "django_app")
    check_framework(django, b"django says hello", source)


def test_what_an_application_is_told_is_true(flask: Serve, model: str) -> None:
    turn_to(flask, model)
    with Client(flask.port) as client:
        told = json.loads(client.get("/told").body)
        assert told == {
            "REMOTE_ADDR": "127.0.0.1",
            "REMOTE_PORT": client.name.rpartition(":")[2],
            "SERVER_PORT": str(flask.port),
            "wsgi.multithread": model in WITH_THREADS,
            "wsgi.multiprocess": model in WITH_PROCESSES,
        }
        assert model in ALONE | WITH_PROCESSES | WITH_THREADS


def errors_of(server: Serve, client: Client) -> list[str]:
    """What the events of its connection say went wrong."""
    return wait_until(
        lambda: [one["note"] for one in server.story(client) if one["kind"] == "error"],
        what="an error that is told",
    )


@pytest.mark.parametrize("model", [one for one in IN_TURN if one != "iterative"], scope="module")
def test_a_mistake_costs_one_connection_and_is_told(flask: Serve, model: str) -> None:
    turn_to(flask, model)
    pid = flask.snapshot()["engine_pid"]
    with Client(flask.port) as other:
        assert other.get("/").status == 200
        for target, name in (("/raise", "ValueError"), ("/exit", "SystemExit")):
            with Client(flask.port) as client:
                assert client.get(target).status == 500
                assert client.rest() == b""
                flask.story(client)
            (note,) = errors_of(flask, client)
            assert note.startswith(f"{name}: ")
            assert "flask_app.py" in note
            assert "\x1b" not in note
        with Client(flask.port) as client:
            client.ask("/half")
            assert b"first\n" in (said := client.rest())
            assert b"\r\n0\r\n" not in said, "it would be taken for whole"
            story = flask.story(client)
        (note,) = errors_of(flask, client)
        assert note.startswith("LookupError: the second half")
        assert story[-1]["note"] == "server closed first: the application failed"
        assert other.get("/").status == 200
    assert flask.snapshot()["engine_pid"] == pid


def test_a_stream_is_in_the_handler_until_its_last_piece(flask: Serve, model: str) -> None:
    turn_to(flask, model)
    with Client(flask.port) as client:
        client.ask("/stream/3", close=True)
        received = client.rest()
        story = flask.story(client)
    told = [kind for kind in kinds(story) if kind != "release"]
    assert told[: told.index("request") + 1] == ["accept", "recv", "request"]
    assert (told.count("response"), told.count("send")) == (1, 4), "three pieces and the end"
    assert told.index("response") == len(told) - 1 - told[::-1].index("send") - 1
    assert sum(one["bytes"] for one in story if one["kind"] == "send") == len(received)


# The others have a loop that makes the pieces of many clients, or no second client at all; and a child
# of prefork that is stuck cannot say that it has left accept, so that the next model waits for its end.
@pytest.mark.parametrize("model", ["gevent", "process", "thread", "thread-pool", "reactor-pool"])
def test_an_application_that_is_stuck_holds_up_its_client_only(flask: Serve, model: str) -> None:
    turn_to(flask, model)
    with Client(flask.port) as stuck, Client(flask.port) as other:
        stuck.ask("/stuck")
        stuck.take(1)
        assert other.get("/").status == 200
        wait_until(lambda: "send" in kinds(flask.story_so_far(stuck)), what="its first piece")
        shot = flask.snapshot()
        (row,) = [
            one
            for one in shot["connections"]
            if one["conn"] == flask.story_so_far(stuck)[0]["conn"]
        ]
        assert row["state"] == "handler"
    if model in WITH_THREADS:  # nothing ends such a thread but its process
        flask.switch("polling" if model != "polling" else "epoll")


@pytest.mark.parametrize(
    "model",
    [one for one in IN_TURN if one not in WITH_PROCESSES and one != "iterative"],
    scope="module",
)
def test_a_client_that_leaves_ends_the_body(flask: Serve, model: str) -> None:
    turn_to(flask, model)
    with Client(flask.port, receive_buffer=4096) as client:
        client.ask("/closing")
        client.take(5000)
        with Client(flask.port) as other:
            assert other.get("/closed").body == b"False"
        client.reset()
    with Client(flask.port) as other:
        wait_until(lambda: other.get("/closed").body == b"True", what="close() of the body")


@pytest.mark.usefixtures("tmux")
def test_a_traceback_is_read_in_the_dashboard() -> None:
    with Dashboard("thread", 120, 40, "--app", FLASK) as dashboard:
        with Client(dashboard.port) as client:
            assert client.get("/raise").status == 500
        dashboard.wait_for("ValueError: ")  # among the events, in one line
        dashboard.press("e")
        lines = dashboard.wait_for("Traceback (most recent call last):")
        text = "\n".join(lines)
        assert "flask_app.py" in text
        assert r'raise ValueError("\x1b[31mred\x1b[0m mistake")' in text
        assert r"ValueError: \x1b[31mred\x1b[0m mistake" in text
        dashboard.press("Escape")
        dashboard.wait_for("q quit")
        with Client(dashboard.port) as client:
            assert client.get("/").status == 200
