"""What cannot be: one clear line on stderr, the right exit code, never a traceback."""

import os
import re
import resource
import socket
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from engine.models import MODELS
from tests.plain_client import Client
from tests.serve_driver import COMMAND, Serve
from tests.support import ROOT, read_until, wait_until

FAILED, WRONG_WORDS = 1, 2
FIRST_FREE_PORT = Path("/proc/sys/net/ipv4/ip_unprivileged_port_start")


def run(
    *words: str,
    code: int,
    under: Sequence[str] = (),
    command: Sequence[str] = COMMAND,
    **options: Any,
) -> str:
    """Run a command that must end by itself; what it says, which must be one line."""
    done = subprocess.run(
        [*under, *command, *words],
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=20,
        **options,
    )
    assert done.returncode == code, done.stderr
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1
    assert re.match(r"servetui( \w+)?: ", done.stderr)
    return str(done.stderr)


def serve(*words: str, code: int = FAILED, **options: Any) -> str:
    return run("-m", "epoll", "-p", "0", *words, code=code, **options)


# --- words ----------------------------------------------------------------------------------------


def test_an_unknown_model_names_those_that_there_are() -> None:
    said = run("-m", "threads", code=WRONG_WORDS)
    assert "'threads'" in said
    assert all(model in said for model in MODELS)


def test_the_model_must_be_named() -> None:
    assert "--model" in run("-p", "0", code=WRONG_WORDS)


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (["--colour"], "--colour"),
        (["extra"], "extra"),
        (["-p", "http"], "'http'"),
        (["-p", "65536"], "'65536'"),
        (["-p", "-1"], "'-1'"),
        (["-p"], "-p"),
        (["--backlog", "0"], "'0'"),
        (["--backlog", "many"], "'many'"),
        (["--backlog", "99999999999"], "'99999999999'"),
        (["--for", "soon"], "'soon'"),
        (["--for", "nan"], "'nan'"),
        (["--for", "-1"], "'-1'"),
        (["--for", "inf"], "'inf'"),
        (["--tick", "x"], "'x'"),
        (["--limit-line", "0"], "'0'"),
        (["--limit-head", "1k"], "'1k' is no number of bytes"),
        (["--limit-fields", "-1"], "'-1' is no number of fields"),
        (["--limit-body", "1.5"], "'1.5'"),
        (["--head-timeout", "0"], "'0' is too short"),
        (["--body-timeout", "soon"], "'soon' is no number of seconds"),
        (["--idle-timeout", "-1"], "'-1'"),
        (["--send-timeout", "nan"], "'nan'"),
        (["--max-connections", "0"], "'0' is no number of connections"),
        (["--root", "/no/such/folder"], "/no/such/folder"),
        (["--root", __file__], __file__),
    ],
)
def test_wrong_words_are_named(words: list[str], named: str) -> None:
    assert named in serve(*words, code=WRONG_WORDS)


@pytest.mark.parametrize("events", ["-", "run.servetui"])
def test_what_is_not_traced_cannot_be_written(events: str, tmp_path: Path) -> None:
    file = events if events == "-" else str(tmp_path / events)
    said = serve("--no-trace", "--events", file, code=WRONG_WORDS)
    assert "--no-trace" in said
    assert f"--events {file}" in said
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("command", [COMMAND, COMMAND[:-1]])
def test_help_names_the_models(command: Sequence[str]) -> None:
    done = subprocess.run(
        [*command, "--help"], cwd=ROOT, capture_output=True, text=True, timeout=20
    )
    assert f"one of {', '.join(MODELS)}" in " ".join(done.stdout.split())


def test_an_unknown_command_is_named() -> None:
    said = run("sevre", "-m", "epoll", code=WRONG_WORDS, command=COMMAND[:-1])
    assert "sevre" in said


def test_the_dashboard_without_a_terminal_names_the_way_without_one() -> None:
    said = run("-m", "thread", "-p", "0", code=FAILED, command=COMMAND[:-1])
    assert "terminal" in said
    assert "serve -m thread" in said


