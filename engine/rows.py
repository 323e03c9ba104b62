"""The rows of the connection table: a connection keeps its row as long as it is shown."""

from heapq import heappop, heappush

from engine.connection import Connection


class Rows:
    """Who stands in which row. A new connection takes the highest free one, so that rows hold still."""

    def __init__(self) -> None:
        self._rows: list[Connection | None] = []
        self._free: list[int] = []  # a heap; may name rows that are taken or gone again

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
        while self._rows and self._rows[-1] is None:
            self._rows.pop()

    def window(self, first: int, count: int) -> list[Connection]:
        """The connections in `count` rows from `first` on."""
        return [taken for taken in self._rows[first : first + count] if taken]
