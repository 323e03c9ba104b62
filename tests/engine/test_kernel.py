"""Since when somebody waits, from looks at the kernel's table; how often it is looked at."""

import socket
from collections.abc import Iterator

import pytest

from engine.kernel_numbers import EMPTY_KERNEL
from engine.probes import kernel
from engine.probes.kernel import KernelSampler, Waiting
from engine.probes.sock_diag import Row, SockDiag, Tcp
from engine.snapshot import Room
from tests.support import wait_until

MS = 1_000_000


def row(cookie: int, quiet_ms: int, *, unread: int = 0, received: int = 0) -> Row:
    numbers = (quiet_ms, quiet_ms, 50, 0, received, 0)
    return Row(Tcp.ESTABLISHED, 0, b"", b"", cookie, 0, unread, 0, 7, *numbers)


def test_a_packet_that_comes_later_does_not_make_a_wait_new() -> None:
    room = Waiting()
    assert room.look([row(1, 12), row(2, 3)], 1_000 * MS) == Room(2, 12.0)
    assert room.look([row(1, 0), row(2, 103)], 1_100 * MS) == Room(2, 112.0)
    assert room.look([row(2, 203)], 1_200 * MS) == Room(1, 203.0)
    assert room.look([], 1_300 * MS) == Room(0, 0.0)
    assert room.look([row(1, 1)], 1_400 * MS) == Room(1, 1.0)  # it had left: it waits anew


def test_who_has_moved_on_waits_anew() -> None:
    room = Waiting(moved=kernel._read_bytes)
    room.look([row(1, 50, unread=80, received=80)], 1_000 * MS)
    more_came = row(1, 2, unread=160, received=160)
    assert room.look([more_came], 1_100 * MS) == Room(1, 150.0)
    read_and_more_came = row(1, 4, unread=80, received=240)
    assert room.look([read_and_more_came], 1_200 * MS) == Room(1, 4.0)


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as made:
        yield made


def test_it_looks_again_when_that_is_due(
    listener: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    sampler = KernelSampler(listener)
    first = sampler.numbers(is_busy=False)
    assert first.rooms["accept_queue"].now == 0
    with socket.create_connection(listener.getsockname()):
        assert sampler.numbers(is_busy=False) is first  # resting
        wait_until(lambda: sampler.numbers(0.0, is_busy=False).rooms["accept_queue"].now == 1)
        last = sampler.numbers(is_busy=False)
        assert wait_until(lambda: sampler.numbers(is_busy=False) is not last, 5)  # watching
    monkeypatch.setattr(kernel, "SHARE", 1e9)
    last = sampler.numbers(is_busy=True)
    assert sampler.numbers(is_busy=True) is last
    sampler.close()


def test_where_the_kernel_tells_nothing_nothing_is_known(
    listener: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: SockDiag) -> None:
        raise PermissionError

    monkeypatch.setattr(SockDiag, "__init__", refuse)
    sampler = KernelSampler(listener)
    assert sampler.numbers(0.0, is_busy=True) == EMPTY_KERNEL
    assert sampler.view(1) is None
    sampler.close()
