"""`serve` among shells, pipes and disks: in the background, without a reader, without room."""

import contextlib
import fcntl
import json
import os
import pty
import resource
import subprocess
import sys
import tty
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import psutil
import pytest

from engine.headless import Headless
from engine.models import MODELS
from engine.replay import Replay
from engine.run import Run
from tests.serve_driver import COMMAND, ROOT, Client, Serve, family, is_running, kinds
from tests.support import read_until, wait_until
from tests.tui.fake_run import FakeRun

EPOLL = (*COMMAND, "-m", "epoll", "-p", "0")
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
        assert server.errors[1:] == ["cannot start the engine: File too large"]


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
        _fill(writer)
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
    _fill(writer)
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


def _fill(pipe: int) -> None:
    """Let nothing more go into a pipe, whose descriptor itself stays a blocking one."""
    blocking = fcntl.fcntl(pipe, fcntl.F_GETFL)
    mine = os.open(f"/proc/self/fd/{pipe}", os.O_WRONLY | os.O_NONBLOCK)
    with contextlib.suppress(BlockingIOError):
        while os.write(mine, bytes(4096)):
            pass
    os.close(mine)
    assert fcntl.fcntl(pipe, fcntl.F_GETFL) == blocking


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


# --- the recording --------------------------------------------------------------------------------


def test_a_disk_that_fills_ends_the_recording_and_not_the_server(tmp_path: Path) -> None:
    file = tmp_path / "run.servetui"
    with Serve("epoll", "--events", str(file)) as server:
        size = file.stat().st_size + 100  # less than one request reports
        resource.prlimit(server.pid, resource.RLIMIT_FSIZE, (size, size))
        with Client(server.port) as client:
            assert client.get("/").status == 200
            (said,) = wait_until(lambda: server.errors[1:], what="a line on stderr")
            assert said.startswith(f"servetui: cannot write {file}: File too large; ")
            assert client.get("/").status == 200
        assert server.stop()["requests"] == 2
        assert server.exit_code == 1
        assert server.errors[2:] == []
    assert file.stat().st_size == size
    for line in file.read_bytes().split(b"\n")[:-1]:  # whole but for the last
        json.loads(line)


def test_a_recording_tells_the_mode_and_each_change_of_it(tmp_path: Path) -> None:
    file = tmp_path / "run.jsonl"
    with Serve("thread", "--short", "--events", str(file)) as server:
        server.snapshot()
        server.command("keep-alive")
        server.snapshot()
        server.stop()
    replay = Replay(file)
    assert (replay.status().url, replay.status().mode) == (server.url, "short")
    replay.jump(99)
    assert replay.status().mode == "keep-alive"


def test_a_recording_tells_the_totals_of_what_was_not_reported(tmp_path: Path) -> None:
    file = tmp_path / "run.jsonl"
    run = FakeRun()
    loop = Headless(cast(Run, run), command=["servetui"], events=str(file))
    run.drop(3)
    loop._begin("http://127.0.0.1:7890")
    loop._take([])
    run.accept([1])
    run.drop(5)
    loop._take(run.poll())
    loop._take([])
    assert file.read_text().count('"unreported ') == 2
    replay = Replay(file)
    replay.jump(99)
    counts = replay.snapshot().counts
    assert (counts.lost, counts.accepted) == (5, 1)


def test_a_recording_is_not_touched_when_the_port_is_in_use(tmp_path: Path) -> None:
    file = _precious(tmp_path)
    with Serve("epoll") as holder:
        words = ["-m", "epoll", "-p", str(holder.port), "--events", str(file)]
        done = subprocess.run([*COMMAND, *words], cwd=ROOT, stderr=subprocess.PIPE, timeout=20)
        assert done.returncode == 1
    assert file.read_text() == "precious"


def test_a_first_engine_that_cannot_start_ends_the_server(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = _precious(tmp_path)
    (tmp_path / "gevent.py").write_text("raise ImportError('gevent was built for the moon')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    words = ["-m", "gevent", "-p", "0", "--events", str(file)]
    done = subprocess.run(
        [*COMMAND, *words], cwd=ROOT, stdin=subprocess.DEVNULL, capture_output=True, text=True,
        timeout=20,
    )  # fmt: skip
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert line.startswith("the model gevent cannot be loaded: ")
    assert line.endswith("ImportError: gevent was built for the moon (gevent.py:1)")
    assert file.read_text() == "precious"


def _precious(folder: Path) -> Path:
    file = folder / "keep"
    file.write_text("precious")
    return file


def test_a_recording_goes_into_a_pipe_whose_reader_may_stall(tmp_path: Path) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    reader = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
    with (
        os.fdopen(reader, "rb", buffering=0) as stream,
        Serve("epoll", "--events", str(fifo)) as server,
    ):
        header = read_until(stream, b'"command"').splitlines()[0]
        assert json.loads(header)["model"] == "epoll"
        started = family(server.pid)
        with os.fdopen(os.open(fifo, os.O_WRONLY), "wb") as writer:
            _fill(writer.fileno())
        with Client(server.port) as client:
            client.get("/")
            server.stop()
        assert not any(map(is_running, started))
        assert "its reader has stalled" in server.errors[-1]


def test_a_pipe_without_a_reader_is_refused(tmp_path: Path) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    words = [*EPOLL, "--events", str(fifo)]
    done = subprocess.run(
        words, cwd=ROOT, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=20
    )
    assert done.returncode == 1
    assert done.stderr.startswith(f"servetui: cannot write {fifo}: ")
