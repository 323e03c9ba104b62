"""An application that cannot be served is told in one line; others start, however long that takes."""

import os
import subprocess
from pathlib import Path

import pytest

from tests.plain_client import Client
from tests.serve_driver import COMMAND, Serve
from tests.support import ROOT

SLOW = "is still being imported"


def serve_words(*words: str, folder: Path = ROOT) -> tuple[int, list[str]]:
    """Exit code and stderr of a `serve` that cannot begin; without the word that it takes long."""
    done = subprocess.run(
        [*COMMAND, "-p", "0", "--for", "20", *words],
        cwd=folder, capture_output=True, text=True, timeout=30, stdin=subprocess.DEVNULL,
        env={"PYTHONPATH": str(ROOT), "PATH": ""},
    )  # fmt: skip
    return done.returncode, [one for one in done.stderr.splitlines() if SLOW not in one]


@pytest.mark.parametrize(
    ("source", "name", "says"),
    [
        ("", "missing:app", "no module 'missing'"),
        (
            "import missing",
            "page:app",
            "ModuleNotFoundError: No module named 'missing' (page.py:1)",
        ),
        ("\n1 / 0", "page:app", "ZeroDivisionError: division by zero (page.py:2)"),
        ("app = (", "page:app", "SyntaxError: '(' was never closed (page.py:1)"),
        ("", "page.py:app", "no module 'page.py', a module's name has no .py"),
        ("def app(): ...", "page:app", "called without arguments; if it makes the application"),
        ("def app(scope): ...", "page:app", "neither (environ, start_response), as WSGI"),
        ("def app(): 1 / 0", "page:app()", "it failed: ZeroDivisionError: division by zero"),
        ("def app(): ...", "page:app()", "a NoneType, not callable"),
        (
            "async def one(scope, receive, send): pass\n"
            "def app(scope, receive, send): return one(scope, receive, send)",
            "page:app",
            "is ASGI, which thread cannot run: it calls and never awaits; take -m asyncio",
        ),
        ("import sys; sys.exit(0)", "page:app", "SystemExit: 0 (page.py:1)"),
        ("app = 1", "page:application", "page has no 'application'"),
        ("app = 1", "page:app", "a int, not callable"),
        (
            "async def app(scope, receive, send): pass",
            "page:app",
            "is ASGI, which thread cannot run",
        ),
    ],
)
def test_what_cannot_be_loaded_is_said_in_one_line(
    source: str, name: str, says: str, tmp_path: Path
) -> None:
    (tmp_path / "page.py").write_text(source)
    code, lines = serve_words("-m", "thread", "--app", name, folder=tmp_path)
    assert code == 1
    (line,) = lines
    assert line.startswith("servetui: --app ")
    assert says in line


def test_a_start_that_takes_long_is_told(tmp_path: Path) -> None:
    (tmp_path / "page.py").write_text("import threading; threading.Event().wait()")
    words = ("-m", "thread", "-p", "0", "--app", "page:app")
    with subprocess.Popen(
        [*COMMAND, *words], cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
    ) as serve:  # fmt: skip
        assert serve.stderr is not None
        assert SLOW in serve.stderr.readline()
        serve.terminate()
    assert serve.returncode == 0


def test_a_factory_is_called() -> None:
    app = "tests.apps.flask_app:create_app()"
    with Serve("thread", "--app", app) as serve, Client(serve.port) as client:
        assert client.get("/", close=True).body == b"flask says hello"


@pytest.mark.parametrize(
    "words", [("--app", "page"), ("--app", "a:b", "--root", "/"), ("--app", ":a")]
)
def test_wrong_words_end_with_two(words: tuple[str, ...]) -> None:
    code, (line,) = serve_words("-m", "thread", *words)
    assert code == 2
    assert "--app" in line
