"""What an event loop remembers of one client between two turns.

The same in all loops. What differs stands in their pages: how they wait, and when they call accept,
recv and send.
"""

import socket
from collections.abc import Iterator
from time import monotonic

from engine.http1.messages import Piece
from engine.serving.closing import LINGER_BYTES, half_close
from engine.serving.patience import Patience
from engine.serving.service import Service


class Client:
    """A connection, and what it has not been sent yet."""

    __slots__ = (
        "answers", "connection", "conversation", "lingers_bytes", "patience", "silent_rounds",
        "unsent",
    )  # fmt: skip

    def __init__(self, connection: socket.socket, service: Service, now_s: float) -> None:
        self.connection = connection
        self.conversation = service.converse(connection)
        self.patience = Patience(connection, self.conversation, service.limits, now_s)
        self.answers: Iterator[Piece] = iter(())
        """Makes the pieces that come after `unsent`."""
        self.unsent: Piece = b""
        self.lingers_bytes = 0
        """Of an ended connection: how much it may still send, to be thrown away (closing.py)."""
        self.silent_rounds = 0
        """In a loop that asks all in turn: how often without a break there was nothing to be done."""

    def settle(self, has_moved: bool) -> bool:
        """After each send: what is awaited now, and how long. True when the connection is over; if
        its client may still be sending, our end is closed here, and the client's awaited."""
        is_unsent = bool(self.unsent)
        if is_unsent or not self.conversation.ended:
            self.patience.follow(monotonic(), has_moved, is_unsent)
            return False
        if not half_close(self.connection, self.conversation):
            return True
        self.patience.await_end(monotonic())
        self.lingers_bytes = LINGER_BYTES
        return False

    def discard(self, data: bytes) -> bool:
        """Throw away what the client had on the way when its last answer was sent; True when it has
        ended, too, or sends without end."""
        self.lingers_bytes -= len(data)
        return not data or self.lingers_bytes <= 0

    def has_last_words(self) -> bool:
        """The client's time is over. True: it is owed an answer to that, which is now `unsent`."""
        self.answers = iter(self.patience.last_words())
        self.unsent = next(self.answers, b"")
        return bool(self.unsent)
