"""What reporting a short connection costs at the least in Python: `python -m tests.bench.floor`.

One process serves itself short connections with the epoll loop, in turn

    plain      with the library's sockets,
    floor      with sockets that do nothing but store one fixed record at accept, recv, send and close,
    watched    as servetui watches them,

and prints the CPU of the server's side for a connection: the best of many small rounds, and the median of
the ratios within a round. No design that reports from Python can do better than the floor.
"""

from __future__ import annotations

import argparse
import select
import socket
import statistics
from collections.abc import Callable
from functools import partial
from time import monotonic_ns, thread_time_ns
from typing import Any

from engine import traced_conversation, traced_socket, tracing
from engine.event_queue import SharedMemory
from engine.event_reader import Reader
from engine.events import RECORD
from engine.listener import open_listener
from engine.models.epoll_loop import Loop
from engine.service import Service, Settings
from engine.site import WWW, Site

REQUEST = b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"
SO_COOKIE = 57
_ring = bytearray(RECORD.size)
_plain_poller = select.epoll


class FloorSocket(socket.socket):
    """Stores a record of fixed content for each call; keeps nothing, decides nothing."""

    def accept(self) -> tuple[FloorSocket, Any]:
        fd, peer = self._accept()  # type: ignore[attr-defined]
        accepted = FloorSocket(socket.AF_INET, socket.SOCK_STREAM, 0, fd)
        accepted.getsockopt(socket.SOL_SOCKET, SO_COOKIE, 8)
        _store(2)
        return accepted, peer

    def recv(self, size: int, flags: int = 0) -> bytes:
        data = super().recv(size, flags)
        _store(20)
        return data

    def send(self, data: Any, flags: int = 0) -> int:
        sent = super().send(data, flags)
        _store(21)
        return sent

    def _real_close(self, *args: Any) -> None:
        _store(8)
        super()._real_close(*args)  # type: ignore[misc]


def _store(kind: int) -> None:
    RECORD.pack_into(_ring, 0, kind, 1, 2, 3, 4, 5, 6, 7, 8, monotonic_ns(), 9)


class Server:
    """An epoll loop on a port of its own, turned by hand."""

    def __init__(self, listener: socket.socket, service: Service, poller: Any) -> None:
        self.address = listener.getsockname()
        listener.setblocking(False)
        poller.register(listener, select.EPOLLIN)
        self.loop = Loop(listener, poller, service)

    def serve_one(self) -> int:
        """Serve a short connection; the CPU time of the server's side in ns."""
        with socket.socket() as client:
            client.connect(self.address)
            client.sendall(REQUEST)
            before_ns = thread_time_ns()
            self.loop.turn()
            while self.loop.clients:
                self.loop.turn()
            spent_ns = thread_time_ns() - before_ns
            while client.recv(65_536):
                pass
        return spent_ns

    def round(self, connections: int) -> float:
        """CPU time a connection, in microseconds."""
        return sum(self.serve_one() for _ in range(connections)) / connections / 1_000


def _servers(memory: SharedMemory) -> dict[str, Server]:
    settings = Settings(memory.words)
    settings.set_mode(short=True)
    answer: Callable[..., Any] = Site(WWW).answer

    def service() -> Service:
        return Service(settings, answer, lambda: None)

    plain = Server(open_listener("127.0.0.1", 0), service(), _plain_poller())
    floor_listener = FloorSocket(fileno=open_listener("127.0.0.1", 0).detach())
    floor = Server(floor_listener, service(), _plain_poller())
    tracing.install(memory)
    watched_service = service()
    watched_service.converse = partial(traced_conversation.TracedConversation, settings)
    listener = traced_socket.traced_listener(open_listener("127.0.0.1", 0).detach(), socket.socket)
    return {
        "plain": plain,
        "floor": floor,
        "watched": Server(listener, watched_service, select.epoll()),
    }


def main() -> None:
    """Measure and print a Markdown table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--rounds", type=int, default=60)
    parser.add_argument("--connections", type=int, default=100, help="in a round")
    asked = parser.parse_args()
    memory = SharedMemory.create()
    servers, reader = _servers(memory), Reader(memory)
    spent: dict[str, list[float]] = {name: [] for name in servers}
    for _ in range(asked.rounds):
        for name, server in servers.items():
            spent[name].append(server.round(asked.connections))
        reader.drain()
    print("| sockets | best us | median us | plain of it |\n| --- | --- | --- | --- |")
    for name, of_it in spent.items():
        ratios = [plain / one for plain, one in zip(spent["plain"], of_it, strict=True)]
        print(
            f"| {name} | {min(of_it):.1f} | {statistics.median(of_it):.1f} "
            f"| {statistics.median(ratios):.2f} |"
        )


if __name__ == "__main__":
    main()
