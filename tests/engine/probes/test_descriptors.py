"""What a process holds, and who holds the same: against processes that the test makes."""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.probes import descriptors
from engine.probes.descriptors import DescriptorProbe
from engine.probes.kernel import KernelProbe
from engine.views.worker_view import Descriptor, Descriptors

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="/proc is Linux's")
SO_COOKIE = 57


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as made:
        yield made


def cookie(sock: socket.socket) -> int:
    return int.from_bytes(sock.getsockopt(socket.SOL_SOCKET, SO_COOKIE, 8), sys.byteorder)


def at(table: Descriptors | None, number: int) -> Descriptor:
    assert table is not None
    return next(one for one in table.first if one.number == number)


def test_each_is_named_and_its_holders_are_counted(listener: socket.socket, tmp_path: Path) -> None:
    probe = KernelProbe(listener)
    with socket.create_connection(listener.getsockname()) as client, listener.accept()[0] as sock:
        holds = "import sys; print(flush=True); sys.stdin.read()"
        fds = (listener.fileno(), sock.fileno())
        command = [sys.executable, "-c", holds]
        with (
            (tmp_path / "a\x1bfile").open("w") as file,
            subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, pass_fds=fds
            ) as child,
        ):
            assert child.stdout is not None
            child.stdout.readline()
            table = DescriptorProbe(probe.sockets).look(os.getpid(), [child.pid])
            assert at(table, fds[0]) == Descriptor(fds[0], "listener", 0, 2)
            assert at(table, fds[1]) == Descriptor(fds[1], "connection", cookie(sock), 2)
            assert at(table, client.fileno()).what == "socket"  # of another's side
            assert at(table, client.fileno()).holders == 1
            assert at(table, file.fileno()).what.endswith(r"a\x1bfile")
            its = DescriptorProbe(probe.sockets).look(child.pid, [])
            assert [one.number for one in its.first if one.conn] == [fds[1]] if its else False
            child.communicate()
        assert DescriptorProbe(probe.sockets).look(child.pid, []) is None
    probe.close()


def test_a_socket_between_processes_is_told_from_one_of_the_network() -> None:
    one, other = socket.socketpair()
    with one, other:
        table = DescriptorProbe(dict).look(os.getpid(), [])
        assert at(table, one.fileno()).what == "unix socket"


def test_it_looks_again_only_after_a_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []

    def sockets() -> dict[int, int]:
        asked.append(1)
        return {}

    probe = DescriptorProbe(sockets)
    first = probe.look(os.getpid(), [])
    assert probe.look(os.getpid(), []) is first
    monkeypatch.setattr(descriptors, "LEAST_PAUSE_S", 0.0)
    monkeypatch.setattr(descriptors, "SHARE", 0)
    again = DescriptorProbe(sockets)
    again.look(os.getpid(), [])
    again.look(os.getpid(), [])
    assert len(asked) == 3


def test_of_many_the_first_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(descriptors, "MOST_TOLD", 2)
    table = DescriptorProbe(dict).look(os.getpid(), [])
    assert table is not None
    assert (len(table.first), table.total > 2) == (2, True)
