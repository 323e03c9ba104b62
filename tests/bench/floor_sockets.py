"""Sockets that report as little as can be, and a server on them: `python -m tests.bench.floor_sockets`.

They store one record of fixed content at accept, recv, send and close, and keep and decide nothing. No
design that reports from Python can do better: what a watched server loses against them is the price of
telling lines, owners and states; what they lose against plain sockets is the price of Python itself.
"""

from __future__ import annotations

import argparse
import socket
from importlib import import_module
from pathlib import Path
from time import monotonic_ns
from typing import Any

from engine.event_queue import SharedMemory
from engine.events import RECORD, RECORD_BYTES
from engine.listener import open_listener
from engine.models import MODELS
from engine.service import Service, Settings
from engine.site import Site

RECORDS = 4096  # of the ring that is written over and over
SO_COOKIE = 57


def floor_listener(fd: int, base: Any) -> Any:
    """The listener `fd`, as a socket of class `base` (gevent's, where a model has patched it in)."""
    ring = bytearray(RECORDS * RECORD_BYTES)
    pack, mask, place = RECORD.pack_into, RECORDS - 1, 0
    shares_thread = base.__module__ != "socket"

    def store(kind: int) -> None:
        nonlocal place
        place += 1
        start = (place & mask) * RECORD_BYTES
        pack(ring, start, kind, 1, 2, 3, 4, 5, 6, 7, 8, monotonic_ns(), 9)

    class FloorSocket(base):  # type: ignore[misc]
        __slots__ = ()

        def accept(self) -> tuple[FloorSocket, Any]:
            fd, peer = self._accept_or_switch() if shares_thread else self._accept()
            accepted = FloorSocket(socket.AF_INET, socket.SOCK_STREAM, 0, fd)
            accepted.getsockopt(socket.SOL_SOCKET, SO_COOKIE, 8)
            store(2)
            return accepted, peer

        def _accept_or_switch(self) -> Any:
            while True:
                try:
                    return self._accept()
                except BlockingIOError:
                    self._wait(self._read_event)

        def recv(self, size: int, flags: int = 0) -> bytes:
            data: bytes = base.recv(self, size, flags)
            store(20)
            return data

        def send(self, data: Any, flags: int = 0, **how: Any) -> int:
            sent: int = base.send(self, data, flags, **how)
            store(21)
            return sent

        def sendall(self, data: Any, flags: int = 0) -> None:
            base.sendall(self, data, flags)  # gevent's is a loop over send
            if not shares_thread:
                store(21)

        def _real_close(self, *args: Any) -> None:
            store(8)
            base._real_close(self, *args)

    return FloorSocket(fileno=fd)


def main() -> None:
    """Serve until killed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("-m", "--model", choices=list(MODELS), required=True)
    parser.add_argument("-p", "--port", type=int, required=True)
    parser.add_argument("--root", type=Path, required=True)
    parser.add_argument("--short", action="store_true")
    asked = parser.parse_args()
    fd = open_listener("127.0.0.1", asked.port).detach()
    settings = Settings(SharedMemory.create().words)
    settings.set_mode(short=asked.short)
    model = import_module(
        MODELS[asked.model]
    )  # gevent's patches the library: so the class comes after
    service = Service(settings, Site(asked.root).answer, lambda: None)
    model.serve(floor_listener(fd, socket.socket), service)


if __name__ == "__main__":
    main()
