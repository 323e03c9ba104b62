"""Looks at a run and its load while they go on, the warm-up left out."""

from __future__ import annotations

import time

from engine.compare.memory import held_bytes
from engine.load.figures import Report
from engine.load.plan import Plan
from engine.running.run import Run
from engine.views.rooms import ROOMS, rooms_of
from engine.views.snapshot import Room

LOOK_S = 0.06
MEMORY_AT = 0.6  # of the run: all connections are open, none ends yet


class Looks:
    """Of one run."""

    def __init__(self, run: Run, plan: Plan, held_before: int | None) -> None:
        self.memory_bytes: float | None = None
        self.processes = self.threads = 0
        self.descriptors: int | None = None
        self._run, self._plan = run, plan
        self._held_before = held_before
        self._look_at_s = 0.0
        self._first: Report | None = None
        self._last: Report | None = None
        self._seen: dict[str, list[int]] = {name: [] for name in ROOMS}

    def take(self, report: Report | None) -> None:
        """One look, where it is time."""
        now_s = time.monotonic()
        if report is None or now_s < self._look_at_s:
            return
        self._look_at_s = now_s + LOOK_S
        assert self._plan.seconds is not None
        if self._plan.warm_up <= report.seconds < self._plan.seconds and not report.is_final:
            self._first, self._last = self._first or report, report
        since_s = now_s - report.started_ns / 1e9
        if self._plan.warm_up <= since_s < self._plan.seconds:
            self._look(is_time_for_memory=since_s >= MEMORY_AT * self._plan.seconds)

    def waits(self) -> dict[str, float | None]:
        """How many were in each room, the mean of the looks that could tell."""
        return {name: sum(seen) / len(seen) if seen else None for name, seen in self._seen.items()}

    def in_between(self) -> tuple[int, float, float | None]:
        """Good answers, seconds, and seconds of the server's CPU, from the first report after the warm-up
        to the last one before the end: the end itself has a tail in which nothing new is asked."""
        first, last = self._first, self._last
        if first is None or last is None:
            return 0, 0.0, None
        begun, ended = self._server_cpu_s(first), self._server_cpu_s(last)
        used = None if begun is None or ended is None else max(ended - begun, 0.0)
        return last.done - first.done, last.seconds - first.seconds, used

    def _server_cpu_s(self, report: Report) -> float | None:
        share = report.cpu["server"]
        return None if share is None else share / 100 * report.measured_s

    def _look(self, *, is_time_for_memory: bool) -> None:
        run, status = self._run, self._run.status()
        snapshot, numbers = run.snapshot(0, 0), run.numbers()
        # Of thinned connections nobody knows in which room they are.
        is_traced = run.settings.trace and status.thinning == 1
        rooms = rooms_of(snapshot, numbers, run.kernel(), is_traced=is_traced)
        for name, room in rooms.items():
            if isinstance(room, Room):
                self._seen[name].append(room.now)
        self.processes = max(self.processes, numbers.processes)
        self.threads = max(self.threads, numbers.threads)
        if numbers.descriptors is not None:
            open_ones = numbers.descriptors + (numbers.children_descriptors or 0)
            self.descriptors = max(self.descriptors or 0, open_ones)
        if is_time_for_memory and self.memory_bytes is None:
            self._weigh(status.engine_pid, snapshot.counts.open)

    def _weigh(self, pid: int | None, connections: int) -> None:
        held = held_bytes(pid)
        if held is not None and self._held_before is not None and connections > 0:
            self.memory_bytes = max(held - self._held_before, 0) / connections
