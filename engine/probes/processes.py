"""Process numbers, by psutil: CPU, memory, threads, descriptors, zombies."""

import contextlib
import os
import resource
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import psutil

from engine.views.snapshot import ProcessNumbers

ZOMBIES_NAMED = 64
CHILDREN_LOOKED_AT = 64  # with more, descriptors and memory are scaled up from these


class ProcessProbe:
    """Samples the running engine with its children. CPU is counted from the sample before."""

    def __init__(self) -> None:
        self._known: dict[int, psutil.Process] = {}
        self._waited = (0, 0, 0)  # pid, when, and for how many ns it had waited for a processor

    @property
    def pids(self) -> tuple[int, ...]:
        """The processes of the last sample."""
        return tuple(self._known)

    def sample(
        self, pid: int | None, draining: Iterable[int], accept_queue: tuple[int, int] | None
    ) -> ProcessNumbers:
        """The numbers of process `pid`, its children, and the engines that are `draining`.

        `accept_queue` (length, limit) is passed through. A process that has just ended counts 0.
        """
        waiting, limit = accept_queue or (None, None)
        if pid is None:
            return ProcessNumbers(accept_queue=waiting, accept_queue_limit=limit)
        tree = self._trees([pid, *draining])
        ended = {process.pid for process in tree if _is_zombie(process)}
        alive = [process for process in tree if process.pid not in ended]
        children = [process for process in alive if process.pid != pid]
        looked_at = children[:CHILDREN_LOOKED_AT]
        scale = len(children) / len(looked_at) if looked_at else 0
        parents = [process for process in alive if process.pid == pid]
        return ProcessNumbers(
            processes=len(alive),
            threads=sum(map(_threads, parents)) + round(scale * sum(map(_threads, looked_at))),
            zombies=len(tree) - len(alive),
            zombie_pids=tuple(ended)[:ZOMBIES_NAMED],
            descriptors=sum(map(_descriptors, parents)) if parents else None,
            children_descriptors=round(scale * sum(map(_descriptors, looked_at))),
            children_switches=round(scale * sum(map(_switches, looked_at))),
            descriptor_limit=_descriptor_limit(pid),
            cpu_percent=sum(map(_cpu_percent, alive)),
            starved_percent=self._starved_percent(pid),
            memory_bytes=sum(map(_memory, parents)) + round(scale * sum(map(_memory, looked_at))),
            accept_queue=waiting,
            accept_queue_limit=limit,
        )

    def _starved_percent(self, pid: int) -> float:
        before, self._waited = self._waited, (pid, time.monotonic_ns(), _waited_ns(pid))
        _, now_ns, waited_ns = self._waited
        if before[0] != pid or now_ns <= before[1]:
            return 0.0
        return max(100.0 * (waited_ns - before[2]) / (now_ns - before[1]), 0.0)

    def _trees(self, roots: Iterable[int]) -> list[psutil.Process]:
        """The processes and all that they started; the same objects as before, which know the CPU
        time of the sample before."""
        found: dict[int, psutil.Process] = {}
        for root in roots:
            try:
                process = psutil.Process(root)
                members = [process, *process.children(recursive=True)]
            except psutil.Error:
                continue
            for member in members:
                known = self._known.get(member.pid)
                found[member.pid] = known if known == member else member
        self._known = found
        return list(found.values())


def _is_zombie(process: psutil.Process) -> bool:
    try:
        return bool(process.status() == psutil.STATUS_ZOMBIE)
    except psutil.Error:
        return False


def _threads(process: psutil.Process) -> int:
    try:
        return process.num_threads()
    except psutil.Error:
        return 0


def _descriptors(process: psutil.Process) -> int:
    """Since Linux 6.2 the size of the folder says how many; to list 10,000 takes some 6 ms."""
    with contextlib.suppress(OSError):
        if told := os.stat(f"/proc/{process.pid}/fd").st_size:
            return told
    try:
        return process.num_fds()
    except psutil.Error:
        return 0


def _waited_ns(pid: int) -> int:
    """For how long its first thread was ready and did not run: /proc/PID/schedstat."""
    try:
        return int(Path(f"/proc/{pid}/schedstat").read_text().split()[1])
    except (OSError, IndexError, ValueError):
        return 0


def _switches(process: psutil.Process) -> int:
    try:
        return int(process.num_ctx_switches().voluntary)
    except (psutil.Error, NotImplementedError):
        return 0


def _cpu_percent(process: psutil.Process) -> float:
    try:
        return process.cpu_percent()
    except psutil.Error:
        return 0.0


def _memory(process: psutil.Process) -> int:
    try:
        return int(process.memory_info().rss)
    except psutil.Error:
        return 0


def _descriptor_limit(pid: int) -> int:
    """The soft limit of a process, which may have lowered it; ours where the system does not tell."""
    if hasattr(resource, "prlimit"):
        with contextlib.suppress(OSError):
            return resource.prlimit(pid, resource.RLIMIT_NOFILE)[0]
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]


def holder_of_port(port: int) -> str:
    """Who listens on a TCP port: `python3 (pid 4120)`; empty where that cannot be known.

    Of several processes that share the listener it is the one that started the others.
    """
    try:
        pids = [one.pid for one in psutil.net_connections("tcp") if _is_listener(one, port)]
        if not pids or pids[0] is None:
            return ""
        holder = psutil.Process(pids[0])
        # psutil names only one of them, whichever.
        while (parent := holder.parent()) and _has_listener(parent, port):
            holder = parent
        return f"{holder.name()} (pid {holder.pid})"
    except psutil.Error:
        return ""  # somebody else's process


def _has_listener(process: psutil.Process, port: int) -> bool:
    try:
        return any(_is_listener(one, port) for one in process.net_connections("tcp"))
    except psutil.Error:
        return False


def _is_listener(connection: Any, port: int) -> bool:
    return connection.status == psutil.CONN_LISTEN and bool(connection.laddr.port == port)
