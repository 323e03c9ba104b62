"""`serve` among shells, pipes and disks: in the background, without a reader, without room."""

import contextlib
import json
import os
import pty
import resource
import subprocess
import sys
import tty
from collections.abc import Iterator

import psutil
import pytest

from engine.models import MODELS
from tests.plain_client import Client
from tests.serve_driver import COMMAND, EPOLL, Serve, family, is_running, kinds
from tests.support import ROOT, fill_pipe, read_until, wait_until

END_S = 2  # from SIGTERM to the end of the server and its engine, whatever its readers do
# A shell with job control, as far as it matters here: its job reads the same terminal from the
# background, until a line tells the shell to put it into the foreground.
SHELL = """
import os, subprocess, sys
os.setsid()
terminal = os.open(sys.argv[1], os.O_RDWR)  # a session without a terminal takes this one
job = subprocess.Popen(sys.argv[2:], stdin=terminal, process_group=0)
sys.stdin.readline()
os.tcsetpgrp(terminal, job.pid)
sys.exit(job.wait())
"""


@pytest.fixture
def terminal() -> Iterator[tuple[int, str]]:
    """What is typed goes into the first; the second is the name of the terminal that reads it."""
    typed, slave = pty.openpty()
    tty.setraw(slave)  # no echo, which nobody would read
    name = os.ttyname(slave)
    yield typed, name
    os.close(slave)
    with contextlib.suppress(OSError):  # a test has hung up
        os.close(typed)


def serve_a_page(server: Serve) -> None:
    """A page, and the whole story of its connection: each event of it took a look at stdin."""
    with Client(server.port) as client:
        assert client.get("/", close=True).status == 200
        assert "close" in kinds(server.story(client))


def one_line(server: "subprocess.Popen[bytes]") -> str:
    """What a server that ended by itself said."""
    assert server.stderr is not None
    (said,) = server.stderr.read().decode().splitlines()
    assert said.startswith("servetui: ")
    return str(said)


def port_of(server: "subprocess.Popen[bytes]") -> int:
    """The port, once it listens."""
    assert server.stderr is not None
    return _port(read_until(server.stderr, b"listening on ", 20))


def _port(said: bytes) -> int:
    return int(said.decode().rstrip().rpartition(":")[2])


# --- stdin ----------------------------------------------------------------------------------------


def test_in_the_background_it_leaves_the_terminal_alone(terminal: tuple[int, str]) -> None:
    typed, name = terminal
    under = [sys.executable, "-c", SHELL, name]
    with Serve("epoll", "--events", "-", under=under) as server:
        os.write(typed, b"model thread\n")
        serve_a_page(server)
        serve_a_page(server)
        assert psutil.Process(server.pid).status() != psutil.STATUS_STOPPED
        server.command("foreground")
        os.write(typed, b"snapshot\n")
        shot = wait_until(lambda: _snapshots(server), 10, "the answer to what was typed")[0]
        assert shot["model"] == "thread"
        server.stop()
        assert server.exit_code == 0


def _snapshots(server: Serve) -> list[dict[str, object]]:
    told = map(json.loads, server.stdout)
    return [one for one in told if one["kind"] == "snapshot"]


def test_a_stdin_that_cannot_be_read_is_at_its_end() -> None:
    """nohup opens it for writing only."""
    under = ["sh", "-c", 'exec "$@" 0>/dev/null', "sh"]
    with Serve("epoll", "--events", "-", under=under, execs=True) as server:
        serve_a_page(server)
        server.stop()
        assert server.exit_code == 0
        assert server.errors == [f"listening on {server.url}"]


def test_a_terminal_that_hangs_up_is_at_its_end(terminal: tuple[int, str]) -> None:
    typed, name = terminal
    under = ["sh", "-c", f'exec "$@" 0<{name}', "sh"]
    with Serve("epoll", "--events", "-", under=under, execs=True) as server:
        os.close(typed)
        serve_a_page(server)
        server.stop()
        assert server.exit_code == 0
        assert server.errors == [f"listening on {server.url}"]


