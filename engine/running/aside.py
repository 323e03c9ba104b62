"""Who watches keeps off the processor on which the server's loop runs.

Where there are as few processors as on a laptop, the kernel lets a server, its client and the reader of
its events share them as it comes: a reader that wakes beside the server takes half of its time away for
some milliseconds, and keep-alive goes a tenth slower. A watcher that knows better goes elsewhere. Not one that
draws: its keys would wait longer for a picture. Linux only; for the thread that calls.

What it starts would inherit that, so this is left to a thread that stays where it may run anywhere. It
lives as long as the process: an engine is killed when the thread that started it ends (dying.py).
"""

import contextlib
import os
import subprocess
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

_PROCESSOR = 36  # of the fields of /proc/PID/stat behind the name (proc(5), field 39)


class Aside:
    """Where the running thread may be."""

    def __init__(self) -> None:
        self._starter: ThreadPoolExecutor | None = None
        self._allowed: set[int] = set()
        self._left: int | None = None
        """The processor that it keeps off."""

    def keep_off(self, pid: int | None) -> None:
        """Leave the processor that the first thread of a process was last on, if there is another one.
        To be called now and then: it may be on another one by now. 15 us."""
        processor = _processor_of(pid)
        if processor is None or processor == self._left:
            return
        if self._starter is None:
            self._allowed = os.sched_getaffinity(0)
            self._starter = ThreadPoolExecutor(max_workers=1, thread_name_prefix="starter")
            self._starter.submit(
                int
            ).result()  # it runs from here on, and may be where we may be now
        if others := self._allowed - {processor}:
            self._left = processor
            with contextlib.suppress(OSError):  # somebody else has bound us
                os.sched_setaffinity(0, others)

    def start(self, command: list[str], **options: Any) -> "subprocess.Popen[bytes]":
        """As subprocess.Popen; the process may run where we might at first. Raises OSError."""
        popen: Callable[..., subprocess.Popen[bytes]] = subprocess.Popen
        if self._starter is None:
            return popen(command, **options)
        return self._starter.submit(popen, command, **options).result()


def _processor_of(pid: int | None) -> int | None:
    """None: there is no such process, or the system does not tell."""
    if pid is None or not hasattr(os, "sched_setaffinity"):
        return None
    try:
        fields = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()
        return int(fields[_PROCESSOR])
    except (OSError, ValueError, IndexError):
        return None


aside = Aside()
"""Of the thread that watches: one a process, as its processors are."""
