"""A run: its engines, its load and its probes, and the fold of what they report.

The only file that knows all of these. It owns the listening socket, so that the
port stays open from the first engine to the last. Everything happens in poll(), which the terminal
calls between frames (or the headless loop between commands); nothing here waits, but for stop().
"""

import math
import os
import time
from collections.abc import Sequence
from dataclasses import replace
from time import monotonic_ns

from engine import listener as listening
from engine.events import Event, Kind
from engine.findings.finding import Finding
from engine.findings.moment import Moment
from engine.fold.state import ServerState
from engine.load.plan import Plan
from engine.load.result import Burst
from engine.probes.descriptors import DescriptorProbe
from engine.probes.kernel_sampler import KernelSampler
from engine.probes.process_sampler import ProcessSampler
from engine.running.engine_process import EngineProcess, Phase
from engine.running.engines import Engines
from engine.running.intake import Intake
from engine.running.loads import Loads
from engine.running.run_settings import RunSettings, check, open_listener
from engine.running.slow_motion import SlowMotion
from engine.running.telling import Telling
from engine.running.watch import Watch
from engine.tracing.kernel_times import ask_for_times
from engine.views.detail import ConnectionDetail
from engine.views.kernel_numbers import KernelNumbers
from engine.views.order import BY_PLACE, Order
from engine.views.snapshot import BurstView, ProcessNumbers, RunStatus, Snapshot
from engine.views.worker_view import WorkerDetail

STOP_S = 0.5  # how long the last engine may, when the run ends
BURST_REQUESTS, BURST_CONNECTIONS = 50, 10
LOOK_S = 0.06  # between two looks at the queue: the longer, the more is passed over (event_queue/passing.py)


