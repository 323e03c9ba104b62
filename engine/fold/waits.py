"""How long requests wait, and where: the rooms that events tell of.

Changed only by the fold (state.py). Pure.
"""

from collections import deque
from collections.abc import Collection, Iterable

from engine.fold.app_queue import AppQueue
from engine.fold.connection import Connection
from engine.percentiles import percentile
from engine.views.detail import Split
from engine.views.snapshot import Room, State

WAITS_KEPT = 1_000  # finished requests, or waits, behind the percentiles of a room
_RESTING = (State.ACCEPTED, State.IDLE)


class Waits:
    """The last finished requests and waits in the accept queue, and the queue of the server."""

    def __init__(self) -> None:
        self.finished: deque[Split] = deque(maxlen=WAITS_KEPT)
        self.queue = AppQueue()
        self.unread: Collection[int] = ()
        """Connections whose bytes nobody has read, as the kernel tells: the fold is told of them."""
        self._queued: dict[int, int] = {}
        """Number of a connection, in the order of their accepts -> its wait in ns, if that is told."""

    def note_queued(self, connection: Connection) -> None:
        """It is known better how long a connection was in the accept queue."""
        self._queued[connection.number] = connection.queued_ns
        if len(self._queued) > WAITS_KEPT:
            del self._queued[next(iter(self._queued))]

    def _queued_ns(self, accepted: int) -> list[int]:
        """Of the last accepted connections: of most nothing is told, since they did not wait."""
        last = min(accepted, WAITS_KEPT)
        queued = [ns for number, ns in self._queued.items() if number > accepted - last]
        return [*[0] * (last - len(queued)), *queued]

    def _unread_ns(self) -> list[int]:
        return [one.unread for one in self.finished if one.unread is not None]

    def rooms(
        self, connections: Iterable[Connection], now_ns: int, accepted: int
    ) -> dict[str, Room]:
        """One walk over the connections: how many are in each room, and the oldest. Each is in one room:
        who waits in the queue of the server is neither idle nor in the handler meanwhile, and whose bytes
        nobody reads is not idle."""
        since: list[list[int]] = [[] for _ in State]
        queued = self.queue.connections()
        resting = queued.union(self.unread)
        elsewhere = [resting if state in _RESTING else queued for state in State]
        for connection in connections:
            state = connection.state
            if connection.conn not in elsewhere[state]:
                since[state].append(connection.since_ns)
        rooms = {
            "accept_queue": _room([], self._queued_ns(accepted), now_ns),
            "unread": _room([], self._unread_ns(), now_ns),
            "handler": _room(since[State.HANDLER], [one.handler for one in self.finished], now_ns),
            "unsent": _room(since[State.UNSENT], [one.unsent for one in self.finished], now_ns),
            "idle": _room(since[State.IDLE] + since[State.ACCEPTED], (), now_ns),
        }
        if self.queue:
            rooms["app_queue"] = _room(self.queue.since_ns(), self.queue.waits_ns, now_ns)
        return rooms


def _room(since_ns: list[int], finished_ns: Iterable[int], now_ns: int) -> Room:
    waits = sorted(finished_ns)
    return Room(
        now=len(since_ns),
        longest_ms=(now_ns - min(since_ns, default=now_ns)) / 1e6,
        p50_ms=_ms(percentile(waits, 50)),
        p99_ms=_ms(percentile(waits, 99)),
    )


def _ms(ns: float | None) -> float | None:
    return None if ns is None else ns / 1e6
