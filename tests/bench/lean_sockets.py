"""servetui with sockets that tell the least: `python -m tests.bench.lean_sockets lean|telling serve ...`.

    lean       what they tell (which connection, line, thread or greenlet or task, bytes, request, status, who
               closed first; processes and threads that begin and end) goes through the real queue, with a
               ring for each process, and is read and folded; but they know no thinning, no would-block, no
               time in a queue, no error, no answer in pieces, no copy of a descriptor, no finalizer
    telling    stores the same records in a ring that is written over and over, and that nobody reads

What plain sockets have over `telling` is the price of telling it from Python, what that has over `lean` is
the price of the queue and its reader, and what that has over a watched server is the price of being right
(of a close in a `with` both tell the library's line).
"""

from __future__ import annotations

import json
import mmap
import os
import sys
from time import monotonic_ns
from typing import Any

from engine import __main__ as engine
from engine.event_queue.shared_memory import SharedMemory
from engine.event_queue.writer import THREAD, Writer
from engine.events import RECORD, RECORD_BYTES, RECV_REQUEST, RESPONSE_SEND, Kind
from engine.http1.conversation import Conversation
from engine.limits import Limits
from engine.tracing import traced_processes
from engine.tracing.reporting import SERVER_CLOSED, Reporting
from engine.tracing.traced_conversation import TracedConversation
from engine.tracing.traced_socket import TracedSocket
from engine.tracing.tracer import Tracer, tracer

SO_COOKIE = 57
AS_ENGINE = "as-engine"
LEAN, TELLING = "lean", "telling"
RECORDS = 1 << 16  # of the ring that is written over and over
PLACES_A_CHILD = 93  # about a page: what two processes write side by side is copied to and fro
_frame, _pack = sys._getframe, RECORD.pack_into
_SPAWN, _EXIT = Kind.SPAWN.value, Kind.EXIT.value
_ACCEPT, _RELEASE, _CLOSE = Kind.ACCEPT.value, Kind.RELEASE.value, Kind.CLOSE.value
_titles: dict[str, str] = {}
_statuses = {status: str(status) for status in range(100, 600)}


def _accept(self: Any) -> tuple[Any, Any]:
    fd, peer = self._take()
    accepted = type(self)(*self._family, fd)
    conn = accepted._conn = int.from_bytes(accepted.getsockopt(1, SO_COOKIE, 8), "little")
    accepted._fd = fd
    accepted._ended_by = SERVER_CLOSED
    accepted._has_ended = accepted._times = False
    tracer.writer.put(_ACCEPT, conn, fd, 0, _frame(1).f_lineno, peer[0], peer[1])
    return accepted, peer


def _recv(self: Any, size: int, flags: int = 0) -> bytes:
    data: bytes = self._base_recv(size, flags)
    self._received_line = _frame(1).f_lineno
    self._received = len(data)
    if not data:
        self._ended_by = "client closed first"
    return data


def _send(self: Any, data: Any, flags: int = 0) -> int:
    sent: int = self._send_at_once(data, flags) if self.gettimeout() != 0 else 0
    sent = sent or self._base_send(data, flags)
    length, line, status = self._unsaid
    tracer.writer.put(
        *(RESPONSE_SEND, self._conn, self._fd, length, line, status, sent), _frame(1).f_lineno
    )
    return sent


def _sendall(self: Any, data: Any, flags: int = 0) -> None:
    while data := data[self.send(data, flags) :]:
        pass


def _real_close(self: Any) -> None:
    if not self._has_ended and self._conn:
        self._has_ended = True
        kind = _RELEASE if tracer.forks else _CLOSE
        tracer.writer.put(kind, self._conn, self._fd, 0, _frame(2).f_lineno, self._ended_by)
        if tracer.tasks.share_a_thread:
            tracer.tasks.give_name_back()
    self._base_real_close()


def _converse(self: Any, policy: Any, limits: Limits, connection: Any) -> None:
    Conversation.__init__(self, policy, limits)
    self._socket = connection


