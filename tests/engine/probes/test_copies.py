"""Who keeps a connection open that its server has closed: a real pair of sockets, and a child with a copy."""

import os
import socket
import subprocess
import sys

from engine.events import Event, Kind
from engine.fold.connection import Connection
from engine.probes.copies import SURELY_NS, Copies
from tests.support import wait_until

CONN = 7


def closed(at_ns: int) -> Connection:
    event = Event(0, 1, Kind.ACCEPT, CONN, 5, os.getpid(), "MainThread", 0, 0, "127.0.0.1:5000")
    connection = Connection(3, event, 0)
    connection.closed_ns, connection.closed_by = at_ns, "server"
    return connection


def test_the_process_with_a_copy_is_named_and_gone_when_it_is() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        inode = os.fstat(ours.fileno()).st_ino
        child = subprocess.Popen(
            [sys.executable, "-c", "input()"], stdin=subprocess.PIPE, pass_fds=[ours.fileno()]
        )
        ours.close()
        copies = Copies()
        connections = [closed(1_000)]
        later_ns = 1_000 + 2 * SURELY_NS
        is_open = [inode]

        def look() -> tuple[int, ...]:
            again = Copies()
            (copy,) = again.look(connections, lambda _: inode, later_ns, [os.getpid(), child.pid])
            return copy.pids

        wait_until(lambda: look() == (child.pid,), 10, "the child's copy")
        (copy,) = copies.look(connections, lambda _: is_open[0], later_ns, [child.pid])
        assert (copy.conn, copy.number) == (CONN, 3)
        assert copy.for_ms == 2 * SURELY_NS / 1e6
        # The fold forgets a closed connection after a while; the copy is still there.
        assert copies.look([], lambda _: is_open[0], later_ns, [child.pid])
        is_open[0] = 0
        assert copies.look([], lambda _: is_open[0], later_ns, [child.pid]) == ()
        child.communicate(timeout=10)


def test_a_look_from_before_the_close_says_nothing() -> None:
    copies = Copies()
    assert copies.look([closed(1_000)], lambda _: 99, 1_000, []) == ()
    assert copies.look([], lambda _: 99, 1_000 + SURELY_NS, [])


def test_what_was_cut_with_its_process_has_no_copies() -> None:
    cut = closed(1_000)
    cut.closed_by = "cut"
    assert Copies().look([cut], lambda _: 99, 1_000 + SURELY_NS, []) == ()