class Run:
    """One server, whatever model it runs with at the moment."""

    def __init__(self, settings: RunSettings) -> None:
        """Open the listener and start the first engine. Raises RunError."""
        check(settings)
        self.settings = settings
        self.state = ServerState()
        self.pages: dict[str, str] = {}  # those of a recording; what runs is what is read
        self.whole = settings.whole
        self._look_at_s = 0.0
        self._loads = Loads()
        self._seq = 0
        self._told: list[Event] = []
        self._listener = open_listener(settings)
        if settings.trace:
            ask_for_times(self._listener)
        self.url = listening.url_of(self._listener)
        self._processes = ProcessSampler()
        self._kernel = KernelSampler(self._listener, self.state.server.waits.queue.connections)
        self.unread_since_ns = self._kernel.unread_since_ns
        self._descriptors = DescriptorProbe(self._kernel.sockets)
        self._engines = Engines(settings, self._listener, self._tell)
        self.slow_motion = SlowMotion(self._engines)
        self._watch = Watch(self._kernel, self._processes, settings.allowed, self.slow_motion)
        self._intake = Intake(self.state)
        self._telling = Telling(
            self.state, self._intake, self._engines, tells_bytes=settings.tells_bytes
        )
        self._ended: list[EngineProcess] = []  # before the last look: it has found all of theirs

    # --- what keys and commands do -------------------------------------------------------------

    @property
    def short(self) -> bool:
        """Each connection is closed after one answer."""
        return self._engines.short

    @property
    def refusal(self) -> str:
        """Why the last key did nothing, for as long as that holds; else empty."""
        return self._loads.refusal

    def switch(self, model: str) -> None:
        """Let another model take over. KeyError: no such model."""
        self._engines.switch(model)

    def restart(self) -> None:
        """Start the running model anew, dead or not."""
        self._engines.switch(self._engines.model)

    def set_mode(self, *, short: bool) -> None:
        """Keep-alive or short connections, from the next request on."""
        self._engines.set_mode(short=short)
        self._loads.note_change(self._engines.model, self._mode())

    def start_burst(
        self, requests: int = BURST_REQUESTS, connections: int = BURST_CONNECTIONS
    ) -> None:
        """Fire requests from the built-in client; one load at a time. See `refusal`."""
        asked = Burst(
            self.url + "/", requests, connections, allow_remote=True, parent_pid=os.getpid()
        )
        self._note_failure(self._loads.start_burst(asked, self._engines.model, self._mode()))

    def toggle_load(self, plan: Plan) -> None:
        """Start sustained load by the plan, whose URL is ours; or end what is under way."""
        asked = replace(
            plan,
            url=self.url + "/",
            allow_remote=True,
            server_pid=self._engines.serving_pid,
            watcher_pid=os.getpid(),
            parent_pid=os.getpid(),
        )
        self._note_failure(self._loads.toggle(asked, self._engines.model, self._mode()))

    def _note_failure(self, words: str) -> None:
        if words:
            self._engines.last_words = (words,)

    def said_since(self, count: int) -> tuple[list[str], int]:
        """The lines that the engines wrote after the first `count`, and how many there are now."""
        return self._engines.said.since(count), self._engines.said.count

    @property
    def said(self) -> Sequence[str]:
        """The last lines that the engines wrote."""
        return self._engines.said.lines

    @property
    def bursts(self) -> tuple[BurstView, ...]:
        """The last bursts, oldest first."""
        return self._loads.views()

    # --- the beat --------------------------------------------------------------------------------

    def poll(self, *, at_once: bool = False, within_s: float = math.inf) -> list[Event]:
        """Advance everything by a step; new events, already folded.

        The queue is looked at each LOOK_S, or `at_once`. What is found there is taken in as a whole, or
        as far as so much processor time allows; see `is_behind`.
        """
        now_s = time.monotonic()
        if self._engines.advance(now_s):
            self._loads.note_change(self._engines.model, self._mode())
        self._loads.advance()
        if self._telling.is_due(now_s, whole=self.whole):
            self._note_beside()
            self._telling.adapt(now_s, whole=self.whole)
        events = self._intake.take(within_s)
        is_due = now_s >= self._look_at_s or self._engines.are_changing or self.whole
        if (is_due or at_once) and not self._intake.is_under_way:
            self._look_at_s = now_s + LOOK_S
            self._look()
            events += self._intake.take(within_s)
        if not self._intake.is_under_way:
            self._bury_ended()
        self._processes.is_busy |= bool(events)
        self._kernel.advance(within_s, is_busy=self._processes.is_busy)
        return events

    @property
    def is_behind(self) -> bool:
        """poll() has more to take in than it has taken in."""
        return self._intake.is_under_way or self._kernel.is_looking

    def snapshot(self, first_row: int = 0, rows: int = 1_000, order: Order = BY_PLACE) -> Snapshot:
        """The server as the events so far tell it."""
        self._note_beside()
        return self.state.snapshot(monotonic_ns(), first_row, rows, order)

    def row_of(self, conn: int, order: Order = BY_PLACE) -> int | None:
        """The row of a connection in the table; None when it is not in it."""
        return self.state.row_of(conn, monotonic_ns(), order)

    def neighbour(self, row: int, steps: int, order: Order = BY_PLACE) -> tuple[int, int] | None:
        """(row, conn) of the connection so many steps from a row, as far as there is one."""
        return self.state.neighbour(row, steps, monotonic_ns(), order)

    def model_of(self, pid: int) -> str | None:
        """The model whose code a process runs or ran; None when that is not known."""
        return self.state.workers.model_of(pid)

    def detail(self, conn: int) -> ConnectionDetail | None:
        """One connection told whole; None when it is forgotten."""
        told = self.state.detail(conn, monotonic_ns())
        return told and replace(told, kernel=self._kernel.view(conn))

    def worker(self, pid: int, task: str) -> WorkerDetail | None:
        """One process (task empty) or thread told whole; None when it has ended."""
        told = self.state.worker(pid, task, monotonic_ns())
        pids = (os.getpid(), *self._processes.pids)
        return told and replace(told, descriptors=self._descriptors.look(pid, pids))

    def status(self) -> RunStatus:
        """What runs, and how it is going."""
        engines = self._engines
        at_cap, for_lack = engines.refused()
        return RunStatus(
            model=engines.model,
            url=self.url,
            mode=self._mode(),
            engine_pid=engines.serving_pid,
            phase=engines.phase,
            thinning=self._telling.ratio,
            draining=len(engines.draining),
            last_words=engines.last_words,
            cap=engines.serving.settings.cap if engines.serving else 0,
            refused=at_cap,
            refused_for_lack=for_lack,
            restarts=engines.restarts,
        )

    def numbers(self, at_most_old_s: float | None = None) -> ProcessNumbers:
        """What the operating system says of the server; at most half a second old while it works."""
        pids = [engine.pid for engine in self._engines.draining]
        queue = listening.accept_queue(self._listener)
        return self._processes.numbers(self._engines.serving_pid, pids, queue, at_most_old_s)

    def kernel(self, at_most_old_s: float | None = None) -> KernelNumbers:
        """What the kernel says of the sockets of the port; without an age, as old as its cost wants."""
        return self._kernel.numbers(math.inf if at_most_old_s is None else at_most_old_s)

    @property
    def looked(self) -> Moment:
        """What the last look for findings saw."""
        return self._watch.looked

    def findings(self, at_most_old_s: float | None = None) -> tuple[Finding, ...]:
        """The failures that show, the worst first; numbers as old as those of numbers() and kernel()."""
        numbers, kernel = self.numbers(at_most_old_s), self.kernel(at_most_old_s)
        if not self._watch.is_due(self.state):
            return self._watch.found
        self._note_beside()
        return self._watch.look(self.state, numbers, kernel, self.status())

    def stop(self) -> list[Event]:
        """End the run: let the engines finish for STOP_S, then end them. The last events."""
        self._loads.kill()
        self._engines.leave()
        events = self._intake.take()
        deadline_s = time.monotonic() + STOP_S
        while any(engine.phase is not Phase.ENDED for engine in self._engines.all()):
            events += self.poll()
            if time.monotonic() > deadline_s:
                self._engines.kill()
            time.sleep(0.005)
        while self._engines.all() or self._told:  # the end of an engine is told in the poll after
            events += self.poll()
        self._listener.close()
        self._kernel.close()
        return events

    def _mode(self) -> str:
        return "short" if self.short else "keep-alive"

    # --- events ----------------------------------------------------------------------------------

    def _look(self) -> None:
        engines = self._engines.all()
        self._ended = [engine for engine in engines if engine.phase is Phase.ENDED]
        told, self._told = self._told, []
        self._intake.look([engine.reader for engine in engines], told, whole=self.whole)

    def _bury_ended(self) -> None:
        for engine in [one for one in self._ended if one in self._engines.draining]:
            self._engines.bury(engine)

    def _note_beside(self) -> None:
        """What no event tells, for the fold to tell."""
        self.state.server.waits.unread = self.unread_since_ns().keys()
        self.state.note_unreported(self._engines.unreported())

    def _tell(self, kind: Kind, note: str) -> None:
        """An event of this process: it starts the engines and sees them end."""
        whose = (0, -1, os.getpid(), "MainThread", 0, 0)  # of no connection
        self._told.append(Event(self._seq, monotonic_ns(), kind, *whose, note))
        self._seq += 1
