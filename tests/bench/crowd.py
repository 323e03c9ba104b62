"""A crowd of open connections, driven by lines on stdin: `python -m tests.bench.crowd URL`.

Opens all of them, one after another, and tells so. At each line `ask`, every connection asks once, and what
came of that is told. Every answer is read to its end. What is told is one JSON line each.
"""

from __future__ import annotations

import argparse
import json
import select
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from tests.bench.pacer import Connection, raise_descriptor_limit

PORTS_OF_ONE = 10_000  # connections from one address of this machine: it has some 28,000 ports
SETTLED_S = 0.5  # nobody was turned away for so long
SILENCE_S = 15.0  # nobody was answered for so long: the others are not either


@dataclass
class Told:
    """What came of a round, or of opening: `met` counts statuses, and names of errors."""

    met: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0
    p50_ms: float = 0.0
    p99_ms: float = 0.0
    longest_ms: float = 0.0


class Crowd:
    """The connections by descriptor."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self.address = (parts.hostname or "", parts.port or 80)
        self.request = f"GET {parts.path or '/'} HTTP/1.1\r\nHost: {parts.netloc}\r\n\r\n".encode()
        self.epoll = select.epoll()
        self.by_fd: dict[int, Connection] = {}

    def open(self, number: int) -> Told:
        """Open so many. Those that are turned away are told, too, once all the others stand."""
        told, began = Told(), time.monotonic()
        for count in range(number):
            source = f"127.0.0.{2 + count // PORTS_OF_ONE}"
            try:
                connection = Connection(self.address, source)
            except OSError as error:
                told.met[type(error).__name__] += 1
                continue
            connection.sock.setblocking(False)
            self.by_fd[connection.sock.fileno()] = connection
            self.epoll.register(connection.sock, select.EPOLLIN)
        told.seconds = time.monotonic() - began
        while ready := self.epoll.poll(SETTLED_S):
            for descriptor, _ in ready:
                self.receive(descriptor, told)
        told.met["open"] = len(self.by_fd)
        return told

    def ask(self) -> Told:
        """Each asks once. Missing ones have had no answer."""
        told, took_ms = Told(), []
        began = heard = time.monotonic()
        asked = {}
        for descriptor, connection in list(self.by_fd.items()):
            asked[descriptor] = time.monotonic()
            try:
                connection.sock.send(self.request)
            except OSError as error:
                self.lose(descriptor, told, type(error).__name__)
                del asked[descriptor]
        while asked and time.monotonic() - heard < SILENCE_S:
            for descriptor, _ in self.epoll.poll(1.0):
                if self.receive(descriptor, told):
                    heard = time.monotonic()
                    took_ms.append((heard - asked.pop(descriptor)) * 1e3)
        told.seconds = time.monotonic() - began
        told.met.update(missing=len(asked))
        took_ms.sort()
        if took_ms:
            at = [took_ms[int(len(took_ms) * part)] for part in (0.5, 0.99)]
            told.p50_ms, told.p99_ms, told.longest_ms = *at, took_ms[-1]
        return told

    def receive(self, descriptor: int, told: Told) -> bool:
        """Whether an answer has ended, or the connection."""
        connection = self.by_fd[descriptor]
        try:
            has_ended = connection.receive()
        except OSError as error:
            self.lose(descriptor, told, type(error).__name__)
            return True
        if has_ended is None:
            self.lose(descriptor, told, "closed")
            return True
        if has_ended:
            told.met[str(connection.status)] += 1
            if connection.status != 200:  # and then it is closed
                self.lose(descriptor, told, "")
        return has_ended

    def lose(self, descriptor: int, told: Told, why: str) -> None:
        """Close it; `why` is counted."""
        told.met.update([why] if why else [])
        self.by_fd.pop(descriptor).sock.close()


def main(words: list[str]) -> int:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.crowd", description=__doc__)
    parser.add_argument("url")
    parser.add_argument("--connections", type=int, default=10_000)
    options = parser.parse_args(words)
    raise_descriptor_limit()
    crowd = Crowd(options.url)
    print(json.dumps(vars(crowd.open(options.connections))), flush=True)
    for _ in sys.stdin:
        print(json.dumps(vars(crowd.ask())), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
