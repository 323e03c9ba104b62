"""Looks at a run, now and then, for its findings.

One thread. A look walks over the connections once, so that the next one has to wait for a while.
"""

import time
from collections.abc import Collection

from engine.findings.finding import Finding
from engine.findings.moment import moment_of
from engine.findings.watching import Findings
from engine.kernel_numbers import KernelNumbers
from engine.probes.copies import Copies
from engine.probes.kernel import KernelSampler
from engine.probes.processes import ProcessProbe
from engine.snapshot import ProcessNumbers, RunStatus
from engine.state import ServerState

LOOK_S = 0.1  # between two looks
RESTING_S = 0.5  # while nobody is there
SHARE = 100  # a look may cost one part in so many of a core


class Watch:
    """The findings of one run."""

    def __init__(
        self, kernel: KernelSampler, processes: ProcessProbe, allowed: Collection[str]
    ) -> None:
        self._kernel = kernel
        self._processes = processes
        self._findings = Findings(allowed)
        self._copies = Copies()
        self._due_s = 0.0
        self._found: tuple[Finding, ...] = ()

    @property
    def is_due(self) -> bool:
        """The last look is old enough for another one."""
        return time.monotonic() >= self._due_s

    def look(
        self, state: ServerState, numbers: ProcessNumbers, kernel: KernelNumbers, status: RunStatus
    ) -> tuple[Finding, ...]:
        """The findings that hold now; those of the last look, when it is not due."""
        if not self.is_due:
            return self._found
        before_s = time.thread_time()
        connections = state.connections.values()
        copies = self._copies.look(
            connections, self._kernel.inode_of, self._kernel.looked_ns, self._processes.pids
        )
        snapshot = state.snapshot(time.monotonic_ns(), 0, 0)
        self._found = self._findings.look(
            moment_of(snapshot, connections, numbers, kernel, status, self._kernel.view, copies)
        )
        least_s = LOOK_S if connections or self._found else RESTING_S
        cost_s = time.thread_time() - before_s
        self._due_s = time.monotonic() + max(least_s, SHARE * cost_s)
        return self._found
