"""Who watches has the processor in short turns.

Once a process runs, the kernel lets it go on for some 3 ms before another that wants the same processor has
its turn. To take in what a look has found takes longer, and meanwhile the server waits, or the client,
whichever of them was there: a request that takes 0.2 ms waits for 3. On two processors that cost a
keep-alive server a fifth of its rate. In short turns, one that wakes up need not wait longer than 0.1 ms.
"""

import ctypes
import os
import platform
import struct
import sys

TURN_NS = 100_000  # the shortest that Linux grants (6.12 and later; before, it takes no notice)
_SCHED_SETATTR = {"x86_64": 314, "aarch64": 274, "riscv64": 274}  # syscalls(2)
_ATTR = struct.Struct("=IIQiIQQQII")  # struct sched_attr of sched_setattr(2)
_RESET_ON_FORK = 1  # what is started has turns as long as ever


def take_short_turns() -> None:
    """From now on the running thread does. Where the system does not know of that, nothing changes."""
    number = _SCHED_SETATTR.get(platform.machine())
    if sys.platform != "linux" or number is None or sys.maxsize < 2**32:
        return
    try:
        nice = os.getpriority(os.PRIO_PROCESS, 0)
        # One that goes first would not hand that on to what it starts.
        if os.sched_getscheduler(0) != os.SCHED_OTHER or nice < 0:
            return
        asked = (_ATTR.size, os.SCHED_OTHER, _RESET_ON_FORK, nice, 0, TURN_NS, 0, 0, 0, 0)
        ctypes.CDLL(None).syscall(number, 0, _ATTR.pack(*asked), 0)
    except (OSError, AttributeError):
        pass  # a C library that knows no schedulers (musl), or no syscall(2)
