"""The connections that are known, and their table: who stands in which row, and in whose order.

Changed only by the fold (state.py). Pure.
"""

from collections import deque

from engine.fold.connection import Connection
from engine.fold.ranked import Ranked, arranged
from engine.fold.rows import Rows, nearest
from engine.views.order import BY_PLACE, Order
from engine.views.snapshot import ConnectionView

CLOSED_KEPT_NS = 3_000_000_000  # a closed connection stays on screen, so that it can be seen
GONE_KEPT = 500  # and then for who looks back: some 5 MB
GONE_LOG = 40  # events of each
CLOSED_KEPT = 200  # at most: 20,000 short connections a second would fill any screen


class Table:
    """Open connections and, for some seconds, closed ones."""

    def __init__(self) -> None:
        self.connections: dict[int, Connection] = {}
        """By their conn. To be read only."""
        self.gone: dict[int, Connection] = {}
        """By their conn, the last ones that are in the table no longer. To be read only."""
        self._closed: deque[Connection] = deque()
        self._rows = Rows()
        self._ranked = Ranked()

    def add(self, connection: Connection) -> None:
        """A new one."""
        self.connections[connection.conn] = connection
        self._rows.take(connection)

    def close(self, connection: Connection) -> None:
        """It has ended: it will expire."""
        self._closed.append(connection)

    @property
    def is_crowded(self) -> bool:
        """So many are closed that they should expire now, many at once: one at a time costs more."""
        return len(self._closed) > 2 * CLOSED_KEPT

    def expire(self, now_ns: int) -> None:
        """Forget connections that have been closed for long enough to be seen."""
        closed = self._closed
        while closed and (
            len(closed) > CLOSED_KEPT or closed[0].closed_ns < now_ns - CLOSED_KEPT_NS
        ):
            connection = closed.popleft()
            del self.connections[connection.conn]
            self._rows.free(connection)
            self._keep_gone(connection)

    def _keep_gone(self, connection: Connection) -> None:
        if len(connection.log) > GONE_LOG:
            connection.forget(GONE_LOG)
        self.gone[connection.conn] = connection
        if len(self.gone) > GONE_KEPT:
            del self.gone[next(iter(self.gone))]

    def known(self, conn: int) -> Connection | None:
        """One that is in the table, or was until lately."""
        return self.connections.get(conn) or self.gone.get(conn)

    def open_between(self, begin_ns: int, end_ns: int, order: Order) -> list[Connection]:
        """Those that were open at some time of these, as far as they are kept, in an order; without one by
        their numbers."""
        found = [
            one
            for one in (*self.gone.values(), *self.connections.values())
            if one.opened_ns - one.queued_ns <= end_ns and not 0 < one.closed_ns < begin_ns
        ]
        found.sort(key=lambda one: one.number)
        return arranged(found, order)

    def window(
        self, now_ns: int, first_row: int, rows: int, order: Order
    ) -> tuple[tuple[ConnectionView, ...], int]:
        """The views in a window of rows, and how many rows there are in all."""
        if order == BY_PLACE:
            placed = self._rows.window(first_row, rows, now_ns)
            return tuple(one.view(now_ns) for one in placed), len(self._rows)
        ranked = self._ranked.take(self.connections, order, now_ns)
        seen = enumerate(ranked[first_row : first_row + rows], first_row)
        return tuple(one.view(now_ns, row) for row, one in seen), len(ranked)

    def row_of(self, conn: int, now_ns: int, order: Order) -> int | None:
        """The row of a connection; None when it is not in the table."""
        connection = self.connections.get(conn)
        if connection is None or order == BY_PLACE:
            return connection.row if connection else None
        ranked = self._ranked.take(self.connections, order, now_ns)
        return next((row for row, one in enumerate(ranked) if one is connection), None)

    def neighbour(self, row: int, steps: int, now_ns: int, order: Order) -> tuple[int, int] | None:
        """(row, conn) of the connection `steps` further down than `row` (negative: up), or of the last
        one in that direction; None when there is none. Free rows do not count."""
        if order == BY_PLACE:
            found = self._rows.nearest(row, steps)
        else:
            found = nearest(self._ranked.take(self.connections, order, now_ns), row, steps)
        return (found[0], found[1].conn) if found else None
