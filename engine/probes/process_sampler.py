"""When to ask for the numbers of the server's processes: psutil walks /proc, so not in each frame."""

import time
from collections.abc import Iterable

from engine.probes.processes import ProcessProbe
from engine.views.snapshot import ProcessNumbers

SAMPLE_S = 0.5  # while events come
IDLE_SAMPLE_S = 1.0


class ProcessSampler:
    """Keeps the last numbers for a while. One thread."""

    def __init__(self) -> None:
        self._probe = ProcessProbe()
        self._numbers = ProcessNumbers()
        self._sampled_s = 0.0
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
        """As ProcessProbe.sample(), or the last ones; at most half a second old while events come."""
        now_s = time.monotonic()
        if at_most_old_s is None:
            at_most_old_s = SAMPLE_S if self.is_busy else IDLE_SAMPLE_S
        if now_s - self._sampled_s >= at_most_old_s:
            self._sampled_s = now_s
            self.is_busy = False
            self._numbers = self._probe.sample(pid, draining, accept_queue)
        return self._numbers
