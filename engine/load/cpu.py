"""Who used the processors while load ran: the server, this client, the dashboard, everybody else.

Knows no load. Linux tells also how long this process waited for a processor; elsewhere that is 0.
"""

from __future__ import annotations

import contextlib
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import psutil

_BY_THE_SCHEDULER = 2  # CPUCLOCK_SCHED of the kernel: of a process, in ns
_SCHEDSTAT = Path("/proc/self/schedstat")  # ns that ran, ns that waited for a processor, turns


@dataclass(frozen=True, slots=True)
class CpuShares:
    """In percent of one core, over the same time. None: nobody told whose process it is."""

    client: float
    client_waited: float  # it could have run, and others had the processors
    server: float | None
    dashboard: float | None
    others: float


class CpuMeter:
    """Counts from when it is made, or from `restart`."""

    def __init__(self, server_pid: int | None, watcher_pid: int | None) -> None:
        self._server = _process(server_pid)
        self._watcher = _process(watcher_pid)
        self.restart()

    def restart(self) -> None:
        """Count from now on."""
        self._before = self._look()

    def shares(self) -> CpuShares:
        """Of the time since the beginning of the count."""
        before, now = self._before, self._look()
        wall, busy, client, waited, server, watcher = (
            None if new is None or old is None else new - old
            for new, old in zip(now, before, strict=True)
        )
        assert wall is not None
        assert busy is not None
        assert client is not None
        assert waited is not None
        percent = 100 / max(wall, 1e-6)
        others = max(busy - client - (server or 0) - (watcher or 0), 0)
        return CpuShares(
            client=client * percent,
            client_waited=waited * percent,
            server=None if server is None else server * percent,
            dashboard=None if watcher is None else watcher * percent,
            others=others * percent,
        )

    def _look(self) -> tuple[float | None, ...]:
        return (
            time.monotonic(),
            _busy_s(),
            time.process_time(),
            _waited_s(),
            _tree_s(self._server),
            _own_s(self._watcher),
        )


def _process(pid: int | None) -> psutil.Process | None:
    try:
        return None if pid is None else psutil.Process(pid)
    except psutil.Error:
        return None


def _busy_s() -> float:
    times = psutil.cpu_times()
    parts = ("user", "nice", "system", "irq", "softirq")
    return float(sum(getattr(times, part, 0) for part in parts))


def _waited_s() -> float:
    try:
        return int(_SCHEDSTAT.read_text().split()[1]) / 1e9
    except (OSError, IndexError):
        return 0.0


def _tree_s(root: psutil.Process | None) -> float | None:
    """Of a process and those below it; who has died counts for its parent, who waited for it."""
    if root is None:
        return None
    try:
        processes = [root, *root.children(recursive=True)]
    except psutil.Error:
        return None
    return sum(_times_s(process, with_dead=True) for process in processes)


def _own_s(process: psutil.Process | None) -> float | None:
    return None if process is None else _times_s(process, with_dead=False)


def _times_s(process: psutil.Process, *, with_dead: bool) -> float:
    """Of all its threads, those that have ended included."""
    try:
        times = process.cpu_times()
    except psutil.Error:
        return 0.0
    dead = times.children_user + times.children_system if with_dead else 0
    if sys.platform == "linux":
        # Its times above are told in steps of 10 ms; its clock is exact (clock_getcpuclockid(3)).
        with contextlib.suppress(OSError):
            return float(time.clock_gettime(~process.pid << 3 | _BY_THE_SCHEDULER) + dead)
    return float(times.user + times.system + dead)
