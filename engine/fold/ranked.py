"""The connections in the order, and with the filter, that somebody wished for (views/order.py).

Sorted anew once a second and no oftener: rows that change places in each frame cannot be read. In
between, who has gone leaves, and who is new stands at the end.
"""

from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from engine.fold.connection import Connection
from engine.views.order import BY_PLACE, Order
from engine.views.snapshot import STATE_MEANINGS, ConnectionView

SORT_NS = 1_000_000_000
AnyRankable = TypeVar("AnyRankable", Connection, ConnectionView)

Rankable = Connection | ConnectionView
SORT_KEYS: dict[str, Callable[[Rankable], Any]] = {
    "#": lambda connection: connection.number,
    "fd": lambda connection: connection.fd,
    "by": lambda connection: (connection.pid, connection.task),
    "peer": lambda connection: connection.peer,
    "state": lambda connection: connection.state,
    "in state": lambda connection: -connection.since_ns,
    "requests": lambda connection: connection.requests,
    "in": lambda connection: connection.bytes_in,
    "out": lambda connection: connection.bytes_out,
    "age": lambda connection: -connection.opened_ns,
    "last event": lambda connection: connection.last_ns,
}
"""By the heading of the column; equal ones stay in the order of their numbers."""


class Ranked:
    """Keeps an order between two sorts."""

    def __init__(self) -> None:
        self._order = BY_PLACE
        self._second = -1
        self._conns: list[int] = []

    def take(
        self, connections: dict[int, Connection], order: Order, now_ns: int
    ) -> list[Connection]:
        """Those that the order asks for."""
        second = now_ns // SORT_NS
        words = order.needle.lower().split()
        if order != self._order or second != self._second:
            self._order, self._second = order, second
            chosen = arranged(connections.values(), order)
            self._conns = [one.conn for one in chosen]
            return chosen
        known = set(self._conns)
        kept = [connections[conn] for conn in self._conns if conn in connections]
        fresh = [one for conn, one in connections.items() if conn not in known]
        chosen = [one for one in kept if matches(one, words)]
        chosen += [one for one in fresh if matches(one, words)]
        self._conns += [one.conn for one in fresh if matches(one, words)]
        return chosen


def arranged(connections: Iterable[AnyRankable], order: Order) -> list[AnyRankable]:
    """Those that the order asks for, as it asks for them."""
    words = order.needle.lower().split()
    chosen = [one for one in connections if matches(one, words)]
    if order.column:
        chosen.sort(key=SORT_KEYS[order.column], reverse=order.descending)
    return chosen


def matches(connection: Rankable, words: Iterable[str]) -> bool:
    """Whether a connection has all the words, and none of those after `!`."""
    if not words:
        return True
    state = STATE_MEANINGS[connection.state].name
    owner = f"{connection.task} pid {connection.pid}"
    text = f"{connection.path} {state} {owner} {connection.peer} {connection.closed_by}".lower()
    for word in words:
        if word.startswith("!") and len(word) > 1:
            if word[1:] in text:
                return False
        elif word not in text:
            return False
    return True
