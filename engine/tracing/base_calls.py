"""Calls of the socket classes below a traced one for which these have no method that does not wait."""

import socket
from typing import Any

_DONTWAIT = int(socket.MSG_DONTWAIT)  # a plain number: the library's constant takes 1 us to add


def take_by_greenlet(sock: Any) -> tuple[int, Any]:
    """Wait for a connection, and let the other greenlets go on: its descriptor and its address."""
    while True:
        try:
            taken: tuple[int, Any] = sock._accept()
            return taken
        except BlockingIOError:
            if sock.gettimeout() == 0:
                raise
        sock._wait(sock._read_event)  # switch to the others until somebody comes


def send_at_once(sock: Any, data: Any, flags: int) -> int:
    """Send what there is room for; 0 where it would have to wait."""
    if sock.gettimeout():
        return 0  # with a time-out, the library waits before it asks the kernel
    try:
        sent: int = sock._base_send(data, flags | _DONTWAIT)
    except BlockingIOError:
        return 0
    return sent


def send_by_greenlet_at_once(sock: Any, data: Any, flags: int) -> int:
    """The same, below gevent's socket, which does not block."""
    try:
        sent: int = sock._sock.send(data, flags)
    except BlockingIOError:
        return 0
    return sent
