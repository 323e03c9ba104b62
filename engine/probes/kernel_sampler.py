"""When to look at the kernel's table of sockets, and how far to go with a look: a key must not wait for
one that finds thousands. One thread.
"""

import math
import socket
import time
from collections.abc import Callable, Container, Iterator

from engine.listener import accept_queue
from engine.probes.kernel import KernelProbe
from engine.views.kernel_numbers import EMPTY_KERNEL, KernelNumbers

SHARE = 50  # a look may cost one part in so many of a core
RESTING_SHARE = 400  # while nobody is there
WATCHING_S = 0.1  # between two looks while somebody waits
RESTING_S, RESTING_MOST_S = 1.0, 2.0
ALL_STATES_S = 0.5  # between two looks at TIME_WAIT and at clients, of which there may be thousands
WATCHED = ("syn_retry", "accept_queue", "unread")  # no event tells that somebody is there


class KernelSampler:
    """Looks often while somebody waits or is served, as far as a small share of a core allows."""

    def __init__(
        self, listener: socket.socket, elsewhere: Callable[[], Container[int]] = tuple
    ) -> None:
        """`elsewhere`: see KernelProbe."""
        self._listener = listener
        self._probe = KernelProbe(listener, elsewhere)
        self._numbers = EMPTY_KERNEL
        self._looking: Iterator[KernelNumbers | None] = iter(())
        self.is_looking = False
        """A look has begun that has not come to its end."""
        self._looks_at_all = False
        self._began_s = self._looked_s = self._looked_at_all_s = -math.inf
        self._cost_s = self._spent_s = 0.0
        self.close = self._probe.close
        self.view = self._probe.view
        self.unread_since_ns = self._probe.unread_since_ns
        self.inode_of = self._probe.inode_of

    @property
    def looked_ns(self) -> int:
        """When the last look began that has come to its end."""
        return int(max(self._looked_s, 0) * 1e9)

    def numbers(self, at_most_old_s: float = math.inf) -> KernelNumbers:
        """The last look; a new one, at all states, if there is none, or if what it tells is older."""
        if self._looked_at_all_s < max(time.monotonic() - at_most_old_s, 0.0):
            self._go_on()
            self._begin(all_states=True)
            self._go_on()
        return self._numbers

    def advance(self, within_s: float, *, is_busy: bool) -> None:
        """Look, if that is due, for so much processor time; the look goes on with the next call."""
        if is_busy or any(map(self._holds, WATCHED)) or self._is_queued():
            pause_s = max(SHARE * self._cost_s, WATCHING_S)
        else:
            resting_s = min(RESTING_SHARE * self._cost_s, RESTING_MOST_S)
            pause_s = max(SHARE * self._cost_s, resting_s, RESTING_S)
        now_s = time.monotonic()
        if not self.is_looking and now_s - self._looked_s >= pause_s:
            self._begin(all_states=now_s - self._looked_at_all_s >= ALL_STATES_S)
        self._go_on(within_s)

    def sockets(self) -> dict[int, int]:
        """Inode -> connection of those that a process holds, 0 for a listener; empty when not told."""
        self._go_on()  # the kernel answers one question at a time
        return self._probe.sockets()

    def _begin(self, *, all_states: bool) -> None:
        self._looking = self._probe.look(all_states=all_states)
        self.is_looking, self._looks_at_all = True, all_states
        self._began_s, self._spent_s = time.monotonic(), 0.0

    def _go_on(self, within_s: float = math.inf) -> None:
        if not self.is_looking:
            return
        before_s = time.thread_time()
        spent_s = 0.0
        while self.is_looking and spent_s < within_s:
            numbers = next(self._looking)
            spent_s = time.thread_time() - before_s
            if numbers is not None:
                self._numbers, self._looked_s = numbers, self._began_s
                if self._looks_at_all:
                    self._looked_at_all_s = self._began_s
                self._cost_s = self._spent_s + spent_s
                self.is_looking = False
        self._spent_s += spent_s

    def _is_queued(self) -> bool:
        """Asking for the length of the queue costs two microseconds, unlike a look."""
        queue = accept_queue(self._listener)
        return queue is not None and queue[0] > 0

    def _holds(self, name: str) -> bool:
        room = self._numbers.rooms.get(name)
        return room is not None and room.now > 0
