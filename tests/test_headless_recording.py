"""`serve --events FILE` among disks and pipes: without room, without a reader, into what is precious."""

import json
import os
import resource
import subprocess
from pathlib import Path
from typing import cast

import pytest

from engine.recordings.replay import Replay
from engine.running.headless import Headless
from engine.running.run import Run
from tests.plain_client import Client
from tests.serve_driver import COMMAND, EPOLL, Serve, family, is_running
from tests.support import ROOT, fill_pipe, read_until, wait_until
from tests.tui.fake_run import FakeRun


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
    assert line.startswith("servetui: the model gevent cannot be loaded: ")
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
            fill_pipe(writer.fileno())
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
