"""Threads and processes that an application starts by itself."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.plain_client import Client
from tests.serve_driver import Serve
from tests.support import ROOT, wait_until
from tests.test_app import CALLING, FLASK, turn_to


@pytest.fixture(scope="module")
def flask() -> Iterator[Serve]:
    with Serve(CALLING[0], "--app", FLASK, "--events", "-") as serve:
        yield serve


@pytest.mark.parametrize(
    "model", ["epoll", "gevent", "process", "thread", "reactor-pool"], scope="module"
)
def test_an_application_may_have_threads_and_processes_of_its_own(flask: Serve, model: str) -> None:
    if model not in CALLING:
        pytest.skip(f"there is no {model} here")
    turn_to(flask, model)
    with Client(flask.port) as client:
        assert client.get("/elsewhere", close=True).body == b"a thread, a process"


@pytest.mark.parametrize(
    "model", ["epoll", "gevent", "process", "thread", "prefork-epoll"], scope="module"
)
def test_what_an_application_forks_does_not_become_a_second_server(
    flask: Serve, model: str
) -> None:
    """Back from the application, the child would answer the same client, and go on with all others."""
    if model not in CALLING:
        pytest.skip(f"there is no {model} here")
    turn_to(flask, model)
    before, said = flask.snapshot(), len(flask.errors)
    for how, body in (("return", b"0"), ("exit", b"3"), ("raise", b"1"), ("amid", b"first 0")):
        with Client(flask.port) as client:
            answer = client.get(f"/forking/{how}", close=True)
            assert (answer.status, answer.body) == (200, body)
            assert client.rest() == b"", "one answer"
    with Client(flask.port) as client:
        assert client.get("/", close=True).body == b"flask says hello"
    after = wait_until(
        lambda: (now := flask.snapshot())["open"] == before["open"] and now, what="all are closed"
    )
    assert after["responses"] - before["responses"] == 5
    assert after["illegal_steps"] == before["illegal_steps"]
    wait_until(lambda: "ValueError: in the child" in flask.errors[said:], what="its traceback")
    assert any("has forked came back" in line for line in flask.errors[said:])


@pytest.mark.parametrize(
    ("model", "page", "words", "path", "line"),
    [
        ("prefork", "prefork", ("--workers", "1"), "/", "keep_workers("),
        ("thread", "thread", ("--app", FLASK), "/forking/exit", "= service.answer("),
    ],
)
def test_a_process_is_told_with_the_line_of_the_models_page(
    model: str, page: str, words: tuple[str, ...], path: str, line: str
) -> None:
    """Whoever forks on its behalf, in whatever other file."""
    with Serve(model, "--events", "-", *words) as serve:
        with Client(serve.port) as client:
            assert client.get(path, close=True).status == 200
        spawned = wait_until(
            lambda: [
                one
                for one in serve.events
                if one["kind"] == "spawn" and one["note"].startswith("process") and one["line"]
            ],
            what="a process that is told",
        )
    lines = Path(ROOT, "engine", "models", f"{page}.py").read_text().splitlines()
    assert line in lines[spawned[0]["line"] - 1]
