"""Who is let in: up to a cap of connections; the others are answered 503 and closed.

Without a cap the next client would cost the ones that are there: their memory, their processors, or
the last descriptor. Nothing here waits, since the one who accepts must go on accepting.
"""

import errno
import resource
import socket
import sys
from collections import deque
from time import monotonic, time

from engine.http1.messages import Response
from engine.serving.patience import LINGER_S, TEXT
from engine.serving.service import Service

ACCEPT_PAUSE_S = 0.1  # after an accept() that found no room: it would fail again at once
MOST_LEAVING = 32  # refused clients that may read their answer before they are closed
SPARE_DESCRIPTORS = 64  # beside connections: those, the files being read, and Python's own
_IS_GONE = frozenset(
    (
        errno.ECONNABORTED, errno.EPROTO, errno.ENETDOWN, errno.EHOSTDOWN, errno.EHOSTUNREACH,
        errno.ENETUNREACH, errno.EPERM, errno.EINTR,
    )
)  # fmt: skip


def pause_after(error: OSError) -> float:
    """For how long not to accept after an accept() that failed, in seconds.

    0: only that client is gone (accept(2): its errors are passed on). Otherwise descriptors or memory
    are lacking, here or in the system, and the client stays in the accept queue.
    """
    return 0.0 if error.errno in _IS_GONE else ACCEPT_PAUSE_S


class Admission:
    """The cap of one server."""

    def __init__(self, service: Service, connections: int, at_most: int = sys.maxsize) -> None:
        """`connections` is what the model can carry, where the user has not said anything else;
        `at_most` what it cannot go beyond, whatever the user has said."""
        wanted = min(service.limits.connections or connections, at_most)
        self.cap = _within_descriptors(wanted)
        self._service = service
        self._leaving: deque[tuple[float, socket.socket]] = deque()
        self._refused = _refusal(0)
        service.settings.set_cap(self.cap)

    def refuse(self, connection: socket.socket, *, at_cap: bool = True) -> None:
        """Answer 503 without reading, and close soon. `at_cap` False: the system gives no more."""
        self._service.settings.count_refused(at_cap=at_cap)
        connection.setblocking(False)
        try:
            for piece in self._service.converse(connection).send(self._refusal()):
                connection.send(piece)
            connection.shutdown(socket.SHUT_WR)
        except OSError:
            connection.close()
            return
        # Closed at once, it would answer the request that is on its way with a reset (closing.py).
        self._leaving.append((monotonic() + LINGER_S, connection))
        if len(self._leaving) > MOST_LEAVING:
            self._leaving.popleft()[1].close()

    def _refusal(self) -> Response:
        """Made once a second, whose date it bears: thousands may come in one, and be back at once."""
        now_s = int(time())
        if self._refused.at_s != now_s:
            self._refused = _refusal(now_s)
        return self._refused

    def close_refused(self, *, all_of_them: bool = False) -> None:
        """Close those that have had their time."""
        while self._leaving and (all_of_them or self._leaving[0][0] < monotonic()):
            self._leaving.popleft()[1].close()


def _refusal(now_s: int) -> Response:
    text = b"503 Service Unavailable: too many connections; try again in a second.\n"
    return Response(503, TEXT, text, now_s, headers=(("Retry-After", "1"),))


def in_turn(service: Service, most: int) -> int:
    """The cap of a model that accepts no more connections than it serves: nobody is refused, who comes
    too late waits in the accept queue. At most `most`; fewer if the user says so."""
    cap = _within_descriptors(min(service.limits.connections or most, most))
    service.settings.set_cap(cap)
    return cap


def _within_descriptors(connections: int) -> int:
    """As many of them as there can be descriptors for."""
    limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if limit == resource.RLIM_INFINITY:
        return connections
    return min(connections, max(limit - SPARE_DESCRIPTORS, limit // 4))
