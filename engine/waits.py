"""How long requests wait, and where: the rooms that events tell of.

Changed only by the fold (state.py). Pure.
"""

from collections import deque
from collections.abc import Iterable

from engine.app_queue import AppQueue
from engine.connection import Connection
from engine.snapshot import Room, State

WAITS_KEPT = 1_000  # finished waits behind the percentiles of a room


class Waits:
    """The last finished waits in handler and unsent, and the queue of the server."""

    def __init__(self) -> None:
        self.handler_ns: deque[int] = deque(maxlen=WAITS_KEPT)
        self.unsent_ns: deque[int] = deque(maxlen=WAITS_KEPT)
        self.queue = AppQueue()

    def rooms(self, connections: Iterable[Connection], now_ns: int) -> dict[str, Room]:
        """One walk over the connections: how many are in each room, and the oldest."""
        since: dict[State, list[int]] = {state: [] for state in State}
        for connection in connections:
            since[connection.state].append(connection.since_ns)
        rooms = {
            "handler": _room(since[State.HANDLER], self.handler_ns, now_ns),
            "unsent": _room(since[State.UNSENT], self.unsent_ns, now_ns),
            "idle": _room(since[State.IDLE], (), now_ns),
        }
        if self.queue:
            rooms["app_queue"] = _room(self.queue.since_ns(), self.queue.waits_ns, now_ns)
        return rooms


def _room(since_ns: list[int], finished_ns: Iterable[int], now_ns: int) -> Room:
    waits = sorted(finished_ns)
    return Room(
        now=len(since_ns),
        longest_ms=(now_ns - min(since_ns, default=now_ns)) / 1e6,
        p50_ms=waits[len(waits) // 2] / 1e6 if waits else None,
        p99_ms=waits[len(waits) * 99 // 100] / 1e6 if waits else None,
    )
