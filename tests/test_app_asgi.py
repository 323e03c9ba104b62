"""Starlette and FastAPI applications, awaited by the asyncio model, over real sockets."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.apps import flask_app
from tests.plain_client import Client
from tests.serve_driver import Serve, kinds
from tests.support import wait_until
from tests.test_app import ask, connected
from tests.test_app_start import serve_words

STARLETTE, FASTAPI = "tests.apps.starlette_app:app", "tests.apps.starlette_app:api"


@pytest.fixture(scope="module")
def starlette() -> Iterator[Serve]:
    with Serve("asyncio", "--app", STARLETTE, "--events", "-") as serve:
        yield serve


def test_it_starts_before_it_is_asked_and_shuts_down_after_the_last_answer() -> None:
    with Serve("asyncio", "--app", STARLETTE) as serve:
        told = [line.split(" http")[0] for line in serve.errors]
        assert told.index("started up") < told.index("listening on")
        with Client(serve.port) as client:
            assert client.get("/", close=True).status == 200
        serve.stop()
        assert serve.errors[-1] == "shut down"


@pytest.mark.parametrize("mode", ["short", "keep-alive"])
def test_starlette_in_both_modes(starlette: Serve, mode: str) -> None:
    starlette.command(mode)
    assert starlette.snapshot()["mode"] == mode
    source = Path(flask_app.__file__).with_name("starlette_app.py")
    with connected(starlette) as connection:
        assert ask(connection, "/") == (200, b"starlette says hello")
        lines = b"".join(b"line %d\n" % number for number in range(50))
        assert ask(connection, "/stream/50") == (200, lines)
        assert ask(connection, "/stream/0") == (200, b"")
        assert ask(connection, "/echo", b"x" * 300_000) == (200, b"x" * 300_000)
        chunks = iter([b"in ", b"chunks"])
        assert ask(connection, "/echo", chunks, Transfer_Encoding="chunked") == (200, b"in chunks")
        assert ask(connection, "/file") == (200, source.read_bytes())
        connection.request("HEAD", "/stream/50")
        answer = connection.getresponse()
        assert (answer.status, answer.read()) == (200, b"")
        assert ask(connection, "/nowhere")[0] == 404
        assert ask(connection, "/boom")[0] == 500
        assert ask(connection, "/") == (200, b"starlette says hello")


def test_it_is_told_who_asks_and_what_its_start_has_given(starlette: Serve) -> None:
    with Client(starlette.port) as client:
        told = json.loads(client.get("/told").body)
        port = int(client.name.rpartition(":")[2])
        assert told == {"addr": "127.0.0.1", "port": port, "given": "at the start"}


def happened(serve: Serve) -> list[str]:
    with Client(serve.port) as client:
        return list(json.loads(client.get("/happened", close=True).body))


def test_what_comes_after_the_answer_is_run(starlette: Serve) -> None:
    with Client(starlette.port) as client:
        assert client.get("/told").status == 200
        assert client.get("/later").body == b"soon"
    wait_until(lambda: happened(starlette) == ["later"], what="the task in the background")


def test_what_fails_amid_its_body_ends_the_connection(starlette: Serve) -> None:
    with Client(starlette.port) as client:
        client.ask("/half")
        said = client.rest()
        assert b"first\n" in said
        assert b"\r\n0\r\n" not in said
        story = starlette.story(client)
    (note,) = [one["note"] for one in story if one["kind"] == "error"]
    assert note.startswith("LookupError: the second half")
    assert story[-1]["note"] == "server closed first: the application failed"


def test_fields_that_are_the_servers_to_say_are_left_out(starlette: Serve) -> None:
    with connected(starlette) as connection:
        connection.request("GET", "/events")
        answer = connection.getresponse()
        assert answer.read() == b"data: 0\n\ndata: 1\n\ndata: 2\n\n"
        assert answer.getheader("Transfer-Encoding") == "chunked"
        assert answer.headers.get_all("Connection") == ["keep-alive"]


def test_a_websocket_is_refused_and_that_is_told(starlette: Serve) -> None:
    with Client(starlette.port) as client:
        client.socket.sendall(
            b"GET /talk HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        )
        assert client.answer().status == 501
        assert client.get("/").status == 200
        starlette.story_so_far(client)
    story = starlette.story(client)
    (note,) = [one["note"] for one in story if one["kind"] == "error"]
    assert note == "WebSocket is not spoken here, only HTTP: asked for at /talk"


def test_what_it_forks_does_not_become_a_second_server(starlette: Serve) -> None:
    for _ in range(2):
        with Client(starlette.port) as client:
            assert client.get("/forking", close=True).body == b"3"
            assert client.rest() == b""


def test_a_stuck_body_holds_up_nobody(starlette: Serve) -> None:
    with Client(starlette.port) as stuck, Client(starlette.port) as other:
        stuck.ask("/stuck")
        stuck.take(1)
        assert other.get("/").status == 200
        wait_until(lambda: "send" in kinds(starlette.story_so_far(stuck)), what="its first piece")
        assert "response" not in kinds(starlette.story_so_far(stuck))


def test_a_client_that_leaves_ends_the_body(starlette: Serve) -> None:
    with Client(starlette.port) as first:
        assert first.get("/told").status == 200
    with Client(starlette.port, receive_buffer=4096) as client:
        client.ask("/endless")
        client.take(5_000)
        assert happened(starlette) == []
        client.reset()
    wait_until(lambda: happened(starlette) == ["http.disconnect"], what="the end of the body")


def leave(client: Client, how: str) -> None:
    if how == "reset":
        client.reset()
    else:
        client.socket.close()


@pytest.mark.parametrize("how", ["closed", "reset"])
@pytest.mark.parametrize(
    ("path", "before", "after"),
    [("/silent", ["asked"], ["asked", "http.disconnect"]), ("/stuck", [], ["ended"])],
)
def test_one_that_sends_nothing_is_told_at_once_that_its_client_is_gone(
    starlette: Serve, path: str, before: list[str], after: list[str], how: str
) -> None:
    with Client(starlette.port) as first:
        assert first.get("/told").status == 200
    said = len(starlette.errors)
    with Client(starlette.port) as client:
        client.ask(path)
        if path == "/stuck":
            client.take(1)
        wait_until(lambda: happened(starlette) == before, what="that it is waited for")
        leave(client, how)
        wait_until(lambda: happened(starlette) == after, what="the end of the call")
        story = starlette.story(client)
    ended = {"closed": "client closed first", "reset": "client reset the connection"}[how]
    assert story[-1]["note"] == ended
    assert [one["note"] for one in story if one["kind"] == "error"] == ["ECONNRESET"][
        how == "closed" :
    ]
    assert starlette.errors[said:] == []
    assert starlette.snapshot()["illegal_steps"] == 0


def test_a_client_that_only_sends_no_more_is_answered(starlette: Serve) -> None:
    """RFC 9112, 9.6: a half-close is not the client's end."""
    with Client(starlette.port) as first, Client(starlette.port) as client:
        assert first.get("/told").status == 200
        client.ask("/patient")
        wait_until(lambda: happened(starlette) == ["asked"], what="that it has begun")
        client.half_close()
        wait_until(lambda: starlette.story_so_far(client)[-1]["kind"] == "recv", what="its end")
        assert first.get("/told").status == 200
        assert client.answer().body == b"at last"
        assert client.rest() == b""
    assert starlette.story(client)[-1]["note"] == "client closed first"


