"""A recording that is played: the picture of the server as it was, at any of its times, at any speed.

Time is the events' own. It moves in poll() and by keys only. A line is due when its time has come and
that of all lines before it, since the order of the file is that in which the live server was folded. A
jump back folds anew from the beginning. No socket, no thread.
"""

import math
import time
from bisect import bisect_right
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

from engine.events import Event
from engine.findings.finding import Finding
from engine.findings.moment import KEPT_NS, Moment
from engine.fold.state import ServerState
from engine.models import MODELS
from engine.recordings.recording import read, refused
from engine.recordings.replayed_looks import ReplayedLooks
from engine.recordings.scene import Scene, is_known
from engine.recordings.told import is_look, is_told
from engine.views.detail import ConnectionDetail
from engine.views.kernel_numbers import KernelNumbers
from engine.views.order import BY_PLACE, Order
from engine.views.snapshot import BurstView, ProcessNumbers, RunStatus, Snapshot
from engine.views.worker_view import WorkerDetail

SECOND_NS = 1_000_000_000
SLOWEST, FASTEST = -4, 6  # powers of two: 1/16 to 64
LINES_MOST = 2_000_000  # some 570 MB in memory; a minute of 30,000 events/s
LINES_AT_ONCE = 200  # folded in half a millisecond
REFUSAL = "this is a recording: what it shows has happened, and cannot be changed"


