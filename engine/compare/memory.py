"""How much memory a process and those below it hold together."""

import re
from pathlib import Path

import psutil

_ANONYMOUS = re.compile(r"^Pss_Anon:\s+(\d+) kB$", re.MULTILINE)


def held_bytes(pid: int | None) -> int | None:
    """Proportional set size where the system tells it: a page that forked children share counts once,
    where resident size would count it in each. Without what files are mapped, of which each has the less
    the more others map them. None: the process is gone."""
    try:
        if pid is None:
            return None
        root = psutil.Process(pid)
        return sum(map(_held, [root, *root.children(recursive=True)]))
    except psutil.Error:
        return None


def _held(process: psutil.Process) -> int:
    """0: it has just ended."""
    try:
        told = _ANONYMOUS.search(Path(f"/proc/{process.pid}/smaps_rollup").read_text())
        return int(told[1]) * 1024 if told else int(process.memory_info().rss)
    except FileNotFoundError:  # not Linux, or ended
        pass
    except OSError:
        return 0
    try:
        return int(process.memory_info().rss)
    except psutil.Error:
        return 0
