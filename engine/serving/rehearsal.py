"""What a child is going to run is run before the first one is forked.

A child shares its parent's memory until it writes to it: then the page is copied, at some 3 us. And the
interpreter writes to code that is new to it (PEP 659: it counts, then specialises), as the program does
to its caches. Without a rehearsal each child does all that again, and a connection costs twice as much.
"""

import gc
import os
import socket
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from urllib.parse import quote

from engine.serving.service import Service

ROUNDS = (
    48  # of one request each; code is specialised after 8 calls, and some runs only now and then
)
TARGETS_MOST = 12
BYTES_MOST = 32 * 1024  # of a file: a longer answer would not fit into a socket that nobody reads

Talk = Callable[[socket.socket, Service], None]
AsAccepted = Callable[[socket.socket], socket.socket]
"""Makes of a plain socket one as accept() of the engine's listener returns them."""


def targets_of(root: Path) -> list[str]:
    """What is likely to be asked for: `/` and the small files of the folder."""
    with os.scandir(root) as entries:
        names = sorted(
            entry.name
            for entry in entries
            if entry.is_file() and entry.stat().st_size <= BYTES_MOST
        )
    return ["/", *(f"/{quote(name)}" for name in names[: TARGETS_MOST - 1])]


@contextmanager
def plain_connections() -> Iterator[AsAccepted]:
    """The connections of an engine that is not watched."""
    yield lambda connection: connection


def rehearse(
    service: Service,
    targets: list[str],
    connections: Callable[[], AbstractContextManager[AsAccepted]],
    talk: Talk,
) -> None:
    """Let `talk` answer a client that is not there; `connections` tells what its sockets are."""
    gate, service.gate = service.gate, None  # nobody steps through a rehearsal
    with connections() as as_accepted:
        for number in range(ROUNDS):
            ours, theirs = socket.socketpair()
            with theirs:
                target = targets[number % len(targets)]
                wish = "close" if number // len(targets) % 2 else "keep-alive"
                theirs.sendall(
                    f"GET {target} HTTP/1.1\r\nHost: rehearsal\r\nConnection: {wish}\r\n"
                    f"X-Round: {number}\r\n\r\n".encode()
                )
                theirs.shutdown(socket.SHUT_WR)
                talk(as_accepted(ours), service)
    service.gate = gate
    # What it has left would else be collected, or looked at, in a child.
    gc.collect()
    gc.freeze()
