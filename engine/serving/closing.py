"""Closing so that the last answer arrives.

close() with bytes unread, or to which more come, sends a reset, and a reset may overtake the answer: the
client that was told 413 while it sent learns only "connection reset". So the end comes in stages
(RFC 9112, 9.6): we say that nothing more comes from us, take what the client had on the way, and close
when it has closed, or after a bounded while.
"""

import fcntl
import socket
import termios
from time import monotonic

from engine.http1.conversation import Conversation
from engine.listener import RECEIVE_BYTES
from engine.serving.patience import LEAST_S, LINGER_S

LINGER_BYTES = 32 * 1024 * 1024  # taken and thrown away: a large upload, but not one without end


def half_close(connection: socket.socket, conversation: Conversation) -> bool:
    """After the last answer: send FIN, if the client may still be sending. True: go on receiving until
    it ends, too. False: nothing is on the way, close at once. OSError: the client is gone."""
    if not conversation.broken_off and not has_unread(connection):
        return False
    connection.shutdown(socket.SHUT_WR)
    return True


def linger(connection: socket.socket, conversation: Conversation) -> None:
    """The same for models that may block, with the waiting; close() comes next. OSError: the client is
    gone, or takes too long."""
    if not half_close(connection, conversation):
        return
    ends_s = monotonic() + LINGER_S
    left_bytes = LINGER_BYTES
    while left_bytes > 0:
        connection.settimeout(max(ends_s - monotonic(), LEAST_S))
        data = connection.recv(RECEIVE_BYTES)
        if not data:
            return
        left_bytes -= len(data)


def has_unread(connection: socket.socket) -> bool:
    """Whether the kernel has received what nobody has read."""
    count = bytearray(4)  # an int; not bytes, which ioctl() would take twice as long to copy
    fcntl.ioctl(connection.fileno(), termios.FIONREAD, count)
    return any(count)
