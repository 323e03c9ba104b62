"""No process outlives the one that started it, however that one ends."""

import ctypes
import os
import signal
import sys
import threading
import time

_PR_SET_PDEATHSIG = 1  # <sys/prctl.h>
_LOOK_S = 0.5


def die_with_parent(parent_pid: int) -> None:
    """Be killed when the parent ends; at once when it has ended already. Holds for forks as well.

    prctl(2): the signal is sent when the *thread* that made this process ends, so the parent must
    start it from its main thread; fork clears the setting, so each child sets it again.
    """
    _arrange(parent_pid)
    os.register_at_fork(before=_remember_parent, after_in_child=lambda: _arrange(_forked_from))


_forked_from = 0


def _remember_parent() -> None:
    global _forked_from
    _forked_from = os.getpid()


def _arrange(parent_pid: int) -> None:
    if _prctl:
        _prctl(_PR_SET_PDEATHSIG, _SIGKILL, 0, 0, 0)
    else:
        threading.Thread(target=_watch, args=(parent_pid,), daemon=True).start()
    if _getppid() != parent_pid:  # it ended before the line above
        os._exit(1)


def _watch(parent_pid: int) -> None:
    while os.getppid() == parent_pid:
        time.sleep(_LOOK_S)
    os.kill(os.getpid(), signal.SIGKILL)


# Found here once: each look that a forked child takes costs it some pages of its parent's memory.
_prctl = ctypes.CDLL(None).prctl if sys.platform == "linux" else None
_getppid, _SIGKILL = os.getppid, int(signal.SIGKILL)
