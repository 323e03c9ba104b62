"""One frame, as lines: asks the run how it stands and lets each panel tell its part.

No Textual, no clock: the same run at the same moment gives the same lines.
"""

from collections.abc import Mapping, Sequence

from engine.events import Event
from engine.findings.finding import Finding
from engine.labs import server_of
from engine.models import MODELS
from engine.views.kernel_numbers import EMPTY_KERNEL
from engine.views.rooms import Rooms, rooms_of
from engine.views.snapshot import EMPTY_SNAPSHOT, RunStatus, Snapshot
from tui.code_view import CodeView, Moment
from tui.format import Line, beside, count
from tui.history import History
from tui.key_table import foot
from tui.layout import (
    Heights,
    arrange,
    code_width,
    key_lines,
    room_lines,
    server_lines,
    server_title,
)
from tui.pace_words import told_of_pace
from tui.panels import (
    alert,
    bursts,
    connections,
    events,
    header,
    keys,
    legend,
    no_connections,
    rooms,
    server,
)
from tui.recorder import Recorder
from tui.run_like import Playback, RunLike
from tui.table_view import TableView

LATE_NS = 2_000_000_000  # events that are taken in so long after they happened make the screen late
FLOOD = 60  # new events a frame: then the log shows only the last of them,
FLOOD_FRAMES = 4  # and not in each frame
SECOND_NS = 1_000_000_000
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
        self.kernel = EMPTY_KERNEL
        self.rooms: Rooms = {}
        self.code: CodeView | None = None
        """What stands beside the connections; None: nothing."""
        self.findings: tuple[Finding, ...] = ()
        self.table = TableView(run)
        self.history = History()
        self.playback = run if isinstance(run, Playback) else None
        """The recording that is played; None: a server runs."""
        self.recorder: Recorder | None = None
        self.table_width = 1
        """Columns of the connections."""
        self.window_rows: int | None = None
        """Rows of the table that a page over the dashboard shows; None: there is none that does."""
        self._frames = 0
        self._late_ns = 0
        self._waits: connections.Elsewhere = {}
        self.ask_numbers()
        self.ask_findings()

    def ask_numbers(self) -> None:
        """Have those of the processes taken anew, if they are too old: some milliseconds."""
        self._numbers = self._run.numbers()

    def ask_findings(self) -> None:
        """Have all connections looked at for them, if that is due: some milliseconds with thousands."""
        self.findings = self._run.findings()

    def draw(self, width: int, height: int, frames_per_s: float, new_events: int = 0) -> Parts:
        """The lines of all parts, with the numbers and findings that were asked for last. `new_events`:
        how many came since the last frame."""
        run = self._run
        self._frames += 1
        self.status = status = run.status()
        self._look()
        now_ns = self.table.now_ns
        most = max(height // ALERT_SHARE, 1)
        late_s = self._late(now_ns, new_events) // SECOND_NS
        alert_lines = alert.lines(
            self.snapshot, status, width, most, run.refusal, self.findings, late_s
        )
        self._record()
        numbers, self.kernel, played = self._numbers, run.kernel(), self.playback
        self.history.feed(self.snapshot, numbers, now_ns, played.past if played else {})
        self.rooms = rooms_of(self.snapshot, numbers, self.kernel, is_traced=status.thinning == 1)
        rooms_part = rooms.lines(self.rooms, self.kernel, width, room_lines(height))
        server_part = [
            *[server.title(width)][: server_title(height)],
            *server.lines(self.snapshot, numbers, status, width, server_lines(height)),
        ]
        keys_part = self._keys(width, height)
        views = run.bursts
        heights = arrange(
            height,
            alert=len(alert_lines),
            server=len(server_part),
            bursts=len(views),
            keys=len(keys_part),
            rooms=len(rooms_part),
        )
        if heights != self.heights:
            self.heights = heights
            self._look()
        parts: dict[str, Sequence[Line]] = {
            "header": [
                header.line(self.snapshot, status, frames_per_s, width, self._told_of_tape())
            ],
            "alert": alert_lines,
            "rooms": rooms_part,
            "server": server_part,
            "connections": self._connections(width, height),
            "bursts": bursts.lines(views, width, heights.bursts - 2),
            "keys": keys_part,
        }
        is_flood = new_events > FLOOD
        if heights.events and not (is_flood and self._frames % FLOOD_FRAMES):
            parts["events"] = self._events(width, is_flood)
        return parts

    def _late(self, now_ns: int, new_events: int) -> int:
        """How long ago that happened which has just come, where that is so long that the picture is of
        then, and not of now; else 0."""
        run = self._run
        if new_events and (self._late_ns or run.is_behind):
            late_ns = now_ns - run.state.events[-1].at_ns
            self._late_ns = late_ns if late_ns >= LATE_NS else 0
        elif not run.is_behind:
            self._late_ns = 0
        return 0 if self.playback else self._late_ns

    def _record(self) -> None:
        """What the last looks saw, if there is a recording."""
        run, now_ns = self._run, self.table.now_ns
        if self.recorder is not None:
            unreported, since_ns = self.snapshot.unreported, run.unread_since_ns()
            self.recorder.look(now_ns, self.status, unreported, run.bursts, run.looked, since_ns)

    def _told_of_tape(self) -> Sequence[str]:
        """How far a recording is, made or played, or that the server is slowed down, in ever fewer words;
        empty where there is none of these."""
        played, recorder = self.playback, self.recorder
        if played is None:
            pace = told_of_pace(self._run.slow_motion, self.status.model)
            if recorder is None:
                return pace
            recording = f"recording {count(recorder.events)} events"
            return [*(f"{words}  recording" for words in pace), *(pace or (recording, "recording"))]
        at, length = f"{played.at_s:.1f}", f"{played.length_s:.1f}"
        how = "end" if played.is_over else "paused" if played.is_paused else f"x{played.speed:g}"
        return (
            f"replay {at} of {length} s  {how}",
            f"replay {at}/{length} s {how}",
            f"replay {at} s {how}",
            f"replay {at} s",
            f"{at} s",  # the contract's words, which stand before it, give way to nothing
        )

    def place(self, event: Event) -> str:
        """The line of the source that did it: `epoll_loop.py:82`, or `line 82` where it is not known
        which model the process belongs to; empty without a line."""
        if not event.line:
            return ""
        model = self._run.model_of(event.pid) or ""
        module = server_of(model) or MODELS.get(model)
        return f"{module.rpartition('.')[2]}.py:{event.line}" if module else f"line {event.line}"

    @property
    def start_ns(self) -> int:
        """From when on events are timed."""
        return self._run.state.began_ns

    @property
    def is_waiting(self) -> bool:
        """A request is in the handler, or an answer unsent: its time goes on without any event."""
        told = self.snapshot.rooms
        return any(told[name].now for name in ("handler", "unsent") if name in told)

    def _look(self) -> None:
        """Take the rows that are seen."""
        self.snapshot = self.table.look(self.window_rows or self.heights.rows)

    @property
    def moment(self) -> Moment:
        """What the code needs to know of this frame."""
        return Moment(self.snapshot, self.status.model, self.table.now_ns, self.place)

    def _connections(self, width: int, height: int) -> list[Line]:
        """With the code beside them, if that is shown and has room."""
        code = code_width(width, height)
        if self.code is None or not code:
            self.code = None
            self.table_width = width
            return self._table(width)
        self.code.conn = self.table.chosen
        self.table_width = left = width - code - 1
        source = self.code.lines(self.moment, code, self.heights.connections)
        return beside(self._table(left), source, left)

    def _table(self, width: int) -> list[Line]:
        snapshot, rows, table = self.snapshot, self.heights.rows, self.table
        elsewhere = self._elsewhere()
        look = connections.Look(table.order, table.chosen, table.held_s, table.missed, elsewhere)
        title = connections.title(snapshot, rows, width, look)
        if not snapshot.rows:
            advice = no_connections.lines(
                self.status.url,
                snapshot.counts.accepted,
                width,
                is_dead=self.status.phase == "dead",
                is_filtered=bool(table.order.needle),
                is_played=self.playback is not None,
                is_held=table.held is not None,
            )
            lines = [*advice, *[()] * rows][: rows + 1]
        else:
            lines = connections.table(snapshot, width, rows, look)
        return [title, *lines, *[legend.line(width)][: self.heights.legend]]

    def _elsewhere(self) -> connections.Elsewhere:
        """Who waits where no event of its own tells it; as it was, while rows are held."""
        if self.table.held is None:
            queued = self._run.state.server.waits.queue.since_ns_of()
            unread = self._run.unread_since_ns()
            seen = [view.conn for view in self.snapshot.connections]
            self._waits = {conn: ("unread", unread[conn]) for conn in seen if conn in unread}
            self._waits |= {conn: ("app_queue", queued[conn]) for conn in seen if conn in queued}
        return self._waits

    def _keys(self, width: int, height: int) -> Sequence[Line]:
        items = foot(
            tuple(MODELS), self.status, is_held=self.table.held is not None,
            is_recording=self.recorder is not None, is_played=self.playback is not None,
        )  # fmt: skip
        models = () if self.playback else tuple(MODELS)
        return keys.lines(items, models, self.status.model, width, key_lines(height))

    def _events(self, width: int, is_flood: bool) -> list[Line]:
        snapshot = self.snapshot
        rows = self.heights.events - 1
        context = (self.start_ns, snapshot.numbers, self.place)
        lines = events.lines(snapshot.events, context, width, rows)
        return [events.title(snapshot, is_flood, width), *lines]
