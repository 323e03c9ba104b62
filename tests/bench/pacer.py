"""A client at a steady rate: `python -m tests.bench.pacer URL --rate 12500 --seconds 10`.

wrk goes as fast as it can; the dashboard's budget is for a given rate. One thread, raw sockets, one
request at a time on each connection. What a busy server leaves undone is counted, not made up for
later: the backlog is at most `BACKLOG_S` of requests.

The connections take turns, so many of them at a low rate are open and nearly idle. A line `ready` is
printed when they stand; at the end, or at SIGINT or SIGTERM, one JSON line.
"""

from __future__ import annotations

import argparse
import json
import resource
import select
import signal
import socket
import sys
import time
from collections import deque
from dataclasses import asdict, dataclass
from urllib.parse import urlsplit

BACKLOG_S = 0.05
GRAIN_S = 0.001  # of pacing: epoll rounds up to milliseconds
CONNECT_WITHIN_S = 5.0
_IP_BIND_ADDRESS_NO_PORT = 24  # <linux/in.h>; socket has no name for it


@dataclass(slots=True)
class Counts:
    """What was done."""

    sent: int = 0
    done: int = 0
    not_sent: int = 0  # due, but every connection was busy
    reconnects: int = 0  # the server closed
    seconds: float = 0.0


class Connection:
    """One keep-alive connection: knows when its response is complete."""

    def __init__(self, address: tuple[str, int], source: str | None = None) -> None:
        """`source`: the client's own address (IPv4, Linux); None: the kernel's choice."""
        self.sock = connect(address, source)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.missing_bytes = 0  # of the body that is being read
        self.head = b""
        self.status = 0  # of the last response

    def receive(self) -> bool | None:
        """True when a response has ended, None when the server closed."""
        data = self.sock.recv(262_144)
        if not data:
            return None
        if self.missing_bytes:
            self.missing_bytes -= len(data)
        else:
            self.head += data
            if not self._read_head():
                return False
        return self.missing_bytes <= 0

    def _read_head(self) -> bool:
        head, end, body = self.head.partition(b"\r\n\r\n")
        if not end:
            return False
        self.status = int(head[9:12])
        length = head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0]
        self.missing_bytes = int(length or 0) - len(body)
        self.head = b""
        return True


def connect(address: tuple[str, int], source: str | None) -> socket.socket:
    """A connection, from this address of ours. Raises OSError.

    The trap: bind() to port 0 seeks a port that nobody has, whoever the other end may be, and passes
    over all that are in TIME_WAIT: milliseconds for each once some ten thousand are. Left to connect(),
    the same port may serve towards each server (ip(7), IP_BIND_ADDRESS_NO_PORT).
    """
    if source is None:
        return socket.create_connection(address, CONNECT_WITHIN_S)
    sock = socket.socket()
    try:
        sock.setsockopt(socket.IPPROTO_IP, _IP_BIND_ADDRESS_NO_PORT, 1)
        sock.bind((source, 0))
        sock.settimeout(CONNECT_WITHIN_S)
        sock.connect(address)
    except OSError:
        sock.close()
        raise
    return sock


class Pacer:
    """Sends what is due on connections that are free."""

    def __init__(self, url: str, rate_per_s: float, connections: int) -> None:
        parts = urlsplit(url)
        self.address = (parts.hostname or "", parts.port or 80)
        self.request = f"GET {parts.path or '/'} HTTP/1.1\r\nHost: {parts.netloc}\r\n\r\n".encode()
        self.rate_per_s = rate_per_s
        self.counts = Counts()
        self.is_over = False
        self.epoll = select.epoll()
        self.by_fd: dict[int, Connection] = {}
        self.free: deque[Connection] = deque()
        for _ in range(connections):
            self._open()

    def _open(self) -> None:
        connection = Connection(self.address)
        connection.sock.setblocking(False)
        fd = connection.sock.fileno()
        self.by_fd[fd] = connection
        self.epoll.register(fd, select.EPOLLIN)
        self.free.append(connection)

    def run(self, seconds: float) -> None:
        """Until the time is over or `is_over` is set by a signal."""
        begun = now = time.monotonic()
        offered = 0
        while now - begun < seconds and not self.is_over:
            due = int((now - begun) * self.rate_per_s)
            offered += self._send(due - offered)
            for fd, _ in self.epoll.poll(GRAIN_S):
                self._receive(self.by_fd[fd])
            now = time.monotonic()
        self.counts.seconds = now - begun

    def _send(self, due: int) -> int:
        """How many of those due are settled: sent, or given up."""
        settled = 0
        while self.free and settled < due:
            connection = self.free.popleft()
            settled += 1
            try:
                connection.sock.send(self.request)
            except OSError:
                self._replace(connection)
            else:
                self.counts.sent += 1
        late = due - settled - int(BACKLOG_S * self.rate_per_s)
        if late > 0:
            self.counts.not_sent += late
            settled += late
        return settled

    def _receive(self, connection: Connection) -> None:
        try:
            ended = connection.receive()
        except OSError:
            ended = None
        if ended is None:
            self._replace(connection)
        elif ended:
            self.counts.done += 1
            self.free.append(connection)

    def _replace(self, connection: Connection) -> None:
        self.counts.reconnects += 1
        if connection in self.free:
            self.free.remove(connection)
        fd = connection.sock.fileno()
        self.epoll.unregister(fd)
        del self.by_fd[fd]
        connection.sock.close()
        self._open()


def raise_descriptor_limit() -> None:
    """As many as the system allows."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def main(words: list[str]) -> int:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.pacer", description=__doc__)
    parser.add_argument("url")
    parser.add_argument("--rate", type=float, default=12_500.0, help="requests/s")
    parser.add_argument("--connections", type=int, default=16)
    parser.add_argument("--seconds", type=float, default=10.0)
    options = parser.parse_args(words)
    if urlsplit(options.url).hostname not in ("127.0.0.1", "::1"):
        parser.error("load is for this machine only: 127.0.0.1 or ::1")
    raise_descriptor_limit()
    pacer = Pacer(options.url, options.rate, options.connections)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: setattr(pacer, "is_over", True))
    print("ready", flush=True)
    pacer.run(options.seconds)
    print(json.dumps(asdict(pacer.counts)), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
