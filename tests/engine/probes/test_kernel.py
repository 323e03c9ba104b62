"""Since when somebody waits, from looks at the kernel's table; how often it is looked at."""

import math
import socket
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from engine.listener import accept_queue, open_beside, share_port
from engine.probes import kernel, kernel_sampler
from engine.probes.kernel import Waiting
from engine.probes.kernel_sampler import KernelSampler
from engine.probes.seen import JIFFY_MS
from engine.probes.sock_diag import Row, SockDiag, Tcp
from engine.views.kernel_numbers import EMPTY_KERNEL, KernelNumbers
from engine.views.snapshot import Room
from tests.support import wait_until

MS = 1_000_000


def row(cookie: int, quiet_ms: int, *, unread: int = 0, received: int = 0) -> Row:
    numbers = (quiet_ms, quiet_ms, 50, 0, received, 0)
    return Row(Tcp.ESTABLISHED, 0, 0, b"", b"", cookie, 0, unread, 0, 7, *numbers)


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
    with socket.create_server(("127.0.0.1", 0), backlog=128) as made:
        yield made


def test_each_listener_of_the_port_has_a_queue(listener: socket.socket) -> None:
    share_port(listener)
    with open_beside(listener):
        sampler = KernelSampler(listener)
        assert [(one.length, one.limit) for one in sampler.numbers(0.0).queues] == [(0, 128)] * 2
        with ExitStack() as clients:
            for _ in range(9):
                clients.enter_context(socket.create_connection(listener.getsockname()))
            wait_until(lambda: sampler.numbers(0.0).rooms["accept_queue"].now == 9)
            queues = sampler.numbers(0.0).queues
            own = accept_queue(listener)
    assert sum(one.length for one in queues) == 9
    assert own in [(one.length, one.limit) for one in queues]
    assert queues[0].listener < queues[1].listener
    sampler.close()


