"""What somebody looks at in the connection table: order, filter, window, chosen row, and pause.

The choice stays on its connection wherever that goes. A pause holds the rows as they were: who is among
them and what they say; they can be sorted and filtered as they stand. The rest of the screen goes on.
"""

from dataclasses import replace

from engine.fold.ranked import arranged
from engine.views.order import BY_PLACE
from engine.views.snapshot import ConnectionView, Snapshot
from tui.run_like import RunLike

ALL_ROWS = 1_000_000
SECOND_NS = 1_000_000_000


class TableView:
    """A window of the rows of a run."""

    def __init__(self, run: RunLike) -> None:
        self._run = run
        self.order = BY_PLACE
        self.first_row = 0
        self.chosen: int | None = None
        """The conn of the chosen connection."""
        self.held: Snapshot | None = None
        """What stood there when the pause began; None: it goes on."""
        self._held_all: tuple[ConnectionView, ...] = ()
        """All connections of that moment, also those that the filter had left out."""
        self.held_s: int | None = None
        """For how many seconds it has been held."""
        self.missed = 0
        """Events since the pause began."""
        self.now_ns = 0
        """The run's time at the last look, also while the rows are held."""
        self._chosen_row = -1
        self._rows = 1

    # --- keys ---------------------------------------------------------------------------------------

    def scroll(self, rows: int) -> None:
        """Move the window, and nothing else."""
        self.first_row = max(self.first_row + rows, 0)

    def move(self, steps: int) -> None:
        """Choose another row; the window follows."""
        found = self._neighbour(self._chosen_row if self.chosen else self.first_row - 1, steps)
        if found is None and self.chosen is None:
            found = self._neighbour(-1, 1)
        if found is not None:
            self.choose(*found)

    def choose(self, row: int, conn: int) -> None:
        """Choose a connection, and bring it into the window."""
        self._chosen_row, self.chosen = row, conn
        self._follow()

    def choose_row(self, row: int) -> None:
        """Choose whoever stands in a row; nobody, if nobody does."""
        found = self._neighbour(row - 1, 1)
        if found is not None and found[0] == row:
            self.choose(*found)

    def let_go(self) -> None:
        """Choose nothing."""
        self.chosen = None

    def sort_by(self, column: str) -> None:
        """Sort by a column; by the same one again: the other way round; empty: by place."""
        same = column == self.order.column
        self.order = replace(
            self.order,
            column=column,
            descending=not self.order.descending if same and column else bool(column),
        )
        self._arrange_held()
        self._follow()

    def filter(self, needle: str) -> None:
        """Show only those that have these words."""
        if needle != self.order.needle:
            self.order = replace(self.order, needle=needle)
            self.first_row = 0
            self._arrange_held()

    def toggle_pause(self) -> None:
        """Hold what is seen, or go on with what is now."""
        if self.held:
            self.held, self._held_all = None, ()
            return
        self.held = self._run.snapshot(0, ALL_ROWS, self.order)
        is_placed = self.order == BY_PLACE
        everybody = self.held if is_placed else self._run.snapshot(0, ALL_ROWS)
        self._held_all = everybody.connections

    def _arrange_held(self) -> None:
        """The held rows, in the order and with the filter that are wished for now."""
        if self.held is None:
            return
        views = arranged(self._held_all, self.order)
        rows = [replace(view, row=row) for row, view in enumerate(views)]
        self.held = replace(self.held, connections=tuple(rows), rows=len(rows))

    # --- frames -------------------------------------------------------------------------------------

    def look(self, rows: int) -> Snapshot:
        """The server as it is now, with the rows of the window, held or not."""
        self._rows = max(rows, 1)
        if self.chosen is not None:
            row = self._row_of(self.chosen)
            if row is None:
                self.chosen = None  # forgotten; the next move begins where it stood
            elif row != self._chosen_row:
                self._chosen_row = row
                self._follow()
        snapshot = self._take(rows)
        last = max(snapshot.rows - rows, 0)
        if self.first_row > last:
            self.first_row = last
            snapshot = self._take(rows)
        return snapshot

    def _take(self, rows: int) -> Snapshot:
        held = self.held
        if held is None:
            self.held_s = None
            seen = self._run.snapshot(self.first_row, rows, self.order)
            self.now_ns = seen.now_ns
            return seen
        # The counts go on; the rows and the events are those that stood there.
        now = self._run.snapshot(0, 0, self.order)
        self.now_ns = now.now_ns
        self.held_s = (now.now_ns - held.now_ns) // SECOND_NS
        self.missed = now.counts.events - held.counts.events
        end = self.first_row + rows
        return replace(
            now,
            now_ns=held.now_ns,
            connections=tuple(
                view for view in held.connections if self.first_row <= view.row < end
            ),
            first_row=self.first_row,
            rows=held.rows,
            events=held.events,
            numbers=held.numbers,
        )

    def _follow(self) -> None:
        row = self._row_of(self.chosen) if self.chosen is not None else None
        if row is not None:
            self.first_row = min(max(self.first_row, row - self._rows + 1), row)

    def _row_of(self, conn: int) -> int | None:
        if self.held is None:
            return self._run.row_of(conn, self.order)
        return next((view.row for view in self.held.connections if view.conn == conn), None)

    def _neighbour(self, row: int, steps: int) -> tuple[int, int] | None:
        if self.held is None:
            return self._run.neighbour(row, steps, self.order)
        rows = sorted((view.row, view.conn) for view in self.held.connections)
        if steps > 0:
            further = [pair for pair in rows if pair[0] > row][:steps]
            return further[-1] if further else None
        further = [pair for pair in rows if pair[0] < row][steps:]
        return further[0] if further else None
