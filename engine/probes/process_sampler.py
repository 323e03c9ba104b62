"""When to ask for the numbers of the server's processes: psutil walks /proc, so not in each frame."""

import time
from collections.abc import Iterable

from engine.probes.processes import ProcessProbe
from engine.views.snapshot import ProcessNumbers

SAMPLE_S, SHARE = 0.5, 50  # while events come: how often, and for one part in so many of a core
IDLE_SAMPLE_S, IDLE_SHARE = 1.0, 800


class ProcessSampler:
    """Keeps the last numbers for a while. One thread."""

    def __init__(self) -> None:
        self._probe = ProcessProbe()
        self._numbers = ProcessNumbers()
        self._sampled_s = self._cost_s = 0.0
        self.is_busy = False
        """Events have come since the last sample."""

    @property
    def pids(self) -> tuple[int, ...]:
        """The processes of the last sample."""
        return self._probe.pids

    def numbers(
        self,
        pid: int | None,
        draining: Iterable[int],
        accept_queue: tuple[int, int] | None,
        at_most_old_s: float | None = None,
    ) -> ProcessNumbers:
        """As ProcessProbe.sample(), or the last ones; at most half a second old while events
        come, unless that would take too much of a core: the system may have thousands of processes."""
        now_s = time.monotonic()
        if at_most_old_s is None and self.is_busy:
            at_most_old_s = max(SAMPLE_S, SHARE * self._cost_s)
        elif at_most_old_s is None:
            at_most_old_s = max(IDLE_SAMPLE_S, IDLE_SHARE * self._cost_s)
        if now_s - self._sampled_s >= at_most_old_s:
            self._sampled_s = now_s
            self.is_busy = False
            before_s = time.thread_time()
            self._numbers = self._probe.sample(pid, draining, accept_queue)
            self._cost_s = time.thread_time() - before_s
        return self._numbers