def test_fastapi() -> None:
    with Serve("asyncio", "--app", FASTAPI) as serve, connected(serve) as connection:
        status, body = ask(connection, "/items/7?q=%C3%A9")
        assert (status, json.loads(body)) == (200, {"number": 7, "q": "é"})
        assert ask(connection, "/items/x")[0] == 422
        assert json.loads(ask(connection, "/threaded")[1]) == {"from": "a thread"}
        assert "paths" in json.loads(ask(connection, "/openapi.json")[1])


BARE = "async def app(scope, receive, send):\n"


@pytest.mark.parametrize(
    ("source", "says"),
    [
        ("def app(environ, start_response): return []", "is WSGI, which asyncio cannot run"),
        (
            BARE + "    await receive()\n"
            "    await send({'type': 'lifespan.startup.failed', 'message': 'a\\nno database'})",
            "--app page:app: its startup failed: no database",
        ),
        (
            "import sys\n" + BARE + "    await receive()\n    sys.exit('no database')",
            "--app page:app: its startup failed: SystemExit: no database (page.py:4)",
        ),
    ],
)
def test_what_cannot_start_is_said_in_one_line(source: str, says: str, tmp_path: Path) -> None:
    (tmp_path / "page.py").write_text(source)
    code, (line,) = serve_words("-m", "asyncio", "--app", "page:app", folder=tmp_path)
    assert code == 1
    assert says in line


def test_a_switch_to_a_model_that_does_not_await_leaves_asyncio_serving(starlette: Serve) -> None:
    starlette.command("model thread")
    said = wait_until(lambda: [one for one in starlette.errors if "is ASGI" in one], 60, "why not")
    assert "which thread cannot run" in said[0]
    assert starlette.snapshot()["model"] == "asyncio"
    with Client(starlette.port) as client:
        assert client.get("/").status == 200
