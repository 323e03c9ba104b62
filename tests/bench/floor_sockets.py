"""Sockets that report as little as can be, and a server on them: `python -m tests.bench.floor_sockets`.

    floor      stores one record of fixed content at accept, recv, send and close; knows nothing
    telling    stores what a picture needs (which connection, line, thread or greenlet or task, bytes,
               request, status, who closed first; processes and threads that begin and end), in the fewest
               steps: it cannot drop, thin, wait or forget

No design that reports from Python can do better. What plain sockets have over `floor` is the price of
Python, what `floor` has over `telling` that of telling it, what `telling` has over a watched server that
of being right when a ring is full, a client resets or a thread blocks, and of being read.
"""

from __future__ import annotations

import argparse
import gc
import mmap
import os
import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from importlib import import_module
from pathlib import Path
from time import monotonic_ns
from typing import Any

from engine.event_queue.shared_memory import SharedMemory
from engine.event_queue.tasks import CoroutineTasks, GreenletTasks, ThreadTasks
from engine.events import RECORD, RECORD_BYTES, RECV_REQUEST, RESPONSE_SEND, Kind
from engine.handlers.site import Site
from engine.http1.conversation import Conversation
from engine.listener import open_listener
from engine.models import MODELS
from engine.serving.rehearsal import AsAccepted, rehearse, targets_of
from engine.serving.service import Service, Settings
from engine.tracing import line_arrays

RECORDS = 1 << 16  # of the ring that is written over and over
SO_COOKIE = 57
FAMILY = (socket.AF_INET, socket.SOCK_STREAM, 0)
ACCEPT, CLOSE = int(Kind.ACCEPT), int(Kind.CLOSE)
SPAWN, EXIT = int(Kind.SPAWN), int(Kind.EXIT)
PLACES_A_CHILD = 93  # about a page: what two processes write side by side is copied to and fro

_ring = mmap.mmap(-1, RECORDS * RECORD_BYTES)  # shared, as what children store has to be
_pack, _frame = RECORD.pack_into, sys._getframe
_place = 0
_numbers: dict[Any, int] = {}  # of texts, threads and tasks
_tasks = ThreadTasks()
_running = _tasks.running


def _store(
    kind: int, conn: int, fd: int, moved: int, line: int, note: str, moved2: int = 0, line2: int = 0
) -> None:
    global _place
    text = _numbers.get(note) or _numbers.setdefault(note, len(_numbers) + 1)
    who = _running() or _tasks.name()
    task = _numbers.get(who) or _numbers.setdefault(who, len(_numbers) + 1)
    _place = place = _place + 1
    _pack(
        *(_ring, (place & (RECORDS - 1)) * RECORD_BYTES, kind, line, line2, task & 65535),
        *(text & 65535, fd, 0, moved, moved2, monotonic_ns(), conn),
    )


def floor_listener(fd: int, base: Any, *, telling: bool = False) -> Any:
    """The listener `fd`, as a socket of class `base` (gevent's, where a model has patched it in)."""
    listener: Any = (_telling_class if telling else _floor_class)(base)(fileno=fd)
    if telling:
        listener.conn = 0
    return listener


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


def _telling_class(base: Any) -> Any:
    shares_thread = _shares_thread(base)

    class TellingSocket(base):  # type: ignore[misc]  # known when it runs
        __slots__ = ("answered", "by", "conn", "fd", "line", "received")

        def accept(self) -> tuple[TellingSocket, Any]:
            fd, peer = _take(self)
            accepted = TellingSocket(*FAMILY, fd)
            cookie = accepted.getsockopt(socket.SOL_SOCKET, SO_COOKIE, 8)
            conn = accepted.conn = int.from_bytes(cookie, "little")
            accepted.fd = fd
            accepted.by = "server closed first"
            _store(ACCEPT, conn, fd, 0, _frame(1).f_lineno, peer[0], peer[1])
            return accepted, peer

        def recv(self, size: int, flags: int = 0) -> bytes:
            data: bytes = base.recv(self, size, flags)
            self.line = _frame(1).f_lineno
            self.received = len(data)
            if not data:
                self.by = "client closed first"
            return data

        def send(self, data: Any, flags: int = 0, **how: Any) -> int:
            sent: int = base.send(self, data, flags, **how)
            length, line, status = self.answered
            _store(
                *(RESPONSE_SEND, self.conn, self.fd, length, line, status, sent),
                _frame(1).f_lineno,
            )
            return sent

        def sendall(self, data: Any, flags: int = 0) -> None:
            base.sendall(self, data, flags)
            if not shares_thread:
                length, line, status = self.answered
                _store(
                    *(RESPONSE_SEND, self.conn, self.fd, length, line, status, length),
                    _frame(1).f_lineno,
                )

        def _real_close(self, *args: Any) -> None:
            if self.conn:
                _store(CLOSE, self.conn, self.fd, 0, _frame(2).f_lineno, self.by)
                if _tasks.share_a_thread:
                    _tasks.give_name_back()
            base._real_close(self, *args)

    return TellingSocket


