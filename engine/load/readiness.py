"""Who has something to read: one epoll for all connections, which the event loop watches.

The loop's own watcher of a descriptor costs six calls of epoll_ctl(2) for each short connection. Here it
is one, and the kernel forgets by itself a descriptor that is closed.
"""

from __future__ import annotations

import asyncio
import select
from collections.abc import Callable
from typing import Protocol


class Readiness(Protocol):
    """Belongs to the thread of the loop."""

    def watch(self, descriptor: int, read: Callable[[], None]) -> None:
        """Call `read` whenever there is something to read, or an end."""

    def forget(self, descriptor: int) -> None:
        """It is about to be closed."""

    def close(self) -> None:
        """Nobody is watched any more."""


def readiness(loop: asyncio.AbstractEventLoop) -> Readiness:
    """The best that the system has."""
    return ByEpoll(loop) if hasattr(select, "epoll") else ByLoop(loop)


class ByEpoll:
    """On Linux."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._epoll = select.epoll()
        self._readers: dict[int, Callable[[], None]] = {}
        loop.add_reader(self._epoll.fileno(), self._look)

    def watch(self, descriptor: int, read: Callable[[], None]) -> None:
        self._readers[descriptor] = read
        self._epoll.register(descriptor, select.EPOLLIN)

    def forget(self, descriptor: int) -> None:
        self._readers.pop(descriptor, None)

    def close(self) -> None:
        self._loop.remove_reader(self._epoll.fileno())
        self._epoll.close()

    def _look(self) -> None:
        for descriptor, _ in self._epoll.poll(0):
            # Whoever was called before may have closed it, and opened another of the same number:
            # that one has nothing to read yet, which its recv() says.
            if read := self._readers.get(descriptor):
                read()


class ByLoop:
    """Elsewhere."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop

    def watch(self, descriptor: int, read: Callable[[], None]) -> None:
        self._loop.add_reader(descriptor, read)

    def forget(self, descriptor: int) -> None:
        self._loop.remove_reader(descriptor)

    def close(self) -> None:
        pass
