"""Findings of real servers, as `snapshot` tells them; and the option that leaves one out."""

import subprocess
from contextlib import ExitStack
from pathlib import Path

from engine.recordings.replay import Replay
from tests.engine.still_clock import Clock
from tests.plain_client import Client
from tests.serve_driver import COMMAND, Json, Serve
from tests.support import wait_until

LONG_MS = 1_000.0  # more than three times what it takes to be told


def finding(server: Serve, name: str) -> Json | None:
    told = server.snapshot()["findings"]
    return next((one for one in told if one["id"] == name), None)


def test_a_blocked_loop_names_who_blocks_it() -> None:
    with Serve("polling") as server, Client(server.port) as slow, Client(server.port) as other:
        slow.ask("/wait/3000")
        wait_until(lambda: server.snapshot()["rooms"]["handler"]["now"] == 1, what="the handler")
        other.ask("/")
        wait_until(lambda: finding(server, "head-of-line") is not None, what="the finding")
        shot = server.snapshot()
        (found,) = [one for one in shot["findings"] if one["id"] == "head-of-line"]
        (blocker,) = [one for one in shot["connections"] if one["state"] == "handler"]
        assert found["state"] == "warn"
        assert found["conns"][0] == blocker["conn"]
        assert found["pids"] == [shot["engine_pid"]]
        assert "/wait/3000" in found["text"]
        wait_until(lambda: finding(server, "head-of-line") is None, 10, "the end of it")


def test_the_recording_of_a_blocked_loop_names_who_blocks_it_and_shows_who_waits(
    tmp_path: Path,
) -> None:
    file = tmp_path / "run.jsonl"
    with (
        Serve("polling", "--events", str(file)) as server,
        Client(server.port) as slow,
        Client(server.port) as other,
    ):
        slow.ask("/wait/2000")
        wait_until(lambda: server.snapshot()["rooms"]["handler"]["now"] == 1, what="the handler")
        other.ask("/")
        live = wait_until(lambda: finding(server, "head-of-line"), what="the finding")
        server.stop()
    assert live
    clock = Clock()
    replay = Replay(file, clock)
    while not replay.findings():
        assert not replay.is_over
        clock.wait(0.05)
        replay.poll()
    (found,) = replay.findings()
    assert found.id == "head-of-line"
    assert list(found.conns) == live["conns"]
    assert replay.kernel().rooms["accept_queue"].now + replay.kernel().rooms["unread"].now == 1
    assert replay.numbers().descriptors


def test_an_allowed_finding_is_not_told_and_the_others_are() -> None:
    with ExitStack() as stack:
        server = stack.enter_context(Serve("polling", "--backlog", "1", "--allow", "head-of-line"))
        stack.enter_context(Client(server.port)).ask("/wait/3000")
        wait_until(lambda: server.snapshot()["rooms"]["handler"]["now"] == 1, what="the handler")
        for _ in range(2):  # one more than the backlog says
            stack.enter_context(Client(server.port))
        wait_until(lambda: finding(server, "accept-queue") is not None, what="the other one")
        wait_until(lambda: handler_ms(server) > LONG_MS, what="a wait that would be told")
        assert finding(server, "head-of-line") is None


def handler_ms(server: Serve) -> float:
    longest_ms: float = server.snapshot()["rooms"]["handler"]["longest_ms"]
    return longest_ms


def test_an_unknown_finding_is_one_line_and_exit_code_2() -> None:
    done = subprocess.run(
        [*COMMAND, "-m", "epoll", "-p", "0", "--allow", "nothing"],
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1
    assert "head-of-line" in done.stderr
