"""A network of one's own, in which kernel settings may be changed without hurting anybody, and without a
privilege where the system lets users make one (user_namespaces(7), network_namespaces(7)).

Who enters one does not come back: enter it in a process that plays a lab, before it opens a socket. What
it starts from then on is in it as well.
"""

import ctypes
import fcntl
import os
import socket
import struct
import sys
from pathlib import Path

from engine.labs.lab import LabError

CLONE_NEWUSER, CLONE_NEWNET = 0x10000000, 0x40000000  # <linux/sched.h>
SIOCGIFFLAGS, SIOCSIFFLAGS, IFF_UP = 0x8913, 0x8914, 1  # netdevice(7)
IFREQ = "16sh14x"
SETTINGS = Path("/proc/sys/net/ipv4")

_is_inside = False


def enter() -> None:
    """Leave the network for a fresh one that has only its loopback. Each call makes another one.

    Raises LabError where that is not allowed. The thread that calls it for the first time must be the
    only one.
    """
    global _is_inside
    if sys.platform != "linux":
        raise LabError("it needs a network of its own, and only Linux has network namespaces")
    uid, gid = os.geteuid(), os.getegid()
    try:
        try:
            _unshare(CLONE_NEWNET)  # root may, and who is in one of his own
        except PermissionError:
            _unshare(CLONE_NEWUSER | CLONE_NEWNET)
            _stay_who_one_is(uid, gid)
        _is_inside = True
        _bring_up("lo")
    except OSError as error:
        raise LabError(
            f"it needs a network of its own, and this system lets nobody make one: {error.strerror}; "
            "allow user namespaces (sysctl user.max_user_namespaces), or run it as root"
        ) from error


def set_kernel(name: str, value: str) -> None:
    """Change a setting of tcp(7) or ip(7) in this network. Raises LabError."""
    if not _is_inside:
        raise AssertionError("that would be everybody's network")
    try:
        (SETTINGS / name).write_text(value, encoding="ascii")
    except OSError as error:
        raise LabError(f"it has to set {SETTINGS / name}: {error.strerror}") from error


def _unshare(flags: int) -> None:
    if _libc.unshare(flags):
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def _stay_who_one_is(uid: int, gid: int) -> None:
    """Without a map one is nobody in there, and owns no file."""
    Path("/proc/self/setgroups").write_text("deny", encoding="ascii")  # else no group may be mapped
    Path("/proc/self/uid_map").write_text(f"{uid} {uid} 1", encoding="ascii")
    Path("/proc/self/gid_map").write_text(f"{gid} {gid} 1", encoding="ascii")


def _bring_up(interface: str) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        asked = struct.pack(IFREQ, interface.encode(), 0)
        _, flags = struct.unpack(IFREQ, fcntl.ioctl(any_socket, SIOCGIFFLAGS, asked))
        asked = struct.pack(IFREQ, interface.encode(), flags | IFF_UP)
        fcntl.ioctl(any_socket, SIOCSIFFLAGS, asked)


_libc = ctypes.CDLL(None, use_errno=True)
