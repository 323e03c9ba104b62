"""For how long the kernel had had bytes, as its stamps tell; and where there are none."""

import socket
import struct
import sys
import time
from collections.abc import Callable
from typing import Any

import pytest

from engine.tracing.kernel_times import ask_for_times, timed_recv, unread_bytes

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the stamps are Linux's")
STAMP = struct.Struct("=qq")
SO_TIMESTAMPNS_NEW = 64


def stamped(at_ns: int, kind: int = SO_TIMESTAMPNS_NEW) -> Callable[..., Any]:
    """A recvmsg that tells of bytes received at this wall clock time."""
    told = (socket.SOL_SOCKET, kind, STAMP.pack(*divmod(at_ns, 10**9)))
    return lambda *_: (b"GET", [told], 0, None)


def test_it_is_the_time_since_the_stamp() -> None:
    before_ns = time.time_ns()
    data, waited_us = timed_recv(stamped(before_ns - 1_500_000_000), 10, 0)
    after_ns = time.time_ns()
    assert data == b"GET"
    assert 1_500_000 <= waited_us <= 1_500_000 + (after_ns - before_ns) // 1_000 + 1


@pytest.mark.parametrize(
    ("ago_s", "waited_us"), [(-3_600, 1), (10_000, 2**32 - 1)], ids=["set back", "set on"]
)
def test_a_clock_that_is_set_makes_no_figure_that_does_not_fit(ago_s: int, waited_us: int) -> None:
    assert timed_recv(stamped(time.time_ns() - ago_s * 10**9), 10, 0) == (b"GET", waited_us)


@pytest.mark.parametrize(
    "recvmsg", [lambda *_: (b"", [], 0, None), stamped(0, kind=29)], ids=["none", "another kind"]
)
def test_what_is_not_told_is_not_known(recvmsg: Callable[..., Any]) -> None:
    assert timed_recv(recvmsg, 10, 0)[1] == 0


def test_a_connection_inherits_the_stamps_and_recv_is_as_before() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        ask_for_times(listener)
        with (
            socket.create_connection(listener.getsockname()) as client,
            listener.accept()[0] as sock,
        ):
            assert sock.getsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS_NEW) == 1
            client.sendall(b"abcdef")
            assert timed_recv(sock.recvmsg, 3, socket.MSG_PEEK)[0] == b"abc"
            assert timed_recv(sock.recvmsg, 100, 0)[0] == b"abcdef"
            client.shutdown(socket.SHUT_WR)
            assert timed_recv(sock.recvmsg, 100, 0) == (b"", 0)


def test_bytes_that_nobody_takes_are_counted_and_of_a_closed_descriptor_none() -> None:
    ours, other = socket.socketpair()
    with ours, other:
        assert unread_bytes(ours.fileno()) == 0
        other.sendall(bytes(70_000))
        assert unread_bytes(ours.fileno()) == 70_000
    assert unread_bytes(-1) == 0
