"""How long a client may go on as it does, and what it is told when that is over.

A clock runs on only while the same part of the same request is awaited: a client that sends its head
byte by byte has no more time for it than one that sends nothing. The models watch the clock, each in
its way: by SO_RCVTIMEO, a greenlet's time-out, or a sweep through all clients.
"""

import fcntl
import socket
import struct
import termios
from collections.abc import Callable, Sequence
from time import monotonic, time

from engine.http1.conversation import Conversation
from engine.http1.messages import Piece, Response
from engine.limits import Limits

LINGER_S = 1.0  # for the client's end, after ours: a round trip, and what it had on the way
LEAST_S = 0.001  # 0 would be no time-out at all
TEXT = "text/plain; charset=utf-8"

_REQUEST, _HEAD, _BODY, _ROOM, _END = range(5)  # what is awaited; _REQUEST: its first byte


class Patience:
    """The clock of one connection. Times are those of time.monotonic(), in seconds."""

    __slots__ = (
        "_awaited", "_connection", "_conversation", "_limits", "_untaken", "_waits_idle", "ends_s",
    )  # fmt: skip

    def __init__(
        self, connection: socket.socket, conversation: Conversation, limits: Limits, now_s: float
    ) -> None:
        self._connection = connection
        self._untaken: int | None = None
        self._conversation = conversation
        self._limits = limits
        self._awaited = _REQUEST
        self._waits_idle = (
            True  # the last blocking wait was for the whole time between two requests
        )
        self.ends_s = now_s + limits.idle_s
        """When the client's time is over, unless has_taken() says something else."""

    def follow(self, now_s: float, has_moved: bool, is_unsent: bool = False) -> None:
        """After each recv or send. `has_moved`: something was answered, or bytes were taken."""
        limits = self._limits
        if is_unsent:
            awaited, seconds = _ROOM, limits.send_s
        elif not self._conversation.partial:
            awaited, seconds = _REQUEST, limits.idle_s
        elif self._conversation.has_head:
            awaited, seconds = _BODY, limits.body_s
        else:
            awaited, seconds = _HEAD, limits.head_s
        if has_moved or awaited != self._awaited:
            self._awaited = awaited
            self.ends_s = now_s + seconds
            if is_unsent:
                self._untaken = _untaken(self._connection)

    def is_over(self, now_s: float) -> bool:
        """Whether the client's time is over. Looks at the kernel only when it seems to be."""
        return now_s > self.ends_s and not (self._awaited == _ROOM and self.has_taken(now_s))

    def has_taken(self, now_s: float) -> bool:
        """Whether the client has taken something since the clock began, of what the kernel holds for
        it; then the clock begins anew. A slow one may take for minutes before the kernel tells of
        room: only when a third of its buffer, which may be megabytes, is free (sk_stream_wspace)."""
        untaken = _untaken(self._connection)
        if untaken == self._untaken:
            return False
        self._untaken = untaken
        self.ends_s = now_s + self._limits.send_s
        return True

    def next_wait_s(self, has_moved: bool, clock: Callable[[], float] = monotonic) -> float | None:
        """For how long the next blocking recv may wait; None: for as long as the one before it.

        TimeoutError: the client's time is over. The trap: recv() itself only tells of a client that is
        silent. One that always has something on the way, if only empty lines, would never be late.
        """
        now_s = clock()
        if self._waits_idle and has_moved and not self._conversation.partial:
            self._awaited = _REQUEST
            self.ends_s = now_s + self._limits.idle_s
            return None
        self.follow(now_s, has_moved)
        self._waits_idle = has_moved and self._awaited == _REQUEST
        left_s = self.ends_s - now_s
        if left_s <= 0:
            raise TimeoutError
        return max(left_s, LEAST_S)

    def await_end(self, now_s: float) -> None:
        """Our end of the connection is closed: from now on only the client's is awaited."""
        self._awaited = _END
        self.ends_s = now_s + LINGER_S

    def last_words(self) -> Sequence[Piece]:
        """What a client is sent whose time is over: 408 in the middle of a request (RFC 9110, 15.5.9);
        nothing between two, or in the middle of an answer."""
        if self._awaited not in (_HEAD, _BODY):
            return ()
        text = b"408 Request Timeout: the rest of the request did not come in time.\n"
        return tuple(self._conversation.send(Response(408, TEXT, text, int(time()))))


def _untaken(connection: socket.socket) -> int | None:
    """Bytes that the kernel holds until the client acknowledges them (tcp(7), SIOCOUTQ, which has the
    number of TIOCOUTQ); None where it does not say, as on macOS: there only room counts."""
    try:
        count = fcntl.ioctl(connection.fileno(), termios.TIOCOUTQ, bytes(4))
    except OSError:
        return None
    return int(struct.unpack("=i", count)[0])
