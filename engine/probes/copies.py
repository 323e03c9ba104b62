"""Connections that their server has closed and that are open nevertheless: who holds a copy of the
descriptor, by /proc/PID/fd. Linux only; no privilege is needed for processes of one's own.

The table of sockets tells that there is a copy, at no cost; only then are the processes looked through.
"""

import os
import time
from collections.abc import Callable, Iterable
from pathlib import Path

from engine.findings.moment import MS, Copy
from engine.fold.connection import Connection

SURELY_NS = 200 * MS  # after the close, so that the look was not before it
SEARCH_S = 1.0  # between two walks through the processes
SUSPECTS_MOST = 1_000
_PROC = Path("/proc")


class Copies:
    """Remembers closed connections until the kernel says that they are gone."""

    def __init__(self) -> None:
        self._suspects: dict[int, tuple[int, int]] = {}
        """conn -> its number, and when it was closed."""
        self._holders: dict[int, tuple[int, ...]] = {}
        """Inode -> pids."""
        self._searched_s = -SEARCH_S

    def look(
        self,
        connections: Iterable[Connection],
        inode_of: Callable[[int], int],
        looked_ns: int,
        family: Iterable[int],
    ) -> tuple[Copy, ...]:
        """Those that are still open. `inode_of` tells how the kernel saw a connection at `looked_ns`;
        `family` are the processes that may hold one."""
        for one in connections:
            if one.closed_ns and one.closed_by != "cut" and len(self._suspects) < SUSPECTS_MOST:
                self._suspects.setdefault(one.conn, (one.number, one.closed_ns))
        found: dict[int, int] = {}
        for conn, (_, closed_ns) in list(self._suspects.items()):
            if closed_ns + SURELY_NS > looked_ns:
                continue
            if inode := inode_of(conn):
                found[conn] = inode
            else:
                del self._suspects[conn]
        if not found:
            return ()
        self._search(set(found.values()), family)
        return tuple(
            Copy(
                conn,
                self._suspects[conn][0],
                (looked_ns - self._suspects[conn][1]) / MS,
                self._holders.get(inode, ()),
            )
            for conn, inode in found.items()
        )

    def _search(self, inodes: set[int], family: Iterable[int]) -> None:
        now_s = time.monotonic()
        if inodes <= self._holders.keys() and now_s - self._searched_s < SEARCH_S:
            return
        self._searched_s = now_s
        held: dict[int, list[int]] = {inode: [] for inode in inodes}
        for pid in family:
            for inode in _sockets(pid) & inodes:
                held[inode].append(pid)
        self._holders = {inode: tuple(pids) for inode, pids in held.items()}


def _sockets(pid: int) -> set[int]:
    """Inodes of the sockets that a process holds; empty when it may not be seen."""
    found = set()
    try:
        for entry in os.scandir(_PROC / str(pid) / "fd"):
            try:
                target = os.readlink(entry)
            except OSError:
                continue  # closed meanwhile
            if target.startswith("socket:["):
                found.add(int(target[8:-1]))
    except OSError:
        pass
    return found
