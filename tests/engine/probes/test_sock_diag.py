"""What the kernel tells of real sockets: who waits, what is unread and unacknowledged, who has left."""

import socket
import struct
import sys
from collections.abc import Iterator

import pytest

from engine.probes.sock_diag import Question, Row, SockDiag, Tcp, _encoded, _take
from tests.support import wait_until

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="netlink is Linux's")
SO_COOKIE = 57
HERE = {socket.AF_INET: "127.0.0.1", socket.AF_INET6: "::1"}
OPEN = (Tcp.ESTABLISHED, Tcp.CLOSE_WAIT)


@pytest.fixture
def diag() -> Iterator[SockDiag]:
    asked = SockDiag()
    yield asked
    asked.close()


@pytest.fixture(params=[socket.AF_INET, socket.AF_INET6], ids=["IPv4", "IPv6"])
def listener(request: pytest.FixtureRequest) -> Iterator[socket.socket]:
    with socket.create_server((HERE[request.param], 0), family=request.param) as made:
        yield made


def port_of(listener: socket.socket) -> int:
    return int(listener.getsockname()[1])


def cookie(sock: socket.socket) -> int:
    return int.from_bytes(sock.getsockopt(socket.SOL_SOCKET, SO_COOKIE, 8), sys.byteorder)


def rows(diag: SockDiag, listener: socket.socket, *states: Tcp) -> list[Row]:
    return diag.ask(Question(listener.family, states or OPEN, port_of(listener)))


def test_a_waiting_client_has_no_inode_until_it_is_accepted(
    diag: SockDiag, listener: socket.socket
) -> None:
    with socket.create_connection(listener.getsockname()[:2]):
        (waiting,) = rows(diag, listener)
        assert (waiting.state, waiting.inode) == (Tcp.ESTABLISHED, 0)
        accepted, _ = listener.accept()
        with accepted:
            (row,) = rows(diag, listener)
            assert row.inode
            assert row.cookie == waiting.cookie == cookie(accepted)


def test_what_is_unread_and_what_is_unacknowledged(diag: SockDiag, listener: socket.socket) -> None:
    with socket.create_connection(listener.getsockname()[:2]) as client:
        accepted, _ = listener.accept()
        with accepted:
            client.sendall(b"x" * 1234)
            (row,) = wait_until(lambda: [r for r in rows(diag, listener) if r.receive_queue])
            assert (row.receive_queue, row.send_queue) == (1234, 0)
            assert row.rtt_us > 0
            assert row.last_data_ms < 1000
            accepted.setblocking(False)
            sent = accepted.send(b"y" * 50_000_000)
            (row,) = wait_until(lambda: [r for r in rows(diag, listener) if r.send_queue])
            assert 0 < row.send_queue <= sent


def test_a_client_that_has_left_and_the_side_that_keeps_time_wait(
    diag: SockDiag, listener: socket.socket
) -> None:
    client = socket.create_connection(listener.getsockname()[:2])
    accepted, _ = listener.accept()
    client.close()
    (left,) = wait_until(lambda: rows(diag, listener, Tcp.CLOSE_WAIT))
    assert left.receive_queue == 1  # the end of stream, which nobody has read
    accepted.close()
    question = Question(listener.family, (Tcp.TIME_WAIT,), peer_port=port_of(listener))
    (kept,) = wait_until(lambda: diag.ask(question))
    assert 50_000 < kept.expires_ms <= 60_000
    assert kept.rtt_us == 0
    assert rows(diag, listener, Tcp.TIME_WAIT) == []


def test_only_the_port_that_was_asked_for(diag: SockDiag, listener: socket.socket) -> None:
    assert rows(diag, listener) == []
    (row,) = rows(diag, listener, Tcp.LISTEN)
    assert row.cookie == cookie(listener)
    assert (row.receive_queue, row.send_queue) == (0, 128)  # of a listener: its queue, and limit


def test_without_info_none_comes(diag: SockDiag, listener: socket.socket) -> None:
    question = Question(listener.family, (Tcp.LISTEN,), port_of(listener), with_info=False)
    assert [row.rtt_us for row in diag.ask(question)] == [0]


def test_many_pieces_are_one_answer(diag: SockDiag, listener: socket.socket) -> None:
    clients = [socket.create_connection(listener.getsockname()[:2]) for _ in range(120)]
    told = rows(diag, listener)
    assert len({row.cookie for row in told}) == 120
    for client in clients:
        client.close()


def test_an_error_of_the_kernel_is_raised_and_strays_are_passed_over() -> None:
    stray = struct.pack("=IHHIIi", 20, 2, 0, 6, 0, -1)
    refused = struct.pack("=IHHIIi", 20, 2, 0, 7, 0, -22)
    told: list[Row] = []
    assert not _take(memoryview(stray), 7, told)
    with pytest.raises(OSError, match="sockets") as caught:
        _take(memoryview(stray + refused), 7, told)
    assert caught.value.errno == 22
    assert told == []


def test_a_question_is_as_long_as_it_says() -> None:
    asked = _encoded(Question(socket.AF_INET, (Tcp.LISTEN,), 80), 1)
    assert len(asked) == struct.unpack_from("=I", asked)[0] == 16 + 56
