"""When the kernel got what a watched server takes: how long a connection was in the accept queue."""

import socket
import sys
from typing import Any

_TCP, _TCP_INFO = int(socket.IPPROTO_TCP), getattr(socket, "TCP_INFO", 0)
_LAST_ACK_RECV = slice(56, 60)  # of struct tcp_info, in ms


def queued_ms(accepted: Any) -> int:
    """How long a connection was in the accept queue: since the last packet of its handshake. A client
    that has sent since then looks as if it had come later, so this is a lower bound."""
    if not _TCP_INFO:
        return 0  # macOS tells of no such time
    try:
        info = accepted.getsockopt(_TCP, _TCP_INFO, _LAST_ACK_RECV.stop)
    except OSError:
        return 0
    return int.from_bytes(info[_LAST_ACK_RECV], sys.byteorder)