class Replay:
    """A sibling of engine.running.run.Run, over a file."""

    slow_motion = None  # time itself is played slowly, or stepped
    said: tuple[str, ...] = ()  # a recording does not hold what was written

    def __init__(self, path: Path, clock: Callable[[], int] = time.monotonic_ns) -> None:
        """Read the file; it plays from now on, by `clock` (in ns). Raises RecordingError."""
        self.header, lines = read(path)
        if not is_known(self.header.model):
            why = f"it has a model {self.header.model!r}"
            raise refused(path, why, f"known are {', '.join(MODELS)}")
        self._lines: list[Event] = []
        self._due_ns: list[int] = []
        latest_ns = 0
        for line in lines:
            if len(self._lines) == LINES_MOST:
                remedy = f"head -n {LINES_MOST} makes a file of what comes first"
                raise refused(path, f"it has more than {LINES_MOST:,} lines", remedy)
            latest_ns = max(latest_ns, line.at_ns)
            self._lines.append(line)
            self._due_ns.append(latest_ns)
        self.short = self.header.mode == "short"
        self.pages = self.header.pages
        self.whole = True
        self.refusal = ""
        self.is_paused = False
        self.is_behind = False
        """More was due than poll() has taken in."""
        self._speed = 0  # a power of two
        self._clock = clock
        self._clock_ns = clock()  # when time was moved last
        self._end_ns = self._due_ns[-1] if self._due_ns else 0
        first_ns = self._due_ns[0] if self._due_ns else 0
        self._start_ns = min(max(first_ns, self.header.began_ns), self._end_ns)
        self._at_ns = self._start_ns
        self._fresh: list[Event] = []  # folded, and not yet given out by poll()
        self._begin_anew()

    # --- playing ----------------------------------------------------------------------------------

    @property
    def speed(self) -> float:
        """Seconds of the recording for each second."""
        return 2.0**self._speed

    @property
    def at_s(self) -> float:
        """Seconds since the beginning."""
        return (self._at_ns - self._start_ns) / SECOND_NS

    @property
    def length_s(self) -> float:
        """From the beginning to the last event."""
        return (self._end_ns - self._start_ns) / SECOND_NS

    @property
    def past(self) -> Mapping[int, tuple[int, int | None]]:
        """Second of the clock -> the most open connections and descriptors that looks saw in it."""
        return self._looks.past

    @property
    def is_over(self) -> bool:
        """All has been told, and time stands still."""
        return self._index == len(self._lines)

    def toggle_pause(self) -> None:
        """Hold time, or let it go on."""
        self._advance()
        self.refusal = ""
        self.is_paused = not self.is_paused

    def faster(self) -> None:
        """Twice as fast, up to 64 times."""
        self._change_speed(1)

    def slower(self) -> None:
        """Half as fast, down to a sixteenth."""
        self._change_speed(-1)

    def step(self) -> None:
        """Exactly the next event; then time stands still."""
        self._advance()
        self.refusal = ""
        self.is_paused = True
        events: list[Event] = []
        while not events and not self.is_over:  # what is told beside the events takes no step
            events = self._fold(self._index + 1)
            self._at_ns = max(self._at_ns, self._due_ns[self._index - 1])
        self._fresh += events

    def jump(self, seconds: float) -> None:
        """Go to a time since the beginning, at most to an end; poll() gives out nothing between."""
        self.refusal = ""
        self._clock_ns = self._clock()
        at_ns = self._end_ns
        if not seconds >= self.length_s:
            since_ns = round(max(0.0, seconds) * SECOND_NS)  # in this order NaN becomes 0
            at_ns = min(self._start_ns + since_ns, self._end_ns)
        if at_ns < self._at_ns:
            self._begin_anew()
        self._at_ns = at_ns
        self._looks.begin_ns = at_ns - KEPT_NS  # those before say nothing of it
        end = bisect_right(self._due_ns, at_ns)
        while self._index < end:
            self._fold(min(self._index + LINES_AT_ONCE, end))
        self._fresh = []

    # --- as a run -----------------------------------------------------------------------------------

    @property
    def bursts(self) -> tuple[BurstView, ...]:
        """Those of the built-in client, as far as they were told."""
        return tuple(view for _, view in sorted(self._scene.bursts.items()))

    def poll(self, *, within_s: float = math.inf) -> list[Event]:
        """Move time; the events that have become due, already folded. When that takes more processor
        time than `within_s`, the recording's time waits for them."""
        self._advance(within_s)
        fresh, self._fresh = self._fresh, []
        return fresh

    def snapshot(self, first_row: int = 0, rows: int = 1_000, order: Order = BY_PLACE) -> Snapshot:
        """The server as it was."""
        self.state.server.waits.unread = self.unread_since_ns().keys()
        return self.state.snapshot(self._at_ns, first_row, rows, order)

    def row_of(self, conn: int, order: Order = BY_PLACE) -> int | None:
        """The row of a connection in the table; None when it is not in it."""
        return self.state.row_of(conn, self._at_ns, order)

    def neighbour(self, row: int, steps: int, order: Order = BY_PLACE) -> tuple[int, int] | None:
        """(row, conn) of the connection so many steps from a row, as far as there is one."""
        return self.state.neighbour(row, steps, self._at_ns, order)

    def model_of(self, pid: int) -> str | None:
        """The model whose code a process runs or ran; None when that is not known."""
        return self.state.workers.model_of(pid) or self._scene.model_before or None

    def detail(self, conn: int) -> ConnectionDetail | None:
        """One connection told whole; None when it is forgotten."""
        told, seen = self.state.detail(conn, self._at_ns), self._scene.seen.get(conn)
        return replace(told, kernel=seen[0]) if told and seen else told

    def worker(self, pid: int, task: str) -> WorkerDetail | None:
        """One process (task empty) or thread told whole; None when it has ended."""
        return self.state.worker(pid, task, self._at_ns)

    def status(self) -> RunStatus:
        """What ran."""
        return self._scene.status(self.header.url or "(a recording)")

    def numbers(self) -> ProcessNumbers:
        """What the operating system said then; where nobody asked it, what the events tell."""
        names = self.state.workers.threads()
        children = sum(not name for name in names)
        told = ProcessNumbers(processes=children, threads=children + sum(map(bool, names)))
        return self._scene.numbers or told

    def kernel(self) -> KernelNumbers:
        """What the kernel said then."""
        return self._scene.kernel

    def unread_since_ns(self) -> dict[int, int]:
        """conn -> since when, at the latest, the kernel had bytes of it, of those that mattered then."""
        return {conn: since_ns for conn, (_, since_ns) in self._scene.seen.items() if since_ns}

    @property
    def looked(self) -> Moment:
        """What the last look for findings saw."""
        return self._looks.moment

    def findings(self) -> tuple[Finding, ...]:
        """The failures that showed then: looked for when the live run did, with the same numbers."""
        return self._looks.found

    def switch(self, model: str) -> None:
        """Nothing."""
        self.refusal = REFUSAL

    def set_mode(self, *, short: bool) -> None:
        """Nothing."""
        self.refusal = REFUSAL

    def restart(self) -> None:
        """Nothing."""
        self.refusal = REFUSAL

    def start_burst(self, requests: int = 50, connections: int = 10) -> None:
        """Nothing."""
        self.refusal = REFUSAL

    def toggle_load(self, _: object) -> None:
        """Nothing."""
        self.refusal = REFUSAL

    def stop(self) -> list[Event]:
        """Nothing has to be ended."""
        return []

    # --- time ---------------------------------------------------------------------------------------

    def _advance(self, within_s: float = math.inf) -> None:
        """Move time by what has passed, and fold what is due, as far as so much processor time allows."""
        now_ns = self._clock()
        passed_ns, self._clock_ns = now_ns - self._clock_ns, now_ns
        if self.is_paused:
            return
        self._at_ns = min(self._at_ns + int(passed_ns * self.speed), self._end_ns)
        end = bisect_right(self._due_ns, self._at_ns)
        end_s = time.thread_time() + within_s
        while self._index < end:
            self._fresh += self._fold(min(self._index + LINES_AT_ONCE, end))
            if time.thread_time() >= end_s:
                break
        self.is_behind = self._index < end
        if self.is_behind:
            # What was open before the recording began is told with times of before.
            self._at_ns = max(self._start_ns, self._due_ns[max(self._index - 1, 0)])

    def _change_speed(self, steps: int) -> None:
        self._advance()
        self.refusal = ""
        self._speed = min(max(self._speed + steps, SLOWEST), FASTEST)

    def _begin_anew(self) -> None:
        self.state = ServerState()
        self.state.began_ns = self._start_ns  # the events' seconds are those of the recording
        self._scene = Scene(self.header.model, self.header.mode)
        self._looks = ReplayedLooks(self.state, self._scene)
        self._index = 0  # lines before it are folded
        self._fresh = []

    def _fold(self, end: int) -> list[Event]:
        """Fold the lines up to `end`; their events. Findings are looked for where the live run did."""
        events: list[Event] = []
        while self._index < end:
            looks = (at for at in range(self._index, end) if is_look(self._lines[at]))
            upto = next(looks, end - 1) + 1
            events += self._fold_between_looks(self._lines[self._index : upto])
            self._index = upto
            if is_look(last := self._lines[upto - 1]):
                self._looks.take(last.at_ns, self.numbers(), self.kernel(), self.status())
        return events

    def _fold_between_looks(self, lines: list[Event]) -> list[Event]:
        events = [line for line in lines if not is_told(line)]
        self.state.fold(events)
        for line in lines:
            if not line.conn or self._scene.is_first:
                self._scene.take(line)
        self.state.note_unreported(self._scene.unreported)
        self.short = self._scene.mode == "short"
        return events
