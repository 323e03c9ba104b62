"""How much memory a process and those below it hold together."""

import psutil


def held_bytes(pid: int | None) -> int | None:
    """Proportional set size where the system tells it: a page that forked children share counts once,
    where resident size would count it in each. None: the process is gone."""
    try:
        if pid is None:
            return None
        root = psutil.Process(pid)
        return sum(map(_held, [root, *root.children(recursive=True)]))
    except psutil.Error:
        return None


def _held(process: psutil.Process) -> int:
    try:
        told = process.memory_full_info()
    except psutil.Error:
        return 0  # it has just ended
    return int(getattr(told, "pss", 0) or told.rss)
