"""Engines are started by a thread of their own, so that who watches them may let them go first.

On Linux a thread has a priority of its own, which no unprivileged one can raise again and which what it
starts inherits. And an engine is killed when the thread that started it ends (dying.py): this one lives
as long as the process.
"""

import os
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

NICE = 10  # where all processors are busy, one part in ten of one of them is left
_starter = ThreadPoolExecutor(max_workers=1, thread_name_prefix="starter")


def start(command: list[str], **options: Any) -> "subprocess.Popen[bytes]":
    """As subprocess.Popen. Raises OSError."""
    popen: Callable[..., subprocess.Popen[bytes]] = subprocess.Popen
    return _starter.submit(popen, command, **options).result()


def let_others_go_first() -> None:
    """From now on the running thread does, but not what it lets start()."""
    if sys.platform != "linux":
        return  # the whole process would
    _starter.submit(os.getpid).result()  # it runs from here on, with the priority that it has now
    os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICE)
