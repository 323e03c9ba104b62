"""The listening socket: opened once by the parent, handed to each engine, each option explained."""

import contextlib
import ctypes
import socket
import struct

BACKLOG = 128  # connections waiting for accept(); the kernel caps it at net.core.somaxconn
ACCEPT_LOOKUP_S = (
    0.05  # how long a blocking accept() waits before its server looks whether to leave
)
_SO_ATTACH_REUSEPORT_CBPF, _SO_DETACH_REUSEPORT_BPF = 51, 68  # <asm-generic/socket.h>
_BPF_RETURN = 0x06  # <linux/bpf_common.h>: BPF_RET | BPF_K
RECEIVE_BYTES = 64 * 1024  # most that one recv() takes: a page of requests, or a piece of a body


def open_listener(host: str, port: int, backlog: int = BACKLOG) -> socket.socket:
    """Bind and listen. `port` 0 takes a free one. Raises OSError, socket.gaierror included."""
    family, kind, protocol, _, address = socket.getaddrinfo(
        host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )[0]
    listener = socket.socket(family, kind, protocol)
    try:
        # Connections of an earlier run in TIME_WAIT would otherwise keep the port for a minute.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        # Inherited by accepted sockets: without it, an answer sent in two pieces waits for the
        # client's delayed ACK, some 40 ms (Nagle's algorithm, RFC 896).
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        listener.bind(address)
        listener.listen(backlog)
    except OSError:
        listener.close()
        raise
    return listener


def url_of(listener: socket.socket) -> str:
    """The URL at which a browser on this machine reaches the listener."""
    host, port = listener.getsockname()[:2]
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(
        host, host
    )  # a wildcard is no address to go to
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def share_port(listener: socket.socket) -> None:
    """Let other sockets of this user listen on the same port, and the kernel divide the clients among
    them by a hash of their addresses (socket(7), SO_REUSEPORT)."""
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)


def open_beside(listener: socket.socket) -> socket.socket:
    """Another one on the port of `listener`, which shares it. Raises OSError."""
    own = socket.socket(listener.family, listener.type, listener.proto)
    try:
        own.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        own.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        share_port(own)
        own.bind(listener.getsockname())
        queue = accept_queue(listener)
        own.listen(queue[1] if queue else BACKLOG)
    except OSError:
        own.close()
        raise
    return own


def steer_to_first(listener: socket.socket) -> None:
    """From now on let the kernel give all clients of a shared port to the socket that was there first:
    by a program that, whoever comes, answers 0 (socket(7), SO_ATTACH_REUSEPORT_CBPF)."""
    program = ctypes.create_string_buffer(struct.pack("=HBBI", _BPF_RETURN, 0, 0, 0))
    told = struct.pack("@HP", 1, ctypes.addressof(program))
    listener.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_REUSEPORT_CBPF, told)


def stand_alone(listener: socket.socket) -> None:
    """Share the port no longer; the others have closed theirs. No harm where it was never shared."""
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 0)
    with contextlib.suppress(OSError):  # nothing is attached
        listener.setsockopt(socket.SOL_SOCKET, _SO_DETACH_REUSEPORT_BPF, 0)


def set_receive_timeout(sock: socket.socket, seconds: float) -> None:
    """Let the kernel end a blocking accept() or recv() with EAGAIN after `seconds`.

    Unlike settimeout() this leaves O_NONBLOCK alone, which belongs to the open file and so to every
    process that shares the listener. Accepted sockets inherit it (socket(7), SO_RCVTIMEO).
    """
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, _timeval(seconds))


def set_send_timeout(sock: socket.socket, seconds: float) -> None:
    """Let the kernel end a blocking send() with EAGAIN when nothing of it was taken for `seconds`;
    sooner, it returns how much was. Accepted sockets inherit it as well."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, _timeval(seconds))


def _timeval(seconds: float) -> bytes:
    whole = int(seconds)
    return struct.pack("@ll", whole, int((seconds - whole) * 1e6))


def accept_queue(listener: socket.socket) -> tuple[int, int] | None:
    """Connections that wait for accept(), and how many may; None where the kernel does not say.

    For a listening socket Linux puts both in TCP_INFO: tcpi_unacked and tcpi_sacked (tcp_get_info).
    """
    try:
        info = listener.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 104)
    except (AttributeError, OSError):
        return None
    unacked, sacked = struct.unpack_from("=II", info, 24)
    return unacked, sacked
