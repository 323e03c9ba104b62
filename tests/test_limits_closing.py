"""How connections end, in every model: so that the last answer arrives, whatever the client still sends."""

import contextlib
import errno
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.models import MODELS
from engine.serving.admission import ACCEPT_PAUSE_S, pause_after
from tests.plain_client import Client, request
from tests.serve_driver import Serve, family, kinds
from tests.support import wait_until

UPLOAD_BYTES = 10_000_000  # ten times --limit-body
FILE_BYTES = 30_000_000
HEAD = b"POST / HTTP/1.1\r\nHost: test\r\nContent-Length: %d\r\n\r\n"


@pytest.fixture(scope="module", params=list(MODELS))
def server(request: pytest.FixtureRequest) -> Iterator[Serve]:
    with Serve(request.param, "--events", "-") as serve:
        yield serve


def send_without_end(client: Client, seconds: float) -> None:
    """Until the server has had enough, or so many seconds are over."""
    ends_s = time.monotonic() + seconds
    while time.monotonic() < ends_s:
        client.send(b"x" * 1_000_000)


def test_a_client_that_sends_ten_megabytes_to_a_413_reads_the_413(server: Serve) -> None:
    with Client(server.port) as client:
        client.send(HEAD % UPLOAD_BYTES + b"x" * UPLOAD_BYTES)  # all of it, and no reset
        answer = client.answer()
        assert client.rest() == b""
    assert (answer.status, answer.headers["connection"]) == (413, "close")
    assert server.how_ended(client) == "server closed first: last answer"


def test_a_client_that_never_ends_is_not_waited_for(server: Serve) -> None:
    with Client(server.port) as client:
        client.send(HEAD % UPLOAD_BYTES)
        assert client.answer().status == 413
        assert client.rest() == b""  # our end is closed; the client keeps its own open
        began_s = time.monotonic()
        assert server.how_ended(client) == "server closed first: last answer"
        assert time.monotonic() - began_s < 4


def test_an_upload_without_end_is_cut(server: Serve) -> None:
    with Client(server.port) as client:
        client.send(HEAD % UPLOAD_BYTES)
        with pytest.raises(ConnectionError):
            send_without_end(client, 8)
    assert server.snapshot()["phase"] == "serving"


def test_what_was_pipelined_behind_the_last_answer_resets_nothing(server: Serve) -> None:
    with Client(server.port) as client:
        client.send(request("/wait/100", close=True))
        for _ in range(50):  # while it waits: unread when the answer is sent
            client.send(request("/style.css"))
        assert client.answer().status == 200
        assert client.socket.recv(1) == b""  # FIN, and no ECONNRESET


@pytest.mark.parametrize("target", ["/style.css", "/wait/50", "/bytes/3000000"])
def test_a_half_closed_client_gets_all_its_pipelined_answers(server: Serve, target: str) -> None:
    with Client(server.port) as client:
        client.send(request(target) * 5)
        client.half_close()
        assert [client.answer().status for _ in range(5)] == [200] * 5
        assert client.rest() == b""


def test_a_pipelined_answer_is_made_when_the_one_before_it_is_sent(server: Serve) -> None:
    """So a client that asks for much and takes nothing does not cost much."""
    with Client(server.port, receive_buffer=4096) as client:
        client.send(request("/bytes/100000000") * 100)
        wait_until(lambda: "response" in kinds(server.story_so_far(client)))
        wait_until(lambda: server.snapshot()["rooms"]["unsent"]["now"] == 1)
        assert kinds(server.story_so_far(client)).count("response") == 1


@pytest.mark.parametrize("model", [model for model in MODELS if model != "iterative"])
def test_a_large_file_takes_no_memory_for_each_client(model: str, tmp_path: Path) -> None:
    (tmp_path / "index.html").write_bytes(b"small")
    with (tmp_path / "large").open("wb") as file:
        file.truncate(FILE_BYTES)
    with Serve(model, "--root", str(tmp_path)) as server, contextlib.ExitStack() as stack:
        clients = [stack.enter_context(Client(server.port, 4096)) for _ in range(8)]
        assert [client.get("/").status for client in clients] == [200] * 8
        before = own_bytes(server)
        for client in clients:
            client.send(request("/large") * 100)
        wait_until(lambda: server.snapshot()["rooms"]["unsent"]["now"] == 8, what="all stuck")
        assert own_bytes(server) - before < FILE_BYTES


def own_bytes(server: Serve) -> int:
    """Memory of the engine and its children that is no page of a file."""
    engine = server.snapshot()["engine_pid"]
    pids = [engine, *(child.pid for child in family(engine))]
    texts = [Path(f"/proc/{pid}/status").read_text() for pid in pids]
    return sum(int(text.partition("RssAnon:")[2].split()[0]) for text in texts) * 1024


def test_resets_at_every_moment_end_one_connection_only(server: Serve) -> None:
    with Client(server.port) as other:
        for sent in (b"", b"GET", HEAD % 100 + b"x", request("/"), request("/bytes/5000000") * 3):
            for _ in range(5):
                with Client(server.port, receive_buffer=4096) as client:
                    if sent:
                        client.send(sent)
                    client.reset()
        assert other.get("/").status == 200
    wait_until(lambda: server.snapshot()["open"] == 0, what="all of them gone")
    assert server.snapshot()["engine_pid"]


def test_clients_that_left_the_accept_queue_hurt_nobody(server: Serve) -> None:
    """Aborted before accept(): the engine is busy elsewhere meanwhile."""
    with contextlib.ExitStack() as stack:
        busy = stack.enter_context(Client(server.port))
        busy.ask("/burn/300")
        for _ in range(50):
            stack.enter_context(Client(server.port)).reset()
        assert busy.answer().status == 200
        assert busy.get("/").status == 200
    wait_until(lambda: server.snapshot()["open"] == 0, what="all of them gone")


def test_a_failed_accept_is_judged_by_whose_fault_it_is() -> None:
    assert pause_after(OSError(errno.ECONNABORTED, "")) == 0
    for number in (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM):
        assert pause_after(OSError(number, "")) == ACCEPT_PAUSE_S


def test_nothing_of_that_was_illegal(server: Serve) -> None:
    shot = server.snapshot()
    assert (shot["illegal_steps"], shot["lost"], shot["cut"]) == (0, 0, 0)