def test_it_looks_again_when_that_is_due(
    listener: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    sampler = KernelSampler(listener)
    sampler.advance(math.inf, is_busy=False)
    first = sampler.numbers()
    assert first.rooms["accept_queue"].now == 0
    monkeypatch.setattr(kernel_sampler, "RESTING_S", math.inf)
    monkeypatch.setattr(kernel_sampler, "WATCHING_S", 0.0)
    sampler.advance(math.inf, is_busy=False)
    assert sampler.numbers() is first  # resting
    with socket.create_connection(listener.getsockname()):

        def sees_it() -> bool:
            sampler.advance(math.inf, is_busy=False)
            return sampler.numbers().rooms["accept_queue"].now == 1

        assert wait_until(sees_it, 5)  # though no event tells of it
        last = sampler.numbers()

        def looks_anew() -> bool:
            sampler.advance(math.inf, is_busy=False)
            return sampler.numbers() is not last

        assert wait_until(looks_anew, 5)  # watching
    monkeypatch.setattr(kernel_sampler, "RESTING_S", 0.0)
    monkeypatch.setattr(kernel_sampler, "RESTING_SHARE", 1e9)
    last = sampler.numbers()
    sampler.advance(math.inf, is_busy=False)
    assert sampler.numbers() is last  # one costs too much to be taken often
    monkeypatch.setattr(kernel_sampler, "SHARE", 1e9)
    last = sampler.numbers()
    sampler.advance(math.inf, is_busy=True)
    assert sampler.numbers() is last
    sampler.close()


def test_what_is_closed_is_looked_at_less_often_than_what_is_open(
    listener: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kernel_sampler, "SHARE", 0.0)
    monkeypatch.setattr(kernel_sampler, "WATCHING_S", 0.0)
    monkeypatch.setattr(kernel_sampler, "ALL_STATES_S", math.inf)
    sampler = KernelSampler(listener)

    def look() -> KernelNumbers:
        sampler.advance(math.inf, is_busy=True)
        return sampler.numbers()

    assert look().rooms["time_wait"].now == 0
    with socket.create_connection(listener.getsockname()) as client:
        accepted, _ = listener.accept()
        accepted.close()
        client.recv(1)
    with socket.create_connection(listener.getsockname()):
        wait_until(lambda: look().rooms["accept_queue"].now == 1)
        assert look().rooms["time_wait"].now == 0  # as before
        assert wait_until(lambda: sampler.numbers(0.0).rooms["time_wait"].now == 1)
        assert look().rooms["time_wait"].now == 1
    sampler.close()


def test_what_an_earlier_server_of_the_port_has_closed_is_not_counted(
    listener: socket.socket,
) -> None:
    earlier = KernelSampler(listener)
    with socket.create_connection(listener.getsockname()) as client:
        listener.accept()[0].close()
        client.recv(1)
    waited_ms = 3 * JIFFY_MS

    def has_waited() -> bool:
        room = earlier.numbers(0.0).rooms["time_wait"]
        return room.now == 1 and (room.longest_ms or 0) >= waited_ms

    assert wait_until(has_waited)
    sampler = KernelSampler(listener)
    assert sampler.numbers(0.0).rooms["time_wait"] == Room(0, 0.0)
    earlier.close()
    sampler.close()


def test_who_waits_elsewhere_is_not_counted_as_unread(listener: socket.socket) -> None:
    elsewhere: set[int] = set()
    sampler = KernelSampler(listener, lambda: elsewhere)
    with socket.create_connection(listener.getsockname()) as client, listener.accept()[0]:
        client.send(b"unread")
        wait_until(lambda: sampler.numbers(0.0).rooms["unread"].now == 1)
        elsewhere |= sampler.unread_since_ns().keys()
        numbers = sampler.numbers(0.0)
        assert (numbers.rooms["unread"].now, numbers.unread_bytes) == (0, 0)
        assert numbers.queued_bytes == 6
    sampler.close()


@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]"])
def test_the_first_in_the_accept_queue_are_named(host: str) -> None:
    bare = host.strip("[]")
    family = socket.AF_INET if bare == host else socket.AF_INET6
    with socket.create_server((bare, 0), family=family) as listener, ExitStack() as clients:
        sampler = KernelSampler(listener)

        def come() -> str:
            client = clients.enter_context(socket.create_connection(listener.getsockname()[:2]))
            return f"{host}:{client.getsockname()[1]}"

        first = come()
        # Within a jiffy nobody can tell who came first.
        wait_until(lambda: sampler.numbers(0.0).accept_queue_ms[first] > 2 * JIFFY_MS)
        others = [come() for _ in range(9)]
        numbers = sampler.numbers(0.0)
        assert numbers.rooms["accept_queue"].now == 10
        told, waits = list(numbers.accept_queue_ms), list(numbers.accept_queue_ms.values())
        assert (told[0], len(told)) == (first, 8)
        assert set(told[1:]) < set(others)
        assert waits == sorted(waits, reverse=True)
        assert waits[0] == numbers.rooms["accept_queue"].longest_ms
        accepted, _ = listener.accept()
        with accepted:
            assert first not in sampler.numbers(0.0).accept_queue_ms
        sampler.close()


def test_where_the_kernel_tells_nothing_nothing_is_known(
    listener: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: SockDiag) -> None:
        raise PermissionError

    monkeypatch.setattr(SockDiag, "__init__", refuse)
    sampler = KernelSampler(listener)
    assert sampler.numbers(0.0) == EMPTY_KERNEL
    assert sampler.view(1) is None
    sampler.close()


def test_a_look_at_many_sockets_is_taken_in_pieces(listener: socket.socket) -> None:
    sampler = KernelSampler(listener)
    before = sampler.numbers()
    clients = [socket.create_connection(listener.getsockname()) for _ in range(120)]
    accepted = [listener.accept()[0] for _ in clients]
    clients[0].send(b"unread")
    wait_until(lambda: accepted[0].recv(6, socket.MSG_PEEK))
    steps = 0
    while not steps or sampler.is_looking:
        sampler.advance(1e-9, is_busy=True)
        steps += sampler.is_looking
        if sampler.is_looking:
            assert sampler.numbers() is before
    assert steps > 1
    assert sampler.numbers().unread_bytes == 6
    assert len(sampler.sockets()) == 121
    for each in (*clients, *accepted):
        each.close()
    sampler.close()
