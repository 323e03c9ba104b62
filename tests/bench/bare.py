"""The plainest servers of their kinds, for what is within reach: `python -m tests.bench.bare KIND PORT`.

A thread or a process for each connection. It receives once, answers with the page and closes:
nothing is parsed, no time-out is set, nothing is reported. Short connections only.
"""

from __future__ import annotations

import _thread
import contextlib
import os
import socket
import sys
from collections.abc import Callable

from tests.bench.apps import PAGE

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%b" % (len(PAGE), PAGE)


def answer(sock: socket.socket) -> None:
    """One request, whatever it asks for."""
    with sock:
        sock.recv(65_536)
        sock.sendall(ANSWER)


def in_a_thread(sock: socket.socket) -> None:
    """Nobody waits for it."""
    _thread.start_new_thread(answer, (sock,))


def in_a_process(sock: socket.socket) -> None:
    """The parent closes its copy, and collects those that have ended."""
    if not os.fork():
        answer(sock)
        os._exit(0)
    sock.close()
    with contextlib.suppress(ChildProcessError):  # none is left
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


KINDS: dict[str, Callable[[socket.socket], None]] = {"thread": in_a_thread, "fork": in_a_process}


def serve(kind: str, port: int) -> None:
    """For ever."""
    with socket.create_server(("127.0.0.1", port), backlog=511) as listener:
        while True:
            KINDS[kind](listener.accept()[0])


if __name__ == "__main__":
    serve(sys.argv[1], int(sys.argv[2]))
