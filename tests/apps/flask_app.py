"""A Flask application with what applications do: forms, sessions, streams, files, mistakes."""

import os
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import flask

app = flask.Flask(__name__)
app.secret_key = "of a test"
closed = threading.Event()


@app.get("/")
def index() -> str:
    return "flask says hello"


@app.get("/told")
def told() -> dict[str, Any]:
    """What the server has told of itself and its client."""
    environ = flask.request.environ
    names = ("REMOTE_ADDR", "REMOTE_PORT", "SERVER_PORT", "wsgi.multithread", "wsgi.multiprocess")
    return {name: environ[name] for name in names}


@app.post("/echo")
def echo() -> flask.Response:
    return flask.Response(flask.request.get_data(), mimetype="application/octet-stream")


@app.post("/form")
def form() -> dict[str, str]:
    upload = flask.request.files["file"]
    return {"name": flask.request.form["name"], "file": upload.read().decode()}


@app.get("/visits")
def visits() -> str:
    flask.session["visits"] = flask.session.get("visits", 0) + 1
    return str(flask.session["visits"])


@app.get("/stream/<int:count>")
def stream(count: int) -> flask.Response:
    return flask.Response(f"line {number}\n" for number in range(count))


@app.get("/elsewhere")
def elsewhere() -> str:
    """Made by a thread of the application's own, and by a process."""
    made: list[str] = []
    thread = threading.Thread(target=made.append, args=("a thread",))
    thread.start()
    thread.join()
    said = subprocess.run(["echo", "a process"], capture_output=True, text=True, check=True).stdout
    return f"{made[0]}, {said.strip()}"


@app.get("/half")
def half() -> flask.Response:
    def body() -> Iterator[str]:
        yield "first\n"
        raise LookupError("the second half")

    return flask.Response(body())


@app.get("/stuck")
def stuck() -> flask.Response:
    """Gives one piece, and then never another one."""

    def body() -> Iterator[str]:
        yield "first\n"
        threading.Event().wait()

    return flask.Response(body())


@app.get("/closing")
def closing() -> flask.Response:
    closed.clear()
    response = flask.Response(f"{number:01000}" for number in range(100_000))
    response.call_on_close(closed.set)
    return response


@app.get("/closed")
def is_closed() -> str:
    return str(closed.is_set())


@app.get("/file")
def file() -> flask.Response:
    return flask.send_file(Path(__file__), mimetype="text/plain")


@app.get("/boom")
def boom() -> str:
    raise ZeroDivisionError("no page today")


def forking(how: str, start_response: Any) -> Iterator[bytes]:
    """Forks a process that does not end by itself where it should, but goes back to the server."""
    start_response("200 OK", [("Content-Length", "7" if how == "amid" else "1")])
    if how == "amid":
        return forking_amid()
    child = os.fork()
    if not child and how == "exit":
        raise SystemExit(3)
    if not child and how == "raise":
        raise ValueError("in the child")
    return iter([_ending_of(child)])


def forking_amid() -> Iterator[bytes]:
    yield b"first "
    child = os.fork()
    yield _ending_of(child)


def _ending_of(child: int) -> bytes:
    return b"%d" % os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) if child else b"the child"


def bare(environ: dict[str, Any], start_response: Any) -> Any:
    """The same without Flask's own handling of what goes wrong."""
    if environ["PATH_INFO"] == "/exit":
        raise SystemExit("out")
    if environ["PATH_INFO"] == "/raise":
        raise ValueError("\x1b[31mred\x1b[0m mistake")
    if environ["PATH_INFO"].startswith("/forking/"):
        return forking(environ["PATH_INFO"].removeprefix("/forking/"), start_response)
    return app(environ, start_response)


def create_app() -> Any:
    """As many a project has it."""
    return bare
