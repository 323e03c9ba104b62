"""Models that other packages bring by an entry point: listed, served and watched like our own."""

import json
import os
import re
import subprocess
from pathlib import Path

import pytest

from engine.models import MODELS
from tests.plain_client import Client
from tests.serve_driver import COMMAND, Serve, kinds
from tests.support import ROOT
from tests.terminal_checks import expect_serving
from tests.terminal_driver import Dashboard

ONE_BY_ONE = '''"""one-by-one: a client at a time, until it is gone.

Calls: accept recv send close
Fails by: whoever comes second
"""


def serve(listener, service):
    listener.settimeout(0.05)
    while service.accepting:
        try:
            connection, _ = listener.accept()
        except TimeoutError:
            continue
        connection.settimeout(5)
        with connection:
            talk(connection, service)
    listener.close()


def talk(connection, service):
    conversation = service.converse(connection)
    while not conversation.ended and (data := connection.recv(65536)):
        for request in conversation.receive(data):
            for piece in conversation.send(service.answer(request, conversation.peer)):
                connection.sendall(piece)
'''
HEADER = ONE_BY_ONE.partition("\n\n\n")[0]


@pytest.fixture
def shelf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package installed beside the others, with one model, and a package that nobody may run."""
    (tmp_path / "shelf").mkdir()
    (tmp_path / "shelf" / "__init__.py").write_text(
        "import os\nASKED = os.environ['ENGINE_ONLY']\n"
    )
    (tmp_path / "shelf" / "one_by_one.py").write_text(ONE_BY_ONE)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    register(tmp_path, "one-by-one = shelf.one_by_one")
    return tmp_path


def register(folder: Path, *lines: str) -> None:
    info = folder / "shelf-1.0.dist-info"
    info.mkdir(exist_ok=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: shelf\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("\n".join(["[servetui.models]", *lines, ""]))


def run(*words: str) -> tuple[int, str, list[str]]:
    """Exit code, stdout and the lines of stderr."""
    done = subprocess.run(
        [*COMMAND[:-1], *words], cwd=ROOT, env=dict(os.environ), capture_output=True, text=True,
        timeout=30, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    return done.returncode, done.stdout, done.stderr.splitlines()


def test_it_is_listed_and_its_package_not_run_for_that(shelf: Path) -> None:
    code, out, errors = run("models", "--json")
    assert (code, errors) == (0, [])
    *ours, theirs = json.loads(out)
    assert [one["name"] for one in ours] == list(MODELS)
    assert theirs == {
        "name": "one-by-one",
        "sentence": "a client at a time, until it is gone",
        "calls": "accept recv send close",
        "failure": "whoever comes second",
    }


def test_it_serves_is_watched_and_takes_over(shelf: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ENGINE_ONLY", "yes")
    with Serve("thread", "--events", "-") as server:
        server.switch("one-by-one")
        with Client(server.port) as client:
            assert client.get("/").status == 200
        assert kinds(server.story(client))[-1] == "close"
        request = next(one for one in server.story(client) if one["kind"] == "request")
        line = ONE_BY_ONE.splitlines()[request["line"] - 1]
        assert "conversation.receive(data)" in line
        server.switch("thread")


@pytest.mark.usefixtures("tmux")
def test_it_is_chosen_in_the_dashboard(shelf: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ENGINE_ONLY", "yes")
    with Dashboard("thread") as dashboard:
        dashboard.press("m")
        dashboard.wait_for("esc back")
        dashboard.press(*["Down"] * len(MODELS))
        dashboard.wait_until(
            lambda lines: any(re.match(r" *> +one-by-one ", line) for line in lines),
            "the cursor at it",
        )
        dashboard.press("Enter")
        dashboard.wait_for_model("one-by-one")
        expect_serving(dashboard)


def test_one_that_cannot_be_imported_leaves_the_model_before_it_serving(shelf: Path) -> None:
    with Serve("thread") as server:  # without ENGINE_ONLY its package fails
        server.command("model one-by-one")
        server.wait_for_model("thread")
        with Client(server.port) as client:
            assert client.get("/").status == 200
        (said,) = server.errors[1:]
        assert said.startswith("the model one-by-one cannot be loaded: KeyError: 'ENGINE_ONLY' (")


@pytest.mark.parametrize(
    ("entry", "source", "why"),
    [
        ("broken = shelf.missing", "", "there is no file of shelf.missing"),
        ("broken = nowhere.at_all", "", "there is no file of nowhere.at_all"),
        ("broken = shelf.broken", "x = 1\n", "shelf.broken has no header"),
        ("broken = shelf.broken", "x = (\n", "'(' was never closed"),
        ("thread = shelf.one_by_one", "", "there is a model of that name already"),
        ("bro\x1bken = shelf.one_by_one", "", "a name is letters, digits and hyphens"),
    ],
)
def test_a_broken_one_is_said_in_a_line_and_hurts_nobody(
    shelf: Path, entry: str, source: str, why: str
) -> None:
    (shelf / "shelf" / "broken.py").write_text(source)
    register(shelf, "one-by-one = shelf.one_by_one", entry)
    code, out, (line,) = run("models", "--json")
    assert code == 0
    assert line.startswith("servetui: the model ")
    assert " of shelf is left out: " in line
    assert why in line
    assert "\x1b" not in line
    assert [one["name"] for one in json.loads(out)] == [*MODELS, "one-by-one"]


def test_one_without_serve_is_said_when_it_is_chosen(
    shelf: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ENGINE_ONLY", "yes")
    (shelf / "shelf" / "one_by_one.py").write_text(HEADER)
    code, _, (line,) = run("serve", "-m", "one-by-one", "-p", "0", "--for", "20")
    assert code == 1
    assert line.startswith("servetui: the model one-by-one cannot be loaded: AttributeError: ")
    assert "'serve'" in line
