"""The test clients of frameworks ask servers of this project: what tests/frameworks/ builds upon."""

import contextlib
import threading
from collections.abc import AsyncIterator, Iterator
from typing import Any, NoReturn

import flask
import pytest
import werkzeug.test
from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.requests import Request
from starlette.responses import JSONResponse, StreamingResponse
from starlette.routing import Route

from tests.frameworks.serving import IN_A_THREAD
from tests.frameworks.starlette_sockets import SocketClient
from tests.frameworks.suite import Counting
from tests.frameworks.werkzeug_sockets import Servers

happened: list[str] = []


@contextlib.asynccontextmanager
async def lifespan(_: Starlette) -> AsyncIterator[None]:
    happened.append("started")
    yield
    happened.append("ended")


async def told(request: Request) -> JSONResponse:
    body = (await request.body()).decode()
    who = threading.current_thread().name
    after = BackgroundTask(happened.append, "after the answer")
    return JSONResponse([who, str(request.url), body], background=after)


async def pieces(_: Request) -> StreamingResponse:
    return StreamingResponse(iter([b"one ", b"two"]))


async def fails(_: Request) -> NoReturn:
    raise LookupError("on purpose")


def application() -> Starlette:
    routes = [Route("/", told, methods=["POST"]), Route("/pieces", pieces), Route("/fails", fails)]
    return Starlette(routes=routes, lifespan=lifespan)


@pytest.fixture(autouse=True)
def _closed() -> Iterator[None]:
    happened.clear()
    yield
    SocketClient.close_all()


def test_starlettes_client_asks_a_server() -> None:
    with SocketClient(application()) as client:
        assert happened == ["started"]
        answer = client.post("/?a=b", content=b"c")
        assert answer.json() == ["serves by asyncio", "http://testserver/?a=b", "c"]
        assert happened == ["started", "after the answer"]
        assert client.get("/pieces").text == "one two"
        assert client.get("/nowhere").text == "Not Found"
    assert happened[2:] == ["ended"]


def test_what_a_starlette_application_raises_is_raised_in_the_test() -> None:
    client = SocketClient(application())
    with pytest.raises(LookupError, match="on purpose"):
        client.get("/fails")
    assert client.get("/pieces").status_code == 200
    assert happened == [], "without a `with` nothing starts"
    bearing = SocketClient(application(), raise_server_exceptions=False)
    assert bearing.get("/fails").status_code == 500
    with pytest.raises(RuntimeError, match="WebSocket"):
        client.websocket_connect("/talk")


@pytest.fixture(params=[model for model in IN_A_THREAD if model not in ("asyncio", "gevent")])
def model(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """One that flask's clients ask."""
    servers = Servers(request.param, lambda: happened.append("request"))
    monkeypatch.setattr(werkzeug.test.Client, "run_wsgi_app", servers.replaced())
    yield request.param
    servers.close()


def flask_application() -> flask.Flask:
    app = flask.Flask(__name__)
    app.secret_key = "known"

    @app.post("/")
    def told() -> list[Any]:
        flask.session["seen"] = flask.session.get("seen", 0) + 1
        return [flask.request.form["a"], flask.session["seen"]]

    @app.get("/fails")
    def fails() -> Any:
        raise LookupError("on purpose")

    return app


def test_flasks_client_asks_a_server(model: str) -> None:
    app = flask_application()
    with app.test_client() as client:
        assert client.post("/", data={"a": "b"}).json == ["b", 1]
        assert client.post("/", data={"a": "c"}).json == ["c", 2]
        assert flask.session["seen"] == 2, "its context is that of the last request"
    client = app.test_client()
    assert client.get("/fails").status_code == 500
    app.testing = True
    with pytest.raises(LookupError, match="on purpose"):
        client.get("/fails")
    assert happened == ["request"] * 4


class Item:
    def __init__(self, nodeid: str) -> None:
        self.nodeid = nodeid


class Config:
    class hook:  # noqa: N801
        @staticmethod
        def pytest_deselected(items: list[Item]) -> None:
            happened.extend(item.nodeid for item in items)


def test_what_is_left_out_is_counted_and_what_leaves_out_nothing_is_told() -> None:
    counting = Counting({"no time": ["test_a", "test_c$"], "no room": ["test_d"]})
    items: Any = [Item("x.py::test_a[1]"), Item("x.py::test_b"), Item("x.py::test_cc")]
    config: Any = Config()
    counting.pytest_collection_modifyitems(config, items)
    assert [item.nodeid for item in items] == ["x.py::test_b", "x.py::test_cc"]
    assert happened == ["x.py::test_a[1]"]
    assert counting.left_out == {"no time": 1}
    assert counting.unused == ["test_c$", "test_d"]
