"""One frame, as lines: asks the run how it stands and lets each panel tell its part.

No Textual, no clock: the same run at the same moment gives the same lines.
"""

from collections.abc import Mapping, Sequence

from engine.models import MODELS
from engine.snapshot import EMPTY_SNAPSHOT, RunStatus, Snapshot
from tui.format import Line
from tui.layout import Heights, arrange, key_lines, server_lines
from tui.panels import alert, bursts, connections, events, header, keys, server
from tui.run_like import RunLike
from tui.sources import Sources

FLOOD = 60  # new events a frame: then the log shows only the last of them,
FLOOD_FRAMES = 4  # and not in each frame
ALERT_SHARE = 3  # an alert takes at most a third of the screen

Parts = Mapping[str, Sequence[Line]]
"""Name of a part -> its lines. A part that is left out stays as it is."""


class Picture:
    """What is seen of a run: the shares of the screen, the window of rows, the last values."""

    def __init__(self, run: RunLike) -> None:
        self._run = run
        self.heights = Heights(0, 1, 4, 0, 0, 1, 0)
        self.status: RunStatus = run.status()
        self.snapshot: Snapshot = EMPTY_SNAPSHOT
        self.first_row = 0
        self._start_ns = 0
        self._frames = 0
        self._sources = Sources()

    def draw(self, width: int, height: int, frames_per_s: float, new_events: int = 0) -> Parts:
        """The lines of all parts. `new_events`: how many came since the last frame."""
        run = self._run
        self._frames += 1
        self.status = status = run.status()
        self._look()
        self._sources.look(status, self.snapshot.now_ns)
        alert_lines = alert.lines(self.snapshot, status, width, max(height // ALERT_SHARE, 1))
        server_part = server.lines(
            self.snapshot, run.numbers(), status, width, server_lines(height)
        )
        keys_part = keys.lines(tuple(MODELS), status, width, key_lines(height))
        views = run.bursts
        heights = arrange(
            height,
            alert=len(alert_lines),
            server=len(server_part),
            bursts=len(views),
            keys=len(keys_part),
        )
        if heights != self.heights:
            self.heights = heights
            self._look()
        parts: dict[str, Sequence[Line]] = {
            "header": [header.line(self.snapshot, status, frames_per_s, width)],
            "alert": alert_lines,
            "server": server_part,
            "connections": self._connections(width),
            "bursts": bursts.lines(views, width, heights.bursts - 2),
            "keys": keys_part,
        }
        is_flood = new_events > FLOOD
        if heights.events and not (is_flood and self._frames % FLOOD_FRAMES):
            parts["events"] = self._events(width, is_flood)
        return parts

    @property
    def is_waiting(self) -> bool:
        """A request is in the handler, or an answer unsent: its time goes on without any event."""
        rooms = self.snapshot.rooms
        return any(rooms[name].now for name in ("handler", "unsent") if name in rooms)

    def _look(self) -> None:
        """Take the rows that are seen; scroll back when the table has become shorter."""
        rows = self.heights.rows
        snapshot = self._run.snapshot(self.first_row, rows)
        last = max(snapshot.rows - rows, 0)
        if self.first_row > last:
            self.first_row = last
            snapshot = self._run.snapshot(last, rows)
        if not self._start_ns and snapshot.events:
            self._start_ns = snapshot.events[0].at_ns
        self.snapshot = snapshot

    def _connections(self, width: int) -> list[Line]:
        snapshot, rows = self.snapshot, self.heights.rows
        title = connections.title(snapshot, rows, width)
        if not snapshot.rows:
            accepted, is_dead = snapshot.counts.accepted, self.status.phase == "dead"
            advice = connections.empty(self.status.url, accepted, width, is_dead=is_dead)
            return [title, *advice[: rows + 1]]
        return [title, *connections.table(snapshot, self.status.engine_pid, width, rows)]

    def _events(self, width: int, is_flood: bool) -> list[Line]:
        snapshot = self.snapshot
        rows = self.heights.events - 1
        context = (self._start_ns, snapshot.numbers, self._sources.place)
        lines = events.lines(snapshot.events, context, width, rows)
        return [events.title(snapshot, is_flood, width), *lines]