def _receive(self: Any, data: bytes) -> Any:
    requests = Conversation.receive(self, data)
    sock = self._socket
    for request in requests:
        title = _titles.get(request.target) or _titles.setdefault(
            request.target, f"{request.method} {request.target}"
        )
        tracer.writer.put(
            *(RECV_REQUEST, sock._conn, sock._fd, sock._received, sock._received_line, title, 0),
            _frame(1).f_lineno,
        )
    return requests


def _respond(self: Any, response: Any) -> Any:
    wire: Any = Conversation.send(self, response)
    self._socket._unsaid = len(wire[0]), _frame(1).f_lineno, _statuses[response.status]
    return wire


class Ring(Writer):
    """Stores what it is told, and knows neither when it is full nor whose child it is."""

    def __init__(self) -> None:
        self.texts = {}
        self._places = mmap.mmap(
            -1, RECORDS * RECORD_BYTES
        )  # shared, as what children store has to be
        self._numbers: dict[Any, int] = {}  # of texts and tasks
        self.place = 0

    def put(
        self,
        kind: int,
        conn: int,
        fd: int,
        moved: int,
        line: int = 0,
        note: str = "",
        moved2: int = 0,
        line2: int = 0,
        at_ns: int = 0,
    ) -> None:
        """Store it."""
        numbers = self._numbers
        text = numbers.get(note) or numbers.setdefault(note, len(numbers) + 1)
        who = tracer.tasks.running() or tracer.tasks.name()
        task = numbers.get(who) or numbers.setdefault(who, len(numbers) + 1)
        self.place = place = self.place + 1
        _pack(
            *(
                self._places,
                (place & (RECORDS - 1)) * RECORD_BYTES,
                kind,
                line,
                line2,
                task & 65535,
            ),
            *(text & 65535, fd, 0, moved, moved2, monotonic_ns(), conn),
        )

    def begin_thread(self, number: int) -> None:
        """Store that it begins,"""
        self.put(_SPAWN, 0, -1, 0, 0, THREAD)

    def end_thread(self, number: int) -> None:
        """and that it ends."""
        self.put(_EXIT, 0, -1, 0, 0, THREAD)

    def forget_task(self) -> None:
        """It remembers all."""

    def finish(self) -> None:
        """Nothing waits here."""


_ring = Ring()
_fork_plainly = os.fork


def _fork(fork: Any = None) -> int:
    _ring.place += PLACES_A_CHILD
    pid: int = (fork or _fork_plainly)()
    if pid:
        tracer.forks += 1
        _ring.put(_SPAWN, 0, -1, 0, _frame(1).f_lineno, "process", pid)
    else:
        tracer.forks = 0
    return pid


def _begin(self: Tracer, memory: SharedMemory) -> None:
    self.memory, self.words, self.pid, self.writer = memory, memory.words, os.getpid(), _ring


def _run_engine(kind: str, settings: str) -> None:
    lean: dict[type, dict[str, Any]] = {
        TracedSocket: {"accept": _accept, "recv": _recv, "send": _send, "sendall": _sendall},
        Reporting: {"_real_close": _real_close, "__del__": lambda _: None},
        TracedConversation: {"__init__": _converse, "receive": _receive, "send": _respond},
    }
    for changed, calls in lean.items():
        for name, call in calls.items():
            setattr(changed, name, call)
    if kind == TELLING:
        Tracer.begin = _begin  # type: ignore[method-assign]
        traced_processes.fork_told = _fork
    engine.main(engine.EngineSettings(**json.loads(settings)))


if __name__ == "__main__":
    if sys.argv[1] == AS_ENGINE:
        _run_engine(*sys.argv[2:])
    else:  # an engine would not load these, and each fork copies what is loaded
        from engine.running import engine_process
        from tui.__main__ import main

        engine_process.ENGINE = ("-m", "tests.bench.lean_sockets", AS_ENGINE, sys.argv.pop(1))
        main()
