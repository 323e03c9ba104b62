"""What every model must do, over real sockets: answer right, and give away nothing else."""

from pathlib import Path

import pytest

from engine.http1.messages import PIECE_BYTES
from tests.contract.checks import (
    HUGE_BYTES,
    LAST_ANSWER,
    MANY_BYTES,
    SECRET,
    check_bytes,
    check_end,
    closed_by,
    short_mode,
)
from tests.plain_client import Client, request
from tests.serve_driver import Serve, kinds
from tests.support import wait_until

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
    server: Serve, mode: str, site: Path, target: str, name: str, content_type: str
) -> None:
    with Client(server.port) as client:
        answer = client.get(target)
        check_end(client, answer, mode)
    body = (site / name).read_bytes()
    assert (answer.status, answer.body) == (200, body)
    assert answer.headers["content-type"] == content_type
    assert answer.headers["content-length"] == str(len(body))
    check_bytes(server.story(client), client)


def test_head_has_the_fields_of_get_and_no_body(server: Serve, mode: str) -> None:
    with Client(server.port) as client, Client(server.port) as second:
        head = client.get("/style.css", method="HEAD")
        check_end(client, head, mode)
        other = second if mode == "short" else client
        get = other.get("/style.css")  # would be garbled by a body before it
    assert (head.status, get.status, get.body) == (200, 200, b"body { margin: 0 }\n")
    for field in ("content-type", "content-length", "connection"):
        assert head.headers[field] == get.headers[field]
    check_bytes(server.story(client), client)


def test_not_found_has_a_body_and_keeps_the_connection(server: Serve, mode: str) -> None:
    with Client(server.port) as client:
        missing = client.get("/missing")
        check_end(client, missing, mode)
        if mode == "keep-alive":
            assert client.get("/").status == 200
    assert missing.status == 404
    assert b"/missing" in missing.body
    story = server.story(client)
    asked = 1 if mode == "short" else 2
    told = {kind: [one["note"] for one in story if one["kind"] == kind] for kind in kinds(story)}
    assert told["request"] == ["GET /missing", "GET /"][:asked]
    assert told["response"] == ["404", "200"][:asked]


@pytest.mark.parametrize("target", ["/wait/50", "/burn/20"])
def test_work_takes_its_time_in_the_handler(server: Serve, mode: str, target: str) -> None:
    with Client(server.port) as client:
        answer = client.get(target)
        assert answer.status == 200
        check_end(client, answer, mode)
    at_ns = {one["kind"]: one["at_ns"] for one in server.story(client)}
    needed_ms = int(target.rpartition("/")[2])
    assert (at_ns["response"] - at_ns["request"]) / 1e6 >= needed_ms


def test_a_large_body_arrives_whole(server: Serve, mode: str) -> None:
    with Client(server.port, receive_buffer=4096) as client:
        answer = client.get("/bytes/300000")
        check_end(client, answer, mode)
    assert len(answer.body) == 300_000
    assert answer.body == (b"servetui " * 7 + b"\n") * 4687 + answer.body[-32:]
    check_bytes(server.story(client), client)


def test_a_client_that_does_not_read_is_seen_as_unsent_and_gets_all_later(
    server: Serve, mode: str
) -> None:
    def is_unsent() -> bool:
        (conn,) = {one["conn"] for one in server.story_so_far(client)}
        states = {one["conn"]: one["state"] for one in server.snapshot()["connections"]}
        return bool(states.get(conn) == "unsent")

    with Client(server.port, receive_buffer=4096) as client:
        client.ask(f"/bytes/{MANY_BYTES}")
        wait_until(is_unsent, what="the state unsent")
        answer = client.answer()
        assert len(answer.body) == MANY_BYTES
        check_end(client, answer, mode)
        if mode == "keep-alive":
            assert client.get("/style.css").status == 200
    story = server.story(client)
    check_bytes(story, client)
    assert kinds(story).count("send") > MANY_BYTES // PIECE_BYTES


def test_a_file_of_gigabytes_is_served_like_any_other(server: Serve) -> None:
    with Client(server.port) as client:
        head = client.get("/huge", method="HEAD")
        assert (head.status, head.headers["content-length"]) == (200, str(HUGE_BYTES))
        client.send(b"GET /huge HTTP/1.1\r\nHost: test\r\nRange: bytes=-5\r\n\r\n")
        end = client.answer()
        assert (end.status, end.body) == (206, bytes(5))
        client.ask("/huge")
        client.take(PIECE_BYTES * 4)
        client.reset()
    story = server.story(client)
    told = [one["bytes"] for one in story if one["kind"] == "response"]
    assert told[2] > HUGE_BYTES
    assert server.snapshot()["illegal_steps"] == 0


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


def test_a_request_may_come_byte_by_byte(server: Serve, mode: str, site: Path) -> None:
    with Client(server.port) as client:
        for byte in request("/style.css"):
            client.send(bytes([byte]))
        answer = client.answer()
        assert answer.body == (site / "style.css").read_bytes()
        check_end(client, answer, mode)
    story = server.story(client)
    assert kinds(story).count("request") == 1
    check_bytes(story, client)


def test_a_client_that_half_closes_gets_its_answer(server: Serve, mode: str) -> None:
    with Client(server.port) as client:
        client.ask("/wait/20")
        client.half_close()
        assert client.answer().status == 200
        assert client.rest() == b""
    story = server.story(client)
    happened = [(one["kind"], one["bytes"]) for one in story]
    # asyncio's loop may see the client's end before the answer.
    is_seen = ("recv", 0) in happened[: [kind for kind, _ in happened].index("response")]
    is_first = mode == "keep-alive" or (is_seen and server.model == "asyncio")
    assert closed_by(story) == ("client closed first" if is_first else LAST_ANSWER)
    check_bytes(story, client)


def test_a_client_that_half_closes_gets_a_large_answer(server: Serve, mode: str) -> None:
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


def test_a_client_that_resets_before_its_answer_hurts_nobody(server: Serve, mode: str) -> None:
    with Client(server.port, receive_buffer=4096) as client:
        client.ask(f"/bytes/{MANY_BYTES}")
        wait_until(lambda: "response" in kinds(server.story_so_far(client)))
        client.reset()
    assert closed_by(server.story(client)) == "client reset the connection"
    with Client(server.port) as other:
        assert other.get("/").status == 200


def test_nonsense_is_refused_and_the_connection_ended(server: Serve, mode: str) -> None:
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
