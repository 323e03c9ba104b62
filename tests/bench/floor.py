"""What reporting a short connection costs at the least in Python: `python -m tests.bench.floor`.

One process serves itself short connections with the epoll loop, in turn

    plain      with the library's sockets,
    floor      with sockets that report as little as can be (floor_sockets.py),
    watched    as servetui watches them,

and prints the CPU of the server's side for a connection: the best of many small rounds, and the median of
the ratios within a round.
"""

from __future__ import annotations

import argparse
import select
import socket
import statistics
from collections.abc import Callable
from functools import partial
from time import thread_time_ns
from typing import Any

from engine.event_queue.reader import Reader
from engine.event_queue.shared_memory import SharedMemory
from engine.handlers.site import WWW, Site
from engine.limits import DEFAULT_LIMITS
from engine.listener import open_listener
from engine.models.epoll_loop import Loop
from engine.serving.service import Service, Settings
from engine.tracing import line_arrays, traced_conversation, traced_socket
from engine.tracing import tracer as tracing
from engine.tracing.kernel_times import ask_for_times
from tests.bench.floor_sockets import floor_listener

REQUEST = b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"
_plain_poller = select.epoll


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


def _servers(memory: SharedMemory, *, tell_times: bool) -> dict[str, Server]:
    settings = Settings(memory.words)
    settings.set_mode(short=True)
    answer: Callable[..., Any] = Site(WWW).answer

    def service() -> Service:
        return Service(settings, answer, lambda: None)

    plain = Server(open_listener("127.0.0.1", 0), service(), _plain_poller())
    listener = floor_listener(open_listener("127.0.0.1", 0).detach(), socket.socket)
    floor = Server(listener, service(), _plain_poller())
    tracing.install(memory)
    line_arrays.install(Loop.__module__)
    watched_service = service()
    watched_service.converse = partial(
        traced_conversation.TracedConversation, settings, DEFAULT_LIMITS
    )
    asked = open_listener("127.0.0.1", 0)
    ask_for_times(asked)
    listener = traced_socket.traced_listener(asked.detach(), socket.socket)
    settings.set_thinning(1, tell_times=tell_times)
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
    parser.add_argument(
        "--times", action="store_true", help="tell when the kernel got each request"
    )
    asked = parser.parse_args()
    memory = SharedMemory.create()
    servers, reader = _servers(memory, tell_times=asked.times), Reader(memory)
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
