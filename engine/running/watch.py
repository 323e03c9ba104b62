"""Looks at a run, now and then, for its findings.

One thread. A look walks over the connections once, so that the next one has to wait for a while.
"""

import time
from collections.abc import Collection

from engine.findings.finding import Finding
from engine.findings.lost_clients import LostClients
from engine.findings.moment import Moment, moment_of
from engine.findings.watching import Findings
from engine.fold.state import ServerState
from engine.probes.copies import Copies
from engine.probes.kernel_sampler import KernelSampler
from engine.probes.process_sampler import ProcessSampler
from engine.running.slow_motion import SlowMotion
from engine.views.kernel_numbers import KernelNumbers
from engine.views.snapshot import ProcessNumbers, RunStatus

LOOK_S = 0.1  # between two looks
RESTING_S = 0.5  # while nobody is there
SHARE = 100  # a look may cost one part in so many of a core


class Watch:
    """The findings of one run."""

    def __init__(
        self,
        kernel: KernelSampler,
        processes: ProcessSampler,
        allowed: Collection[str],
        slow_motion: SlowMotion,
    ) -> None:
        """`slow_motion`: while somebody lets the server go on step by step, what waits waits for that."""
        self._kernel = kernel
        self._processes = processes
        self._slow_motion = slow_motion
        self._findings = Findings(allowed)
        self._copies = Copies()
        self._lost = LostClients()
        self.looked = Moment()
        """What the last look saw."""
        self._due_s = self._rests_until_s = 0.0
        self.found: tuple[Finding, ...] = ()
        """Those of the last look."""

    def is_due(self, state: ServerState) -> bool:
        """The last look is old enough for another one."""
        is_watching = bool(state.connections or self.found)
        return time.monotonic() >= (self._due_s if is_watching else self._rests_until_s)

    def look(
        self,
        state: ServerState,
        numbers: ProcessNumbers,
        kernel: KernelNumbers,
        status: RunStatus,
    ) -> tuple[Finding, ...]:
        """The findings that hold now."""
        before_s = time.thread_time()
        connections = state.connections.values()
        copies = self._copies.look(
            connections, self._kernel.inode_of, self._kernel.looked_ns, self._processes.pids
        )
        snapshot = state.snapshot(time.monotonic_ns(), 0, 0)
        lost = self._lost.look(kernel, state.connections, snapshot.counts.closed, snapshot.now_ns)
        self.looked = moment_of(
            snapshot,
            state.events,
            connections,
            numbers,
            kernel,
            status,
            self._kernel.view,
            copies,
            lost,
        )
        self.found = () if self._slow_motion.is_stepping else self._findings.look(self.looked)
        now_s, rest_s = time.monotonic(), SHARE * (time.thread_time() - before_s)
        self._due_s = now_s + max(LOOK_S, rest_s)
        self._rests_until_s = now_s + max(RESTING_S, rest_s)
        return self.found
