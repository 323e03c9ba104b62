"""Calls of sockets that keep the interpreter's lock (the GIL), for a process whose threads compete for it.

The library's calls give the lock up while the kernel works. A thread that comes back finds it taken,
sleeps, and has to be woken: between plain sockets that is the exception, but where each thread tells
what it does besides, one always waits, and a request takes twice its time. So what the kernel does at
once is done without giving the lock up, by functions of C called as they are; whatever has to wait goes
the library's way.

So does all while little happens (while times are told): where a thread computes, each call of the library's
waits 5 ms for the lock, few requests are served, and that is to be seen.
"""

import ctypes
import errno
import os
import socket
from typing import Any

from engine.tracing import callers
from engine.tracing.traced_socket import TracedSocket

_libc = ctypes.PyDLL(None, use_errno=True)  # unlike those of CDLL, its functions keep the lock
_recv, _send, _close = _libc.recv, _libc.send, _libc.close
_recv.argtypes = (ctypes.c_int, ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int)
_send.argtypes = (ctypes.c_int, ctypes.c_char_p, ctypes.c_size_t, ctypes.c_int)
_close.argtypes = (ctypes.c_int,)
_recv.restype = _send.restype = ctypes.c_ssize_t
# To give the lock up for a moment is not enough: who waits for it may need this thread's processor.
_let_others_run = ctypes.CDLL(None).sched_yield
_last_error, _bytes_at = ctypes.get_errno, ctypes.string_at
_detach: Any = socket.SocketType.detach

# One that finds its client's next request there each time would keep the lock for 5 ms, and let the
# other clients wait for that long: at the full rate, p99 of a request was 20 ms.
MOST_IN_A_ROW = 8  # calls that receive or send
BYTES = 64 * 1024  # at most, so that the lock is held for 20 us and not for longer
_DONTWAIT = int(socket.MSG_DONTWAIT)
# macOS does not know the second one, and needs it as little as Linux: Python ignores SIGPIPE.
_SEND = _DONTWAIT | int(getattr(socket, "MSG_NOSIGNAL", 0))
_SOCKET, _LINGER = int(socket.SOL_SOCKET), int(socket.SO_LINGER)
_LINGER_BYTES = 8  # struct linger: two ints, of which the first says whether it is on
_OFF = bytes(4)
_NOT_NOW, _RESET = (errno.EAGAIN, errno.EWOULDBLOCK, errno.EINTR), errno.ECONNRESET

callers.PLUMBING |= {__file__, ctypes.__file__}

# Each with its address. A thread takes one for a call: between that and the copy of what was received,
# another may run.
_buffers: list[tuple[int, Any]] = []
_last = 0  # the connection that these calls were made for last,
_in_a_row = 0  # and how many, without another one's or a wait in between


def adopt() -> None:
    """From now on the traced sockets of this process call these."""
    for reporting in TracedSocket.__subclasses__():
        cls: Any = reporting
        cls._waiting_recv, cls._base_recv = cls._base_recv, recv
        cls._waiting_send, cls._send_at_once = cls._send_at_once, send_at_once
        cls._lingering_close, cls._base_real_close = cls._base_real_close, real_close


def _take_turns(conn: int) -> None:
    global _last, _in_a_row
    if conn != _last:
        _last, _in_a_row = conn, 0
    _in_a_row += 1
    if _in_a_row >= MOST_IN_A_ROW:
        _in_a_row = 0
        _let_others_run()


def recv(sock: Any, size: int, flags: int = 0) -> Any:
    """As recv(): at most BYTES, if something is there; else it waits, and lets others run."""
    global _last
    if flags or type(size) is not int or size <= 0:
        return sock._waiting_recv(size, flags)
    _take_turns(sock._conn)
    try:
        buffer = _buffers.pop()
    except IndexError:
        made = ctypes.create_string_buffer(BYTES)
        buffer = ctypes.addressof(made), made
    # Not the descriptor that the tracer remembers: of a socket that is closed, that may be a stranger's.
    most = size if size < BYTES else BYTES
    received = _recv(sock.fileno(), buffer[0], most, _DONTWAIT)
    data = _bytes_at(buffer[0], received) if received > 0 else b""
    _buffers.append(buffer)
    # The kernel tells an error once. The library's call would meet another one, or none.
    if received < 0:
        if (number := _last_error()) not in _NOT_NOW:
            raise OSError(number, os.strerror(number))
        _last = 0  # it waits: what it does then is not in a row
        return sock._waiting_recv(size, flags)
    return data


def send_at_once(sock: Any, data: Any, flags: int) -> Any:
    """Send what there is room for; 0 where it would have to wait."""
    if flags or sock._times or type(data) is not bytes or len(data) > BYTES:
        return sock._waiting_send(data, flags)
    _take_turns(sock._conn)
    sent = _send(sock.fileno(), data, len(data), _SEND)
    if sent < 0:
        if (number := _last_error()) not in _NOT_NOW:
            raise OSError(number, os.strerror(number))
        return 0
    return sent


def real_close(sock: Any) -> None:
    """As close() of the library, which goes on where somebody has asked the kernel to linger."""
    if sock._times:
        sock._lingering_close()
        return
    try:
        is_lingering = sock.getsockopt(_SOCKET, _LINGER, _LINGER_BYTES)[:4] != _OFF
    except OSError:  # no longer a descriptor of a socket
        is_lingering = True
    if is_lingering:
        sock._lingering_close()
        return
    fd = _detach(sock)  # -1: another thread has closed it meanwhile
    if fd >= 0 and _close(fd) < 0 and (number := _last_error()) != _RESET:
        raise OSError(number, os.strerror(number))