def tell_workers() -> None:
    """Store what begins and ends: processes and threads."""
    fork, waitpid = os.fork, os.waitpid

    def telling_fork() -> int:
        global _place
        _place += PLACES_A_CHILD
        pid = fork()
        if pid:
            _store(SPAWN, 0, -1, 0, _frame(1).f_lineno, "process", pid)
        return pid

    def telling_waitpid(pid: int, options: int) -> tuple[int, int]:
        ended, status = waitpid(pid, options)
        if ended:
            _store(EXIT, 0, -1, 0, _frame(1).f_lineno, "exit 0", ended)
        return ended, status

    class TellingThread(threading.Thread):
        def run(self) -> None:
            _store(SPAWN, 0, -1, 0, 0, "thread")
            try:
                super().run()
            finally:
                _store(EXIT, 0, -1, 0, 0, "thread")

    os.fork, os.waitpid = telling_fork, telling_waitpid
    threading.Thread = TellingThread  # type: ignore[misc]  # typeshed holds the name fixed


def _tell_tasks() -> None:
    """Store which greenlet or task it is, where a model has these."""
    global _tasks, _running
    if _shares_thread(socket.socket):
        _tasks = GreenletTasks()
    elif "asyncio" in sys.modules:
        _tasks = CoroutineTasks()
    _running = _tasks.running


@contextmanager
def floor_connections(listener: Any) -> Iterator[AsAccepted]:
    """For the rehearsal of a model that forks."""

    def as_accepted(connection: socket.socket) -> Any:
        accepted = type(listener)(socket.AF_INET, socket.SOCK_STREAM, 0, connection.detach())
        if hasattr(listener, "conn"):
            accepted.conn, accepted.fd, accepted.by = 1, accepted.fileno(), ""
        return accepted

    yield as_accepted


class TellingConversation(Conversation):
    """Stores what a request is, and what its answer."""

    __slots__ = ("_on",)

    def __init__(self, policy: Any, connection: Any) -> None:
        super().__init__(policy)
        self._on = connection

    def receive(self, data: bytes) -> Any:
        requests = Conversation.receive(self, data)
        on = self._on
        for request in requests:
            _store(
                *(RECV_REQUEST, on.conn, on.fd, on.received, on.line, request.target),
                *(0, _frame(1).f_lineno),
            )
        return requests

    def send(self, response: Any) -> Any:
        wire = tuple(Conversation.send(self, response))
        self._on.answered = len(wire[0]), _frame(1).f_lineno, response.status
        return wire


def main() -> None:
    """Serve until killed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("-m", "--model", choices=list(MODELS), required=True)
    parser.add_argument("-p", "--port", type=int, required=True)
    parser.add_argument("--root", type=Path, required=True)
    parser.add_argument("--short", action="store_true")
    parser.add_argument("--telling", action="store_true")
    asked = parser.parse_args()
    fd = open_listener("127.0.0.1", asked.port).detach()
    settings = Settings(SharedMemory.create().words)
    settings.set_mode(short=asked.short)
    model = import_module(
        MODELS[asked.model]
    )  # gevent's patches the library: so the class comes after
    service = Service(settings, Site(asked.root).answer, lambda: None)
    if asked.telling:
        tell_workers()
        _tell_tasks()
        service.converse = lambda connection: TellingConversation(settings, connection)
    listener = floor_listener(fd, socket.socket, telling=asked.telling)
    line_arrays.install(model.__name__)
    connections = partial(floor_connections, listener)
    service.rehearse = partial(rehearse, service, targets_of(asked.root), connections)
    gc.freeze()
    model.serve(listener, service)


if __name__ == "__main__":
    main()
