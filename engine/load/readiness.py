"""The event loop of the load: asyncio's, over a selector that hands what can be read to its connection.

For each event asyncio would make a handle, and a pass of the loop for each look: half as much again as all
the other steps of a request. Here a look itself calls those who may read, and looks again while there is
something. A descriptor costs one call of epoll_ctl(2): the kernel forgets by itself one that is closed.
"""

from __future__ import annotations

import asyncio
import select
import selectors
import time
from collections.abc import Callable, Mapping
from typing import Any, Protocol

LOOKS_NS = 1_000_000  # then timers have their turn; their grain is a millisecond as well

Read = Callable[[bool], None]
"""Told: the peer has surely sent its last byte. False: nobody knows."""
Found = list[tuple[selectors.SelectorKey, int]]


class Readiness(Protocol):
    """Belongs to the thread of the loop."""

    def watch(self, descriptor: int, read: Read) -> None:
        """Call `read` whenever there is something to read, or an end."""

    def forget(self, descriptor: int) -> None:
        """It is about to be closed."""


class Loop(asyncio.SelectorEventLoop):
    """Of one run of load."""

    readiness: Readiness

    def __init__(self) -> None:
        by_epoll = ByEpoll() if hasattr(select, "epoll") else None
        super().__init__(by_epoll)
        self.readiness = by_epoll or ByLoop(self)


class ByEpoll(selectors.BaseSelector):
    """On Linux. What asyncio watches has a selector of its own, which is watched like a connection."""

    def __init__(self) -> None:
        self._readers: dict[int, Read] = {}
        self._found: Found = []
        self._epoll = select.epoll()
        self._of_asyncio = selectors.EpollSelector()
        self.watch(self._of_asyncio.fileno(), self._look_at_the_others)

    def watch(self, descriptor: int, read: Read) -> None:
        self._readers[descriptor] = read
        self._epoll.register(descriptor, select.EPOLLIN | select.EPOLLRDHUP)

    def forget(self, descriptor: int) -> None:
        self._readers.pop(descriptor, None)

    def select(self, timeout: float | None = None) -> Found:
        """What asyncio watches; the connections have read when this returns."""
        self._found = []
        readers, poll, has_ended = self._readers, self._epoll.poll, select.EPOLLRDHUP
        ready = poll(timeout)
        until_ns = time.monotonic_ns() + LOOKS_NS
        while ready:
            for descriptor, events in ready:
                # Only its own reader closes a descriptor meanwhile: the next one of this number is
                # never told of the end of the one before.
                readers[descriptor](bool(events & has_ended))
            if self._found or time.monotonic_ns() > until_ns:
                break
            ready = poll(0)  # not longer: what was called may have set a timer
        return self._found

    def _look_at_the_others(self, _: bool) -> None:
        self._found = self._of_asyncio.select(0)

    # --- what asyncio watches ----------------------------------------------------------------------

    def register(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        return self._of_asyncio.register(fileobj, events, data)

    def unregister(self, fileobj: Any) -> selectors.SelectorKey:
        return self._of_asyncio.unregister(fileobj)

    def get_map(self) -> Mapping[Any, selectors.SelectorKey]:
        return self._of_asyncio.get_map()

    def close(self) -> None:
        self._epoll.close()
        self._of_asyncio.close()


class ByLoop:
    """Elsewhere."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop

    def watch(self, descriptor: int, read: Read) -> None:
        self._loop.add_reader(descriptor, read, False)

    def forget(self, descriptor: int) -> None:
        self._loop.remove_reader(descriptor)