def test_the_model_that_runs_already_is_left_alone() -> None:
    with Serve("thread") as server:
        engine = server.snapshot()["engine_pid"]
        server.command("model thread")
        shot = server.snapshot()
        assert (shot["phase"], shot["engine_pid"]) == ("serving", engine)
        assert [one.pid for one in family(server.pid)] == [engine]
        assert server.errors == [f"listening on {server.url}"]


def test_an_unknown_model_on_stdin_names_those_that_there_are() -> None:
    with Serve("thread") as server:
        name = "threads\x1b[2J"
        server.command(f"model {name}")
        (said,) = wait_until(lambda: server.errors[1:], what="an answer on stderr")
        assert said == f"no model {name!r}; there are {', '.join(MODELS)}"
        assert server.snapshot()["model"] == "thread"


def test_an_engine_that_cannot_be_started_leaves_the_old_one_in_place() -> None:
    with Serve("thread") as server:
        engine = server.snapshot()["engine_pid"]
        resource.prlimit(server.pid, resource.RLIMIT_FSIZE, (1, 1))
        server.command("model epoll")
        shot = server.snapshot()
        assert (shot["phase"], shot["model"]) == ("serving", "thread")
        assert shot["engine_pid"] == engine
        said = wait_until(lambda: server.errors[1:], what="a line on stderr")
        assert said == ["cannot start the engine: File too large"]


# --- stdout ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("talk_too", [False, True])
def test_sigterm_ends_it_while_the_reader_of_stdout_stalls(talk_too: bool) -> None:
    reader, writer = os.pipe()
    server = subprocess.Popen(
        [*EPOLL, "--events", "-", "--json"],
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        stdout=writer,
        stderr=writer if talk_too else subprocess.PIPE,
        bufsize=0,
    )
    try:
        port = _port_in(reader) if talk_too else port_of(server)
        started = family(server.pid)
        fill_pipe(writer)
        with Client(port) as client:
            client.get("/")
            server.terminate()
            assert server.wait(END_S) == 0
            assert client.rest() == b""
        assert not any(map(is_running, started))
        if server.stderr is not None:
            assert "stdout" in one_line(server)
    finally:
        server.kill()
        server.wait()
        if server.stderr is not None:
            server.stderr.close()
        os.close(reader)
        os.close(writer)


def test_for_ends_it_while_the_reader_of_stdout_stalls() -> None:
    reader, writer = os.pipe()
    fill_pipe(writer)
    with subprocess.Popen(
        [*EPOLL, "--events", "-", "--for", "0.3"],
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        stdout=writer,
        stderr=subprocess.PIPE,
    ) as server:
        try:
            assert server.wait(10) == 0
            assert "stdout" in one_line(server)
        finally:
            server.kill()
            os.close(reader)
            os.close(writer)


def _port_in(pipe: int) -> int:
    """The port, where talk goes the way of data."""
    with os.fdopen(pipe, "rb", buffering=0, closefd=False) as stream:
        return _port(read_until(stream, b"listening on ", 20))


@pytest.mark.parametrize(
    "words",
    [
        ["serve", "-m", "epoll", "-p", "0", "--for", "0", "--json"],
        ["models"],
        ["models", "--json"],
        ["--help"],
        ["serve", "--help"],
        ["--version"],
    ],
)
def test_output_that_nobody_reads_ends_quietly(words: list[str]) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    assert _output_to(writer, words) == (0, "")


@pytest.mark.parametrize(
    "words",
    [
        ["serve", "-m", "epoll", "-p", "0", "--for", "0", "--json"],
        ["serve", "-m", "epoll", "-p", "0", "--events", "-"],
        ["models"],
        ["--help"],
    ],
)
def test_output_without_room_is_one_line(words: list[str]) -> None:
    code, said = _output_to(os.open("/dev/full", os.O_WRONLY), words)
    assert (code, said) == (1, "servetui: cannot write to stdout: No space left on device\n")


def _output_to(stdout: int, words: list[str]) -> tuple[int, str]:
    """Run a command that ends by itself: its exit code, and what it said."""
    with os.fdopen(stdout, "wb") as file:
        done = subprocess.run(
            [*COMMAND[:-1], *words],
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.PIPE,
            text=True,
            timeout=20,
        )
    return done.returncode, done.stderr
