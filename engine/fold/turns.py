"""The turns of event loops: which wake-up of its loop an event belongs to. Pure.

A loop tells of each wake-up that found something to do, while there is not too much to tell of each. What
it does until the next one is done in that turn.
"""

from bisect import bisect_right

from engine.events import Event

TURNS_KEPT = 2_000  # of each process
PROCESSES_KEPT = 64  # then that which began first is forgotten


class Turns:
    """The last turns of each process that has a loop."""

    def __init__(self) -> None:
        self._turns: dict[int, list[tuple[int, int]]] = {}
        """Process -> when each began, and its number; 0: from there on they are not told."""

    def begin(self, event: Event, words: list[str]) -> None:
        """`turn 812`, or `turn`. Raises ValueError: a note that no writer of ours makes."""
        turns = self._turns.setdefault(event.pid, [])
        turns.append((event.at_ns, int(words[1]) if words[1:] else 0))
        if len(turns) > 2 * TURNS_KEPT:
            del turns[:TURNS_KEPT]
        if len(self._turns) > PROCESSES_KEPT:
            del self._turns[next(iter(self._turns))]

    def forget(self, pid: int) -> None:
        """A process has ended: its number may be another's soon."""
        self._turns.pop(pid, None)

    def at(self, pid: int, at_ns: int) -> int:
        """The turn of the loop of a process at a time; 0: that is not told."""
        turns = self._turns.get(pid, ())
        place = bisect_right(turns, at_ns, key=lambda turn: turn[0])
        return turns[place - 1][1] if place else 0
