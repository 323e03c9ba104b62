"""The rows of the connection table: a connection keeps its row as long as it is shown."""

from collections.abc import Sequence
from heapq import heappop, heappush
from itertools import islice

from engine.fold.connection import Connection

CLOSED_SEEN_NS = 1_000_000_000  # then a closed connection gives way to an open one out of sight


class Rows:
    """Who stands in which row. A new connection takes the highest free one, so that rows hold still."""

    def __init__(self) -> None:
        self._rows: list[Connection | None] = []
        self._free: list[int] = []  # a heap; may name rows that are taken or gone again
        self._seen_end = 0  # of the window that somebody looked at last

    def __len__(self) -> int:
        return len(self._rows)

    def take(self, connection: Connection) -> None:
        """Give a connection its row."""
        rows = self._rows
        while self._free:
            row = heappop(self._free)
            if row < len(rows) and rows[row] is None:
                rows[row] = connection
                connection.row = row
                return
        connection.row = len(rows)
        rows.append(connection)

    def free(self, connection: Connection) -> None:
        """A connection is no longer shown."""
        self._rows[connection.row] = None
        heappush(self._free, connection.row)
        self._trim()

    def nearest(self, row: int, steps: int) -> tuple[int, Connection] | None:
        """As nearest() tells it, of all rows; those that come into sight by that are filled before."""
        if steps > 0:
            self._fill(max(row + 1, self._seen_end), row + 1 + steps)
        return nearest(self._rows, row, steps)

    def window(self, first: int, count: int, now_ns: int = 0) -> list[Connection]:
        """The connections in `count` rows from `first` on: those that somebody looks at."""
        self._fill(first, first + count, now_ns)
        if count:
            self._seen_end = first + count
        return [taken for taken in self._rows[first : first + count] if taken]

    def _fill(self, first: int, end: int, now_ns: int = 0) -> None:
        """Bring connections from below the window into rows of it that nobody needs: open ones, and
        where rows are free, closed ones as well.

        Only rows that are out of sight are left, so that what is seen holds still. They come from the
        end: one from just below would leave a hole there, which went before the window as it scrolls.
        """
        rows = self._rows
        if len(rows) <= end:
            return
        free = [row for row in range(first, end) if rows[row] is None]
        seen_until_ns = now_ns - CLOSED_SEEN_NS
        fading = [row for row in range(first, end) if _is_closed(rows[row], seen_until_ns)]
        if not free and not fading:
            return
        below = [taken for taken in islice(rows, end, None) if taken is not None]
        open_ones = [connection for connection in below if not connection.closed_ns]
        closed = [connection for connection in below if connection.closed_ns]
        wanted, left_free = len(free) + len(fading), max(len(free) - len(open_ones), 0)
        takers = [*open_ones[-wanted:], *closed[max(len(closed) - left_free, 0) :]]
        for row, connection in zip(free + fading, takers, strict=False):
            self._swap(row, connection)
        self._trim()

    def _trim(self) -> None:
        """The table ends with a connection."""
        while self._rows and self._rows[-1] is None:
            self._rows.pop()

    def _swap(self, row: int, connection: Connection) -> None:
        before, other = connection.row, self._rows[row]
        self._rows[row], self._rows[before] = connection, other
        connection.row = row
        if other is None:
            heappush(self._free, before)
        else:
            other.row = before


def _is_closed(taken: Connection | None, until_ns: int) -> bool:
    return taken is not None and 0 < taken.closed_ns < until_ns


def nearest(
    rows: Sequence[Connection | None], row: int, steps: int
) -> tuple[int, Connection] | None:
    """(row, who stands there) `steps` further down than `row` (negative: up), or the last one in that
    direction; None when there is none. Free rows do not count."""
    down, up = range(max(row + 1, 0), len(rows)), range(min(row, len(rows)) - 1, -1, -1)
    found = None
    left = abs(steps)
    for place in down if steps > 0 else up:
        if (connection := rows[place]) is not None:
            found = place, connection
            left -= 1
            if not left:
                break
    return found
