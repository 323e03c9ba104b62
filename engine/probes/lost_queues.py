"""Who lay in the queue of a listener that is closed: the kernel resets them, and no event tells of that."""

from collections.abc import Set as AbstractSet

TOLD_MOST = 256
TOLD_NS = 1_000_000_000  # not each look at the sockets is followed by one for findings


class LostQueues:
    """Remembers the listeners of a port and who waited there, from one look to the next."""

    def __init__(self) -> None:
        self._listeners: AbstractSet[int] = frozenset()
        self._queued: AbstractSet[int] = frozenset()
        self._lost: dict[int, int] = {}
        """Cookie -> when it was missed."""

    def misses(self, listeners: AbstractSet[int]) -> bool:
        """A listener of the last look is no longer there."""
        return bool(self._listeners - listeners)

    def look(
        self,
        listeners: AbstractSet[int],
        queued: AbstractSet[int],
        here: AbstractSet[int],
        now_ns: int,
    ) -> tuple[int, ...]:
        """Cookies of those that waited at one look and were no longer `here` at the next, a listener neither:
        reset, unless they were accepted, served and closed in between. Told for a second. `here` matters
        only when a listener is missed."""
        if self.misses(listeners):
            self._lost |= dict.fromkeys(sorted(self._queued - here)[:TOLD_MOST], now_ns)
        self._listeners, self._queued = listeners, queued
        self._lost = {one: at_ns for one, at_ns in self._lost.items() if now_ns - at_ns < TOLD_NS}
        return tuple(self._lost)[-TOLD_MOST:]
