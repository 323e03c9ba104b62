"""What every model must do, over real sockets: answer right, close right, and report it right."""

import contextlib
import json
import subprocess
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from engine.http_messages import PIECE_BYTES
from engine.models import MODELS
from tests.serve_driver import Client, Json, Serve, kinds, request
from tests.support import wait_until

LAST_ANSWER = "server closed first: last answer"
ONE_WRITER = {"gevent", "asyncio", "generators"}
"""Models whose many tasks are of one thread, which is what numbers events."""
MANY_BYTES = 12_000_000  # more than a socket's buffers hold (tcp_wmem and tcp_rmem: 4 and 6 MB)
SECRET = b"not for the network"
ROOMS = {
    "syn_retry", "accept_queue", "unread", "app_queue", "handler", "unsent", "idle", "time_wait",
    "close_wait",
}  # fmt: skip


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder to serve, with what must not be served beside it and linked from it."""
    outside = tmp_path_factory.mktemp("outside")
    (outside / "secret.txt").write_bytes(SECRET)
    root = outside / "root"
    (root / "sub").mkdir(parents=True)
    (root / "index.html").write_bytes(b"<!doctype html><title>start</title>\n" * 30)
    (root / "style.css").write_bytes(b"body { margin: 0 }\n")
    (root / "sub" / "image.png").write_bytes(bytes(range(256)) * 40)
    (root / "link.txt").symlink_to(outside / "secret.txt")
    (root / "out").symlink_to(outside)
    return root


@pytest.fixture(scope="module", params=list(MODELS))
def server(request: pytest.FixtureRequest, site: Path) -> Iterator[Serve]:
    """One server a model; each test looks at its own connections only."""
    with Serve(request.param, "--events", "-", "--root", str(site)) as serve:
        yield serve


@contextlib.contextmanager
def short_mode(server: Serve) -> Iterator[None]:
    server.command("short")
    assert server.snapshot()["mode"] == "short"
    try:
        yield
    finally:
        server.command("keep-alive")
        assert server.snapshot()["mode"] == "keep-alive"


def check_bytes(story: list[Json], client: Client) -> None:
    """Both ends counted the same."""
    assert sum(one["bytes"] for one in story if one["kind"] == "recv") == client.sent
    assert sum(one["bytes"] for one in story if one["kind"] == "send") == client.received


def closed_by(story: list[Json]) -> str:
    (note,) = [one["note"] for one in story if one["kind"] == "close"]
    return str(note)


# --- answers --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("target", "name", "content_type"),
    [
        ("/", "index.html", "text/html; charset=utf-8"),
        ("/index.html?x=1", "index.html", "text/html; charset=utf-8"),
        ("/style.css", "style.css", "text/css; charset=utf-8"),
        ("/sub/image.png", "sub/image.png", "image/png"),
    ],
)
def test_a_file_arrives_byte_for_byte(
    server: Serve, site: Path, target: str, name: str, content_type: str
) -> None:
    with Client(server.port) as client:
        answer = client.get(target)
    body = (site / name).read_bytes()
    assert (answer.status, answer.body) == (200, body)
    assert answer.headers["content-type"] == content_type
    assert answer.headers["content-length"] == str(len(body))
    check_bytes(server.story(client), client)


def test_head_has_the_fields_of_get_and_no_body(server: Serve) -> None:
    with Client(server.port) as client:
        head = client.get("/style.css", method="HEAD")
        get = client.get("/style.css")  # would be garbled by a body before it
    assert (head.status, get.status, get.body) == (200, 200, b"body { margin: 0 }\n")
    for field in ("content-type", "content-length", "connection"):
        assert head.headers[field] == get.headers[field]
    check_bytes(server.story(client), client)


def test_not_found_has_a_body_and_keeps_the_connection(server: Serve) -> None:
    with Client(server.port) as client:
        missing = client.get("/missing")
        assert client.get("/").status == 200
    assert missing.status == 404
    assert b"/missing" in missing.body
    story = server.story(client)
    assert [one["note"] for one in story if one["kind"] == "request"] == ["GET /missing", "GET /"]
    assert [one["note"] for one in story if one["kind"] == "response"] == ["404", "200"]


@pytest.mark.parametrize("target", ["/wait/50", "/burn/20"])
def test_work_takes_its_time_in_the_handler(server: Serve, target: str) -> None:
    with Client(server.port) as client:
        assert client.get(target).status == 200
    at_ns = {one["kind"]: one["at_ns"] for one in server.story(client)}
    needed_ms = int(target.rpartition("/")[2])
    assert (at_ns["response"] - at_ns["request"]) / 1e6 >= needed_ms


def test_a_large_body_arrives_whole(server: Serve) -> None:
    with Client(server.port, receive_buffer=4096) as client:
        answer = client.get("/bytes/300000")
    assert len(answer.body) == 300_000
    assert answer.body == (b"servetui " * 7 + b"\n") * 4687 + answer.body[-32:]
    check_bytes(server.story(client), client)


def test_a_client_that_does_not_read_is_seen_as_unsent_and_gets_all_later(server: Serve) -> None:
    def is_unsent() -> bool:
        (conn,) = {one["conn"] for one in server.story_so_far(client)}
        states = {one["conn"]: one["state"] for one in server.snapshot()["connections"]}
        return bool(states.get(conn) == "unsent")

    with Client(server.port, receive_buffer=4096) as client:
        client.ask(f"/bytes/{MANY_BYTES}")
        wait_until(is_unsent, what="the state unsent")
        assert len(client.answer().body) == MANY_BYTES
        assert client.get("/style.css").status == 200
    story = server.story(client)
    check_bytes(story, client)
    assert kinds(story).count("send") > MANY_BYTES // PIECE_BYTES


def test_pipelined_requests_are_answered_in_order(server: Serve) -> None:
    with Client(server.port) as client:
        client.send(request("/style.css") + request("/missing") + request("/wait/1"))
        answers = [client.answer() for _ in range(3)]
    assert [answer.status for answer in answers] == [200, 404, 200]
    story = server.story(client)
    assert kinds(story).count("request") == kinds(story).count("response") == 3
    check_bytes(story, client)


def test_what_follows_the_last_answer_of_a_connection_is_not_answered(server: Serve) -> None:
    with short_mode(server), Client(server.port) as client:
        client.send(request("/style.css") + request("/missing") + request("/"))
        answer = client.answer()
        assert client.rest() == b""
    assert (answer.status, answer.headers["connection"]) == (200, "close")
    story = server.story(client)
    assert [one["note"] for one in story if one["kind"] == "response"] == ["200"]
    assert all(one["bytes"] for one in story if one["kind"] == "send")


def test_a_request_may_come_byte_by_byte(server: Serve, site: Path) -> None:
    with Client(server.port) as client:
        for byte in request("/style.css"):
            client.send(bytes([byte]))
        assert client.answer().body == (site / "style.css").read_bytes()
    story = server.story(client)
    assert kinds(story).count("request") == 1
    check_bytes(story, client)


def test_a_client_that_half_closes_gets_its_answer(server: Serve) -> None:
    with Client(server.port) as client:
        client.ask("/wait/20")
        client.half_close()
        assert client.answer().status == 200
        assert client.rest() == b""
    story = server.story(client)
    assert closed_by(story) == "client closed first"
    check_bytes(story, client)


def test_a_client_that_half_closes_gets_a_large_answer(server: Serve) -> None:
    with Client(server.port, receive_buffer=4096) as client:
        client.ask(f"/bytes/{MANY_BYTES}")
        client.half_close()
        assert len(client.answer().body) == MANY_BYTES
        assert client.rest() == b""
    check_bytes(server.story(client), client)


def test_an_idle_client_that_resets_is_seen(server: Serve) -> None:
    with Client(server.port) as client:
        client.get("/")
        client.reset()
    story = server.story(client)
    assert [one["note"] for one in story if one["kind"] == "error"] == ["ECONNRESET"]
    assert closed_by(story) == "client reset the connection"


def test_a_client_that_resets_before_its_answer_hurts_nobody(server: Serve) -> None:
    with Client(server.port, receive_buffer=4096) as client:
        client.ask(f"/bytes/{MANY_BYTES}")
        wait_until(lambda: "response" in kinds(server.story_so_far(client)))
        client.reset()
    assert closed_by(server.story(client)) == "client reset the connection"
    with Client(server.port) as other:
        assert other.get("/").status == 200


def test_nonsense_is_refused_and_the_connection_ended(server: Serve) -> None:
    with Client(server.port) as client:
        client.send(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n")
        assert client.answer().status == 400
        assert client.rest() == b""
    check_bytes(server.story(client), client)


# --- what must never leave ------------------------------------------------------------------------


@pytest.mark.parametrize(
    "target",
    [
        "/../secret.txt",
        "/%2e%2e/secret.txt",
        "/%2e%2e%2fsecret.txt",
        "/..%2fsecret.txt",
        "/%252e%252e/secret.txt",
        "/sub/../../secret.txt",
        "/sub/%2E%2E/%2e%2e/secret.txt",
        "/..\\secret.txt",
        "//secret.txt",
        "/link.txt",
        "/out/secret.txt",
        "/%00/../secret.txt",
    ],
)
def test_nothing_outside_the_root_is_served(server: Serve, target: str) -> None:
    with Client(server.port) as client:
        answer = client.get(target)
    assert answer.status in (400, 404)
    assert SECRET not in answer.body


def test_escape_codes_are_escaped_in_events(server: Serve) -> None:
    with Client(server.port) as client:
        client.ask("/\x1b[2J\x07\x9b31m")
        assert client.answer().status == 400
    with Client(server.port) as percent:
        percent.get("/%1b[2J")
    noted = [one["note"] for one in server.story(client) + server.story(percent)]
    assert "GET /%1b[2J" in noted
    assert all(note.isascii() and note.isprintable() for note in noted if note)
    assert not any("\x1b" in line for line in server.stdout)


# --- connections ----------------------------------------------------------------------------------


def test_the_mode_changes_on_an_open_connection(server: Serve) -> None:
    if server.model == "iterative":
        pytest.skip("serves one connection at a time: tests/test_iterative.py")
    with Client(server.port) as old, Client(server.port) as other:
        assert old.get("/").headers["connection"] == "keep-alive"
        assert other.get("/").headers["connection"] == "keep-alive"
        with short_mode(server):
            assert old.get("/").headers["connection"] == "close"
            assert old.rest() == b""
            with Client(server.port) as new:
                assert new.get("/").headers["connection"] == "close"
                assert new.rest() == b""
        assert other.get("/").headers["connection"] == "keep-alive"
        assert other.get("/").status == 200
    assert closed_by(server.story(old)) == closed_by(server.story(new)) == LAST_ANSWER
    assert closed_by(server.story(other)) == "client closed first"


def test_a_client_may_ask_for_the_end(server: Serve) -> None:
    with Client(server.port) as client:
        assert client.get("/", close=True).headers["connection"] == "close"
        assert client.rest() == b""
    story = server.story(client)
    assert closed_by(story) == LAST_ANSWER
    check_bytes(story, client)


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
        story = server.story_so_far(client)
        shot = server.snapshot()
    assert set(shot["rooms"]) == ROOMS
    for room in filter(None, shot["rooms"].values()):
        assert set(room) == {"now", "longest_ms", "p50_ms", "p99_ms"}
    (row,) = [one for one in shot["connections"] if one["conn"] == story[0]["conn"]]
    assert set(row) == {
        "conn", "fd", "pid", "task", "state", "requests", "bytes_in", "bytes_out",
    }  # fmt: skip
    assert (row["state"], row["requests"]) == ("idle", 1)
    assert (row["bytes_in"], row["bytes_out"]) == (client.sent, client.received)
    assert row["pid"] == story[-1]["pid"]
    assert (shot["model"], shot["mode"]) == (server.model, "keep-alive")
    assert shot["open"] == shot["sockets"] - 1 == shot["rooms"]["idle"]["now"] == 1
    for field in ("processes", "threads", "descriptors", "engine_pid"):
        assert shot[field] > 0


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
    page = (Path(__file__).parent.parent / "www" / "style.css").read_bytes()
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
def test_idle_connections_are_closed_after_the_keep_alive_time() -> None:
    with contextlib.ExitStack() as stack:
        clients = {}
        for model in MODELS:
            server = stack.enter_context(Serve(model, "--events", "-"))
            silent = stack.enter_context(Client(server.port))
            asked = stack.enter_context(Client(server.port))
            asked.get("/")
            clients[model] = (server, asked, silent, time.monotonic())
        for model, (server, asked, silent, since_s) in clients.items():
            assert asked.rest() == b"", model
            lasted_s = time.monotonic() - since_s
            assert lasted_s > 4.5, model
            assert silent.rest() == b"", model
            for client in (asked, silent):
                assert closed_by(server.story(client)).startswith("server closed first"), model
        for server, *_ in clients.values():
            assert server.snapshot()["open"] == 0


@pytest.mark.slow
def test_a_handler_that_takes_longer_than_the_keep_alive_time_ends_nobody() -> None:
    """Silence counts from the answer on, and only while the server listens."""
    crowd = 1_100  # more than one turn of a loop serves
    with contextlib.ExitStack() as stack:
        for model in MODELS:
            server = stack.enter_context(Serve(model))
            slow = stack.enter_context(Client(server.port, timeout_s=20))
            many = crowd if model == "epoll" else 20
            others = [stack.enter_context(Client(server.port)) for _ in range(many)]
            for other in others:
                other.get("/")
            stack.callback(check_all_answered, model, slow, others)
            slow.ask("/wait/5300")
            for other in others:
                other.ask("/")


def check_all_answered(model: str, slow: Client, others: list[Client]) -> None:
    assert slow.answer().status == 200, model
    assert slow.get("/").status == 200, model
    assert [other.answer().status for other in others] == [200] * len(others), model
