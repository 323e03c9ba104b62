"""What every model must do with connections, over real sockets: end them right, report them right."""

import contextlib
import json
import os
import subprocess
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

import pytest

from engine.models import MODELS
from tests.contract.checks import LAST_ANSWER, check_bytes, closed_by, short_mode
from tests.plain_client import Client, request
from tests.serve_driver import WAIT_FOR_A_TURN, Serve, kinds
from tests.support import ROOT, wait_until

ONE_WRITER = {"gevent", "asyncio", "generators"}
"""Models whose many tasks are of one thread, which is what numbers events."""
OWN_CAPS = {
    "process": 200, "thread": 1_000, "select": 960, "iterative": 1, "thread-pool": 1_000, "prefork": 8,
}  # fmt: skip
"""Of connections; 20,000 of the others."""
ROOMS = {
    "syn_retry", "accept_queue", "unread", "app_queue", "handler", "unsent", "idle", "time_wait",
    "close_wait",
}  # fmt: skip


# --- connections ----------------------------------------------------------------------------------


def test_the_mode_changes_on_an_open_connection(server: Serve) -> None:
    others: list[Client] = []
    with Client(server.port) as old, contextlib.ExitStack() as stack:
        assert old.get("/").headers["connection"] == "keep-alive"
        if server.model != "iterative":  # which serves one at a time
            others.append(stack.enter_context(Client(server.port)))
        for other in others:
            assert other.get("/").headers["connection"] == "keep-alive"
        with short_mode(server):
            assert old.get("/").headers["connection"] == "close"
            assert old.rest() == b""
            with Client(server.port) as new:
                assert new.get("/").headers["connection"] == "close"
                assert new.rest() == b""
        for other in others:
            assert other.get("/").headers["connection"] == "keep-alive"
            assert other.get("/").status == 200
    assert closed_by(server.story(old)) == closed_by(server.story(new)) == LAST_ANSWER
    for other in others:
        assert closed_by(server.story(other)) == "client closed first"


def test_a_client_may_ask_for_the_end(server: Serve) -> None:
    with Client(server.port) as client:
        assert client.get("/", close=True).headers["connection"] == "close"
        assert client.rest() == b""
    story = server.story(client)
    assert closed_by(story) == LAST_ANSWER
    check_bytes(story, client)


def test_idle_connections_are_closed_after_the_keep_alive_time(server: Serve) -> None:
    with Client(server.port) as silent, Client(server.port) as asked:
        asked.get("/")
        since_s = time.monotonic()
        assert asked.rest() == b""
        assert time.monotonic() - since_s > 4.5
        assert silent.rest() == b""
        for client in (asked, silent):
            assert closed_by(server.story(client)).startswith("server closed first")
    assert server.snapshot()["open"] == 0


def test_a_connection_tells_its_life_in_order(server: Serve) -> None:
    with Client(server.port) as client:
        client.get("/")
        client.get("/")
    once = ["recv", "request", "response", "send"]
    told = [kind for kind in kinds(server.story(client)) if kind != "release"]
    assert told == ["accept", *once, *once, "recv", "close"]


def test_snapshot_has_the_fields_of_the_contract(server: Serve) -> None:
    with Client(server.port) as client:
        client.get("/style.css")
        shot = wait_until(
            lambda: (s := server.snapshot())["rooms"]["idle"]["now"] and s, what="one that is idle"
        )
    story = server.story(client)
    assert set(shot["rooms"]) == ROOMS
    assert shot["rooms"]["accept_queue"].pop("who") == []
    for room in filter(None, shot["rooms"].values()):
        assert set(room) == {"now", "longest_ms", "p50_ms", "p99_ms"}
    (row,) = [one for one in shot["connections"] if one["conn"] == story[0]["conn"]]
    assert set(row) == {
        "conn", "fd", "pid", "task", "state", "requests", "bytes_in", "bytes_out",
    }  # fmt: skip
    assert (row["state"], row["requests"]) == ("idle", 1)
    assert (row["bytes_in"], row["bytes_out"]) == (client.sent, client.received)
    assert [row["pid"]] == [one["pid"] for one in story if one["kind"] == "close"]
    assert (shot["model"], shot["mode"]) == (server.model, "keep-alive")
    assert shot["open"] == shot["sockets"] - 1 == shot["rooms"]["idle"]["now"] == 1
    for field in ("processes", "threads", "descriptors", "engine_pid"):
        assert shot[field] > 0