@pytest.mark.parametrize(
    "line", ["modle thread", "model", "model thread now", "snapshot now", "\x1b[2J"]
)
def test_an_unknown_line_on_stdin_is_named_and_nothing_else_happens(line: str) -> None:
    with Serve("thread") as server:
        server.command("")
        server.command(line)
        (said,) = wait_until(lambda: server.errors[1:], what="an answer on stderr")
        assert "snapshot" in said
        assert repr(line) in said
        assert said.isprintable()
        shot = server.snapshot()
        assert (shot["model"], shot["phase"]) == ("thread", "serving")


# --- addresses ------------------------------------------------------------------------------------


def test_a_port_in_use_names_its_holder() -> None:
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        port = holder.getsockname()[1]
        said = run("-m", "epoll", "-p", str(port), code=FAILED)
    assert f"port {port} is in use by " in said
    assert f"(pid {os.getpid()})" in said
    assert "-p" in said


def test_two_servers_do_not_share_a_port() -> None:
    with Serve("epoll") as server:
        said = run("-m", "epoll", "-p", str(server.port), code=FAILED)
        assert f"(pid {server.pid})" in said
        with Client(server.port) as client:
            assert client.get("/").status == 200


@pytest.mark.parametrize("host", ["203.0.113.1", "a..b", "x" * 70, "1.2.3.4.5", "2001:db8::1"])
def test_an_address_of_somebody_else_is_named(host: str) -> None:
    said = serve("--host", host)
    assert host in said
    assert "--host" in said


def test_a_privileged_port_is_called_so(require_tool: Callable[[str], str]) -> None:
    if int(FIRST_FREE_PORT.read_text()) <= 81:
        pytest.skip("no port is privileged here")
    drop = [require_tool("setpriv"), "--bounding-set=-net_bind_service", "--inh-caps=-all"]
    said = run("-m", "epoll", "-p", "81", code=FAILED, under=[] if os.getuid() else drop)
    assert "port 81 needs a privilege" in said
    assert "-p" in said


def test_ipv6() -> None:
    with socket.socket(socket.AF_INET6) as probe:
        try:
            probe.bind(("::1", 0))
        except OSError:
            pytest.skip("this machine has no IPv6")
    with Serve("epoll", "--host", "::1", "--events", "-") as server:
        assert server.url == f"http://[::1]:{server.port}"
        with socket.create_connection(("::1", server.port), timeout=5) as client:
            client.sendall(b"GET / HTTP/1.0\r\n\r\n")
            assert client.recv(12) == b"HTTP/1.1 200"
            peer = f"[::1]:{client.getsockname()[1]}"
        wait_until(lambda: peer in [one["note"] for one in server.events], what="the peer's name")


def test_port_0_takes_free_ones() -> None:
    with Serve("epoll") as one, Serve("epoll") as other:
        assert 0 < one.port != other.port > 0


# --- means ----------------------------------------------------------------------------------------


def test_too_few_descriptors() -> None:
    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_NOFILE, (20, 20))

    said = serve(preexec_fn=limit)
    assert "20 descriptors" in said
    assert "ulimit" in said


def test_too_small_files() -> None:
    """The memory that events are handed over in is a file of its own kind."""
    said = serve(under=["sh", "-c", 'ulimit -f 1; exec "$@"', "sh"])
    assert "cannot start the engine: File too large" in said


def test_a_low_soft_limit_is_raised() -> None:
    soft_limit = ["sh", "-c", 'ulimit -Sn 20; exec "$@"', "sh"]
    command = [*soft_limit, *COMMAND, "-m", "epoll", "-p", "0"]
    with subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.PIPE, stderr=subprocess.PIPE, bufsize=0
    ) as server:
        try:
            assert server.stderr is not None
            said = read_until(server.stderr, b"listening on ", 20).decode()
            port = int(said.rstrip().rpartition(":")[2])
            clients = [Client(port) for _ in range(60)]
            assert {client.get("/").status for client in clients} == {200}
            for client in clients:
                client.socket.close()
        finally:
            server.terminate()


@pytest.mark.parametrize("file", ["/no/such/folder/events", "/", "/dev/full"])
def test_events_that_cannot_be_written(file: str) -> None:
    said = serve("--events", file)
    assert f"cannot write {file}: " in said
    assert "--events" in said
