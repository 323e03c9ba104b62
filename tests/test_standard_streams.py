"""Standard streams that end, are closed, or lose their reader."""

import os
import signal
import socket
import subprocess
from collections.abc import Callable

import pytest

from tests.plain_client import Client
from tests.serve_driver import COMMAND, Serve
from tests.support import ROOT, read_until, wait_until


def test_a_reader_that_goes_away_ends_the_server_quietly() -> None:
    with subprocess.Popen(
        [*COMMAND, "-m", "epoll", "-p", "0", "--events", "-"],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        bufsize=0,
    ) as server:
        try:
            assert server.stderr is not None
            assert server.stdout is not None
            said = read_until(server.stderr, b"listening on ", 20)
            port = int(said.decode().rstrip().rpartition(":")[2])
            server.stdout.close()
            with Client(port) as client:
                client.get("/")
            assert server.wait(10) == 0
            assert server.stderr.read() == b""
        finally:
            server.kill()


def test_the_end_of_stdin_is_not_the_end_of_the_server() -> None:
    with Serve("epoll") as server:
        server.end_of_commands()
        with Client(server.port) as client:
            assert client.get("/").status == 200
        assert server.stop()["requests"] == 1
        assert server.exit_code == 0


def test_nohup_is_respected(require_tool: Callable[[str], str]) -> None:
    with Serve("epoll", under=[require_tool("env"), "--ignore-signal=HUP"], execs=True) as server:
        os.kill(server.pid, signal.SIGHUP)
        for _ in range(3):  # each takes a beat, and the signal would end the run at the next one
            assert server.snapshot()["phase"] == "serving"
        with Client(server.port) as client:
            assert client.get("/").status == 200
        server.stop()
        assert server.exit_code == 0


@pytest.mark.parametrize("closed", [0, 1, 2])
def test_standard_streams_may_be_closed(closed: int, free_port: int) -> None:
    command = ["sh", "-c", f'exec "$@" {closed}>&-', "sh", *COMMAND, "-m", "epoll"]
    server = subprocess.Popen([*command, "-p", str(free_port)], stderr=subprocess.DEVNULL)
    try:
        wait_until(lambda: _listens(free_port), what="a listener")
        with Client(free_port) as client:
            assert client.get("/").status == 200
        server.terminate()
        assert server.wait(10) == 0
    finally:
        server.kill()
        server.wait()


def _listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=5).close()
    except OSError:
        return False
    return True
