"""What the dashboard needs of a run: engine.running.run.Run has it, and so has the fake of the tests."""

import math
from collections.abc import Mapping, Sequence
from typing import Protocol, runtime_checkable

from engine.events import Event
from engine.findings.finding import Finding
from engine.findings.moment import Moment
from engine.fold.state import ServerState
from engine.load.plan import Plan
from engine.views.detail import ConnectionDetail
from engine.views.kernel_numbers import KernelNumbers
from engine.views.order import BY_PLACE, Order
from engine.views.snapshot import BurstView, ProcessNumbers, RunStatus, Snapshot
from engine.views.worker_view import WorkerDetail


class SlowMotionLike(Protocol):
    """The pace of a server, as keys change it."""

    @property
    def is_stepping(self) -> bool:
        """The server waits for steps."""

    @property
    def tick_s(self) -> float:
        """The pause after each round of the polling loop."""

    def step(self) -> None:
        """Hold the server; if it is held, let it go on by a step."""

    def go_on(self) -> None:
        """Hold it no longer."""

    def change_tick(self, steps: int) -> None:
        """A longer pause, or a shorter one."""


class RunLike(Protocol):
    """A server that runs, or seems to."""

    state: ServerState
    """The fold, to be read only."""
    whole: bool
    """poll() tells every event, also those of connections that nobody could have seen."""

    @property
    def pages(self) -> Mapping[str, str]:
        """Model -> the edition of its page that ran (edition_of); nothing of one that runs as it is read."""

    @property
    def refusal(self) -> str:
        """Why the last key did nothing; empty when it did something, and when that holds no longer."""

    @property
    def short(self) -> bool:
        """Each connection is closed after one answer."""

    @property
    def said(self) -> Sequence[str]:
        """The last lines that the server's processes wrote on stdout and stderr."""

    @property
    def bursts(self) -> tuple[BurstView, ...]:
        """The bursts of the built-in client, newest last."""

    def poll(self, *, within_s: float = math.inf) -> Sequence[Event]:
        """Advance by a step; the events since the last call, already folded. If there are more than
        can be taken in with so much processor time, the rest waits for the next call."""

    @property
    def is_behind(self) -> bool:
        """Something waits for the next call of poll()."""

    def snapshot(self, first_row: int = 0, rows: int = 1_000, order: Order = BY_PLACE) -> Snapshot:
        """The server as the events so far tell it, with a window of its connections."""

    def row_of(self, conn: int, order: Order = BY_PLACE) -> int | None:
        """The row of a connection in the table; None when it is not in it."""

    def neighbour(self, row: int, steps: int, order: Order = BY_PLACE) -> tuple[int, int] | None:
        """(row, conn) of the connection so many steps from a row (negative: up), or of the last one
        in that direction."""

    @property
    def slow_motion(self) -> SlowMotionLike | None:
        """None: its pace cannot be changed."""

    def model_of(self, pid: int) -> str | None:
        """The model whose code a process runs or ran; None when that is not known."""

    def detail(self, conn: int) -> ConnectionDetail | None:
        """One connection told whole; None when it is forgotten."""

    def worker(self, pid: int, task: str) -> WorkerDetail | None:
        """One process (task empty) or thread told whole; None when it has ended."""

    def status(self) -> RunStatus:
        """What runs, and how it is going."""

    def numbers(self) -> ProcessNumbers:
        """What the operating system says of the server."""

    def kernel(self) -> KernelNumbers:
        """What the kernel says of the sockets of the port."""

    def unread_since_ns(self) -> Mapping[int, int]:
        """conn -> since when, at the latest, the kernel has had bytes for the server, of those who wait
        for it to read."""

    @property
    def looked(self) -> Moment:
        """What the last look for findings saw."""

    def findings(self) -> tuple[Finding, ...]:
        """The failures that show now, the worst first."""

    def switch(self, model: str) -> None:
        """Let another model take over."""

    def set_mode(self, *, short: bool) -> None:
        """Keep-alive or short connections, from the next request on."""

    def restart(self) -> None:
        """Start the running model anew, dead or not."""

    def start_burst(self, requests: int = 50, connections: int = 10) -> None:
        """Let the built-in client send requests."""

    def toggle_load(self, plan: Plan) -> None:
        """Let the built-in client begin sustained load on this server, or end what is under way."""

    def stop(self) -> Sequence[Event]:
        """End the run."""


@runtime_checkable
class Playback(Protocol):
    """What a recording that is played can do beside a run."""

    @property
    def is_paused(self) -> bool:
        """Its time stands still."""

    @property
    def is_over(self) -> bool:
        """Its last event has been told."""

    @property
    def speed(self) -> float:
        """Seconds of the recording for each second."""

    @property
    def at_s(self) -> float:
        """Seconds since its first event."""

    @property
    def length_s(self) -> float:
        """From its first event to its last."""

    @property
    def past(self) -> Mapping[int, tuple[int, int | None]]:
        """Second of the clock -> the most open connections and descriptors of the engine that looks saw in
        it, as far as it has been played or jumped over. None: not told."""

    def toggle_pause(self) -> None:
        """Hold its time, or let it go on."""

    def step(self) -> None:
        """Tell exactly the next event, and hold."""

    def faster(self) -> None:
        """Twice as fast."""

    def slower(self) -> None:
        """Half as fast."""

    def jump(self, seconds: float) -> None:
        """Go to a time since the first event, back or forth."""