def test_a_model_has_a_cap_of_its_own(server: Serve) -> None:
    shot = server.snapshot()
    cap = OWN_CAPS.get(server.model, 20_000)
    limit = shot["descriptors"] and os.sysconf("SC_OPEN_MAX")
    assert shot["cap"] <= cap
    assert shot["cap"] == cap or limit < cap + 64


def test_every_event_is_legal_and_none_is_missing(server: Serve) -> None:
    with Client(server.port) as client:
        client.get("/")
    server.story(client)
    writers: defaultdict[tuple[int, str], list[int]] = defaultdict(list)
    for event in server.events:
        task = "" if server.model in ONE_WRITER else event["task"]
        writers[event["pid"], task].append(event["seq"])
    for writer, numbers in writers.items():
        assert sorted(numbers) == list(range(len(numbers))), writer
    shot = server.snapshot()
    assert (shot["illegal_steps"], shot["lost"], shot["cut"]) == (0, 0, 0)


# --- whole runs -----------------------------------------------------------------------------------


@pytest.mark.parametrize("model", list(MODELS))
@pytest.mark.parametrize(("mode", "connections"), [("keep-alive", 1), ("short", 3)])
def test_curl_thrice(
    model: str, mode: str, connections: int, require_tool: Callable[[str], str]
) -> None:
    options = ["--short"] if mode == "short" else []
    with Serve(model, "--events", "-", *options) as server:
        fetched = subprocess.run(
            [require_tool("curl"), "-sS", "--noproxy", "*", *[f"{server.url}/style.css"] * 3],
            capture_output=True,
            timeout=10,
            check=True,
        )
        wait_until(lambda: kinds(server.events).count("close") == connections)
        summary = server.stop()
        assert server.exit_code == 0
    page = (ROOT / "www" / "style.css").read_bytes()
    assert fetched.stdout == page * 3
    told = kinds(server.events)
    assert [told.count(kind) for kind in ("accept", "request", "response", "close")] == [
        connections, 3, 3, connections,
    ]  # fmt: skip
    moved = dict.fromkeys(("recv", "send"), 0)
    for event in server.events:
        if event["kind"] in moved:
            moved[event["kind"]] += event["bytes"]
    assert summary == {
        "model": model,
        "accepted": connections,
        "requests": 3,
        "responses": 3,
        "closed": connections,
        "open": 0,
        "bytes_in": moved["recv"],
        "bytes_out": moved["send"],
        "events": len(server.events),
        "lost": 0,
    }
    assert json.loads(server.stdout[-1]) == summary


@pytest.mark.parametrize("model", list(MODELS))
def test_without_tracing_the_same_bytes_are_served(model: str, site: Path) -> None:
    with Serve(model, "--no-trace", "--root", str(site)) as server:
        with Client(server.port) as client:
            for name in ("index.html", "style.css", "sub/image.png"):
                assert client.get(f"/{name}").body == (site / name).read_bytes()
            assert client.get("/missing").status == 404
            assert len(client.get("/bytes/300000").body) == 300_000
            client.send(request("/wait/1") + request("/", close=True))
            assert [client.answer().status for _ in range(2)] == [200, 200]
            assert client.rest() == b""
        shot = server.snapshot()
        summary = server.stop()
    assert summary.pop("model") == model
    assert len(summary) == 9
    assert set(summary.values()) == {None}
    assert shot["mode"] == "keep-alive"


@pytest.mark.slow
@pytest.mark.parametrize("model", [model for model in MODELS if model not in WAIT_FOR_A_TURN])
def test_a_handler_that_takes_longer_than_the_keep_alive_time_ends_nobody(model: str) -> None:
    """Silence counts from the answer on, and only while the server listens."""
    # More than one turn of a loop serves; fewer than a pool has threads.
    crowd = 1_100 if model == "epoll" else 10
    with (
        Serve(model) as server,
        Client(server.port, timeout_s=20) as slow,
        contextlib.ExitStack() as stack,
    ):
        others = [stack.enter_context(Client(server.port)) for _ in range(crowd)]
        for other in others:
            other.get("/")
        slow.ask("/wait/5300")
        for other in others:
            other.ask("/")
        assert slow.answer().status == 200
        assert slow.get("/").status == 200
        assert [other.answer().status for other in others] == [200] * crowd
