"""Sockets that report as little as can be, and a server on them: `python -m tests.bench.floor_sockets`.

They store one record of fixed content at accept, recv, send and close, and know nothing: no design that
reports from Python can do better. lean_sockets.py tells what a picture needs.
"""

from __future__ import annotations

import argparse
import gc
import mmap
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from importlib import import_module
from pathlib import Path
from time import monotonic_ns
from typing import Any

from engine.dying import die_with_parent
from engine.event_queue.shared_memory import SharedMemory
from engine.events import RECORD, RECORD_BYTES, RECV_REQUEST, RESPONSE_SEND, Kind
from engine.handlers.site import Site
from engine.listener import open_listener
from engine.models import MODELS
from engine.serving.rehearsal import AsAccepted, rehearse, targets_of
from engine.serving.service import Service, Settings
from engine.tracing import line_arrays

RECORDS = 1 << 16  # of the ring that is written over and over
SO_COOKIE = 57
FAMILY = (socket.AF_INET, socket.SOCK_STREAM, 0)
ACCEPT, CLOSE = int(Kind.ACCEPT), int(Kind.CLOSE)

_ring = mmap.mmap(-1, RECORDS * RECORD_BYTES)  # shared, as what children store has to be
_pack = RECORD.pack_into
_place = 0


def floor_listener(fd: int, base: Any) -> Any:
    """The listener `fd`, as a socket of class `base` (gevent's, where a model has patched it in)."""
    return _floor_class(base)(fileno=fd)


def _take(listener: Any) -> Any:
    """The next client. A socket of greenlets does not block: it waits in gevent's loop."""
    while True:
        try:
            return listener._accept()
        except BlockingIOError:
            if not _shares_thread(type(listener)):
                raise
        listener._wait(listener._read_event)


def _shares_thread(kind: Any) -> bool:
    """Of a class of sockets: they are greenlets' (gevent's)."""
    return hasattr(kind, "_wait")


def _store_fixed(kind: int) -> None:
    global _place
    _place = place = _place + 1
    start = (place & (RECORDS - 1)) * RECORD_BYTES
    _pack(_ring, start, kind, 1, 2, 3, 4, 5, 6, 7, 8, monotonic_ns(), 9)


def _floor_class(base: Any) -> Any:
    shares_thread = _shares_thread(base)

    class FloorSocket(base):  # type: ignore[misc]  # known when it runs
        __slots__ = ()

        def accept(self) -> tuple[FloorSocket, Any]:
            fd, peer = _take(self)
            accepted = FloorSocket(*FAMILY, fd)
            accepted.getsockopt(socket.SOL_SOCKET, SO_COOKIE, 8)
            _store_fixed(ACCEPT)
            return accepted, peer

        def recv(self, size: int, flags: int = 0) -> bytes:
            data: bytes = base.recv(self, size, flags)
            _store_fixed(RECV_REQUEST)
            return data

        def send(self, data: Any, flags: int = 0, **how: Any) -> int:
            sent: int = base.send(self, data, flags, **how)
            _store_fixed(RESPONSE_SEND)
            return sent

        def sendall(self, data: Any, flags: int = 0) -> None:
            base.sendall(self, data, flags)  # gevent's is a loop over send
            if not shares_thread:
                _store_fixed(RESPONSE_SEND)

        def _real_close(self, *args: Any) -> None:
            _store_fixed(CLOSE)
            base._real_close(self, *args)

    return FloorSocket


@contextmanager
def floor_connections(listener: Any) -> Iterator[AsAccepted]:
    """For the rehearsal of a model that forks."""

    def as_accepted(connection: socket.socket) -> Any:
        return type(listener)(socket.AF_INET, socket.SOCK_STREAM, 0, connection.detach())

    yield as_accepted


def main() -> None:
    """Serve until killed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("-m", "--model", choices=list(MODELS), required=True)
    parser.add_argument("-p", "--port", type=int, required=True)
    parser.add_argument("--root", type=Path, required=True)
    parser.add_argument("--short", action="store_true")
    asked = parser.parse_args()
    die_with_parent(os.getppid())  # as an engine does, and each of its children
    fd = open_listener("127.0.0.1", asked.port).detach()
    settings = Settings(SharedMemory.create().words)
    settings.set_mode(short=asked.short)
    model = import_module(
        MODELS[asked.model]
    )  # gevent's patches the library: so the class comes after
    service = Service(settings, Site(asked.root).answer, lambda: None)
    listener = floor_listener(fd, socket.socket)
    line_arrays.install(model.__name__)
    connections = partial(floor_connections, listener)
    service.rehearse = partial(rehearse, service, targets_of(asked.root), connections)
    gc.freeze()
    model.serve(listener, service)


if __name__ == "__main__":
    main()
