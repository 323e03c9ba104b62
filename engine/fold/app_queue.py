"""The queue of a server between who accepts and who serves: who waits in it, and for how long.

Changed only by the fold (waits.py). Pure.
"""

from collections import deque

from engine.events import Event

WAITS_KEPT = 1_000  # finished waits behind the percentiles


class AppQueue:
    """What its puts and takes tell, `queue put N` and `queue take N`: N wait then (none: 0)."""

    def __init__(self) -> None:
        self.waits_ns: deque[int] = deque(maxlen=WAITS_KEPT)
        """The last finished ones."""
        self._waiting: dict[int, deque[tuple[int, int]]] = {}
        """By process, the oldest first: since when, and which connection; 0: that is not told."""

    def __bool__(self) -> bool:
        """Whether there is one."""
        return bool(self._waiting)

    def since_ns(self) -> list[int]:
        """Since when those wait that are in it."""
        return [since_ns for queue in self._waiting.values() for since_ns, _ in queue]

    def connections(self) -> set[int]:
        """Those that wait, as far as they are known: not all, where there is too much to tell of each."""
        return {conn for queue in self._waiting.values() for _, conn in queue} - {0}

    def since_ns_of(self) -> dict[int, int]:
        """Connection -> since when it waits, of those."""
        return {conn: ns for queue in self._waiting.values() for ns, conn in queue if conn}

    def take(self, event: Event, words: list[str]) -> int | None:
        """A put or a take; how long the one that is taken waited, in ns, if that is known. Raises
        ValueError and IndexError: a note that no writer of ours makes."""
        waited_ns = None
        queue = self._waiting.setdefault(event.pid, deque())
        if words[1] == "put":
            queue.append((event.at_ns, event.conn))
        elif queue:
            waited_ns = event.at_ns - queue.popleft()[0]
            self.waits_ns.append(waited_ns)
        # Where puts or takes were lost on the way, the number tells it.
        waiting = int(words[2]) if words[2:] else 0
        while len(queue) > waiting:
            queue.popleft()
        queue.extend([(event.at_ns, 0)] * (waiting - len(queue)))
        return waited_ns

    def forget(self, pid: int) -> None:
        """A process has ended, and its queue with it."""
        self._waiting.pop(pid, None)
