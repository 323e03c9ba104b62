"""servetui with sockets that tell the least a picture needs: `python -m tests.bench.lean_sockets serve ...`.

Between `telling` (floor_sockets.py) and a watched server: what they tell goes through the real queue, with a
ring for each process, and is read and folded; but they know no thinning, no would-block, no time in a queue,
no error, no answer in pieces, no copy of a descriptor, no finalizer. What `telling` has over them is the
price of the queue and its reader, what they have over a watched server that of being right.
"""

from __future__ import annotations

import json
import sys
from typing import Any

from engine import __main__ as engine
from engine.events import RECV_REQUEST, RESPONSE_SEND, Kind
from engine.http1.conversation import Conversation
from engine.limits import Limits
from engine.tracing.reporting import SERVER_CLOSED, Reporting
from engine.tracing.traced_conversation import TracedConversation
from engine.tracing.traced_socket import TracedSocket
from engine.tracing.tracer import tracer

SO_COOKIE = 57
ENGINE = "as-engine"
_frame = sys._getframe
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


def _run_engine(settings: str) -> None:
    lean: dict[type, dict[str, Any]] = {
        TracedSocket: {"accept": _accept, "recv": _recv, "send": _send, "sendall": _sendall},
        Reporting: {"_real_close": _real_close, "__del__": lambda _: None},
        TracedConversation: {"__init__": _converse, "receive": _receive, "send": _respond},
    }
    for kind, calls in lean.items():
        for name, call in calls.items():
            setattr(kind, name, call)
    engine.main(engine.EngineSettings(**json.loads(settings)))


if __name__ == "__main__":
    if sys.argv[1] == ENGINE:
        _run_engine(sys.argv[2])
    else:  # an engine would not load these, and each fork copies what is loaded
        from engine.running import engine_process
        from tui.__main__ import main

        engine_process.ENGINE = ("-m", "tests.bench.lean_sockets", ENGINE)
        main()
