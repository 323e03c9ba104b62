"""The descriptors of a process: what each is, and how many processes of the server hold the same.

Asked only while somebody looks: it takes a system call for each descriptor of each process. Linux only.
"""

import os
import time
from collections import Counter
from collections.abc import Callable, Container, Iterable, Mapping
from pathlib import Path

from engine.events import printable
from engine.views.worker_view import Descriptor, Descriptors

MOST_TOLD = 200
LEAST_PAUSE_S = 0.5
SHARE = 50  # a look may cost one part in so many of a core
_SOCKET, _PIPE, _OTHER = "socket:[", "pipe:[", "anon_inode:"


class DescriptorProbe:
    """Looks at one process at a time, as often as a small share of a core allows."""

    def __init__(self, sockets: Callable[[], Mapping[int, int]]) -> None:
        """`sockets` tells of the server's port: inode -> connection, 0 for a listener."""
        self._sockets = sockets
        self._of = 0
        self._last: Descriptors | None = None
        self._again_s = 0.0

    def look(self, pid: int, pids: Iterable[int]) -> Descriptors | None:
        """Those of process `pid`; `pids` are all of the server. None: it has ended, or nobody tells."""
        before_s = time.monotonic()
        if pid != self._of or before_s >= self._again_s:
            self._of = pid
            self._last = self._take(pid, pids)
            now_s = time.monotonic()
            self._again_s = now_s + max(SHARE * (now_s - before_s), LEAST_PAUSE_S)
        return self._last

    def _take(self, pid: int, pids: Iterable[int]) -> Descriptors | None:
        links = _links(pid)
        if links is None:
            return None
        holders: Counter[str] = Counter()
        for one in {pid, *pids}:
            holders.update(set((_links(one) or {}).values()))
        sockets, local = self._sockets(), _local_sockets()
        told = [
            Descriptor(number, *_told(links[number], sockets, local), holders[links[number]])
            for number in sorted(links)[:MOST_TOLD]
        ]
        return Descriptors(tuple(told), len(links))


def _links(pid: int) -> dict[int, str] | None:
    """Descriptor -> what /proc says of it; None: there is no such process, or it is not told."""
    folder = f"/proc/{pid}/fd"
    try:
        names = os.listdir(folder)
    except OSError:
        return None
    links = {}
    for name in names:
        try:
            links[int(name)] = os.readlink(f"{folder}/{name}")
        except OSError:
            continue  # closed in between
    return links


def _local_sockets() -> set[int]:
    """Inodes of sockets between processes of this machine, unix(7); empty when they are not told."""
    try:
        lines = Path("/proc/net/unix").read_text(errors="replace").splitlines()[1:]
    except OSError:
        return set()
    return {int(words[6]) for line in lines if len(words := line.split()) > 6}


def _told(link: str, sockets: Mapping[int, int], local: Container[int]) -> tuple[str, int]:
    """What it is, and of which connection."""
    if link.startswith(_SOCKET):
        inode = int(link.removeprefix(_SOCKET).rstrip("]"))
        if inode not in sockets:
            return ("unix socket" if inode in local else "socket"), 0
        conn = sockets[inode]
        return "connection" if conn else "listener", conn
    if link.startswith(_PIPE):
        return "pipe", 0
    return printable(link.removeprefix(_OTHER).strip("[]")), 0
