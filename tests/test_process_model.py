"""What only `process` can get wrong: descriptors of the parent, zombies, children that die."""

import os
import signal
from collections.abc import Iterator

import pytest

from tests.plain_client import Client
from tests.serve_driver import Json, Serve, descriptors_kept, family, is_running
from tests.support import wait_until

CONNECTIONS = 200


@pytest.fixture
def server() -> Iterator[Serve]:
    with Serve("process", "--events", "-") as serve:
        yield serve


def row_of(server: Serve, client: Client) -> Json:
    """The snapshot's row of this client's connection, once it is in the handler."""
    (conn,) = {one["conn"] for one in server.story_so_far(client)}

    def row() -> Json | None:
        rows = {one["conn"]: one for one in server.snapshot()["connections"]}
        found: Json = rows[conn]
        return found if found["state"] == "handler" else None

    found = wait_until(row, what="the state handler")
    assert found is not None
    return found


def test_the_parent_keeps_no_descriptor_and_no_child(server: Serve) -> None:
    engine = server.snapshot()["engine_pid"]
    with Client(server.port) as client:
        assert client.get("/").status == 200  # by now it accepts
    wait_until(lambda: server.snapshot()["open"] == 0, what="closed")
    with descriptors_kept(engine):
        for _ in range(CONNECTIONS - 1):
            with Client(server.port) as client:
                assert client.get("/style.css", close=True).status == 200
                assert client.rest() == b""
    wait_until(lambda: not family(engine), what="all children reaped")  # zombies are children too
    shot = server.snapshot()
    assert (shot["accepted"], shot["closed"], shot["open"]) == (CONNECTIONS, CONNECTIONS, 0)
    assert (shot["zombies"], shot["illegal_steps"], shot["lost"]) == (0, 0, 0)
    notes = [one["note"].split(maxsplit=2) for one in server.events if one["kind"] == "exit"]
    assert [end for _, _, end in notes] == ["exit 0"] * CONNECTIONS


def test_a_closed_connection_ends_for_the_client_although_the_child_goes_on(server: Serve) -> None:
    with Client(server.port) as client, Client(server.port) as bystander:
        assert bystander.get("/").status == 200  # its child holds no copy of the other's socket
        assert client.get("/", close=True).status == 200
        assert client.rest() == b""
        assert bystander.get("/").status == 200


def test_the_connection_of_a_killed_child_is_cut(server: Serve) -> None:
    with Client(server.port) as client, Client(server.port) as bystander:
        assert bystander.get("/").status == 200
        client.ask("/wait/60000")
        child = row_of(server, client)["pid"]
        assert child != server.snapshot()["engine_pid"]
        os.kill(child, signal.SIGKILL)
        assert client.rest() == b""
        shot = wait_until(lambda: (s := server.snapshot())["cut"] and s, what="the cut")
        assert (shot["cut"], shot["open"], shot["illegal_steps"]) == (1, 1, 0)
        assert bystander.get("/").status == 200
    with Client(server.port) as later:
        assert later.get("/").status == 200
    killed = [one["note"] for one in server.events if "signal" in one["note"]]
    assert killed == [f"process {child} killed by signal 9"]
    wait_until(lambda: server.snapshot()["open"] == 0, what="all connections closed")


def test_a_stopped_child_stops_nobody_else(server: Serve) -> None:
    with Client(server.port) as client:
        client.ask("/wait/60000")
        child = row_of(server, client)["pid"]
        os.kill(child, signal.SIGSTOP)
        with Client(server.port) as other:
            assert other.get("/").status == 200
        started = family(server.pid)
        server.stop()
    wait_until(lambda: not any(map(is_running, started)), what="no process left")
