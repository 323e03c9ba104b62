"""What the tests of the contract share."""

import contextlib
from collections.abc import Iterator

from tests.plain_client import Answer, Client
from tests.serve_driver import Json, Serve

LAST_ANSWER = "server closed first: last answer"
MANY_BYTES = 12_000_000  # more than a socket's buffers hold (tcp_wmem and tcp_rmem: 4 and 6 MB)
HUGE_BYTES = 3_000_000_000
SECRET = b"not for the network"


@contextlib.contextmanager
def short_mode(server: Serve) -> Iterator[None]:
    server.command("short")
    assert server.snapshot()["mode"] == "short"
    try:
        yield
    finally:
        server.command("keep-alive")
        assert server.snapshot()["mode"] == "keep-alive"


def check_end(client: Client, answer: Answer, mode: str) -> None:
    """The answer says whether the connection goes on, and it ends if it does not."""
    assert answer.headers["connection"] == ("close" if mode == "short" else "keep-alive")
    if mode == "short":
        assert client.rest() == b""


def check_bytes(story: list[Json], client: Client) -> None:
    """Both ends counted the same."""
    assert sum(one["bytes"] for one in story if one["kind"] == "recv") == client.sent
    assert sum(one["bytes"] for one in story if one["kind"] == "send") == client.received


def closed_by(story: list[Json]) -> str:
    (note,) = [one["note"] for one in story if one["kind"] == "close"]
    return str(note)
