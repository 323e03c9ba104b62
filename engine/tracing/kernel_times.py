"""When the kernel got what a watched server takes: how long a connection was in the accept queue, and
bytes in the receive buffer; and how many of these nobody takes.

Each answer costs the server a microsecond, so they are asked for while little happens.
"""

import contextlib
import fcntl
import socket
import struct
import sys
import termios
from collections.abc import Callable
from time import time_ns
from typing import Any

_TCP, _TCP_INFO = int(socket.IPPROTO_TCP), getattr(socket, "TCP_INFO", 0)
_LAST_ACK_RECV, _LAST_ACK_RECV_ENDS = slice(56, 60), 60  # of struct tcp_info, in ms
_SOCKET = int(socket.SOL_SOCKET)
# SO_TIMESTAMPNS_NEW of <asm-generic/socket.h>, from Linux 5.1 on; elsewhere the number is another option's.
_TIMESTAMPS = 64 if sys.platform == "linux" else 0
_TIME = struct.Struct("=qq")  # __kernel_timespec: s, ns
_TIME_BYTES, _of_time = _TIME.size, _TIME.unpack
_SPACE = socket.CMSG_SPACE(_TIME_BYTES)
_FIONREAD, _ioctl = termios.FIONREAD, fcntl.ioctl
_ORDER, _number_of = sys.byteorder, int.from_bytes
_US_MOST = 2**32 - 1  # what a record has room for


def queued_ms(accepted: Any) -> int:
    """How long a connection was in the accept queue: since the last packet of its handshake. A client
    that has sent since then looks as if it had come later, so this is a lower bound."""
    if not _TCP_INFO:
        return 0  # macOS tells of no such time
    try:
        info = accepted.getsockopt(_TCP, _TCP_INFO, _LAST_ACK_RECV_ENDS)
    except OSError:
        return 0
    return _number_of(info[_LAST_ACK_RECV], _ORDER)


def ask_for_times(listener: socket.socket) -> None:
    """Let the kernel note when it receives bytes. A connection inherits this as it is made, which is
    before it is accepted: so this is asked before the first client can come."""
    if _TIMESTAMPS:
        with contextlib.suppress(OSError):
            listener.setsockopt(_SOCKET, _TIMESTAMPS, 1)


def timed_recv(recvmsg: Callable[..., Any], size: int, flags: int) -> tuple[bytes, int]:
    """What recv() returns, and for how many microseconds the kernel had had the last of it; 0: it does
    not tell. Costs 1.1 us more than recv()."""
    data, told, _, _ = recvmsg(size, _SPACE, flags)
    for level, kind, value in told:
        if level == _SOCKET and kind == _TIMESTAMPS and len(value) == _TIME_BYTES:
            seconds, ns = _of_time(value)
            # Both by the wall clock, which may be set in between: then nobody knows.
            waited_us = (time_ns() - seconds * 1_000_000_000 - ns) // 1_000
            return data, min(max(waited_us, 1), _US_MOST)
    return data, 0


def rehearse_timed_recv() -> None:
    """As if bytes had come; for a process that is going to fork."""
    told = [(_SOCKET, _TIMESTAMPS, _TIME.pack(0, 1))]
    timed_recv(lambda *_: (b"", told, 0, None), 0, 0)


def unread_bytes(fd: int) -> int:
    """What a socket has for its reader; 0: nothing, or that is not told."""
    told = bytearray(4)  # an int; not bytes, which ioctl() would take twice as long to copy
    try:
        _ioctl(fd, _FIONREAD, told)
    except (OSError, ValueError):
        return 0
    return _number_of(told, _ORDER) if any(told) else 0
