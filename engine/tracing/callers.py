"""Who did it: the line of the model's source. event_queue/tasks.py: which thread, greenlet or coroutine."""

import socket
import sys
from collections.abc import Callable
from typing import Any

from engine.event_queue.tasks import GreenletTasks

frame: Callable[[int], Any] = sys._getframe
"""frame(1) is the caller of the function that asks."""


PLUMBING: set[str | None] = {socket.__file__}
"""Files of sockets: what they call is done by whoever called them."""


def share_threads(base: Any) -> GreenletTasks:
    """From now on greenlets share the threads, and their sockets are of class `base`."""
    global frame
    frame = _frame_or_none
    PLUMBING.add(sys.modules[base.__module__].__file__)
    return GreenletTasks()


def line_outside(caller: Any) -> tuple[int, Any]:
    """The line outside of the plumbing that led to what this frame does, and the frame's code, if it is its
    own: then a look at the frame is enough the next time. 0: none did."""
    while caller is not None and caller.f_code.co_filename in PLUMBING:
        caller = caller.f_back
    return (caller.f_lineno, caller.f_code) if caller is not None else (0, None)


def page_line(page: str, caller: Any) -> tuple[int, Any]:
    """The line of the model's own file that led to what this frame does: what a helper or an application
    does is done there. 0: none did. Without a page, the line of the frame itself. And the frame's code, if
    the line is its own: the next time, it need not be asked for its file."""
    asked = caller
    while page and caller is not None and caller.f_code.co_filename != page:
        caller = caller.f_back
    line = caller.f_lineno if caller is not None else 0
    return line, asked.f_code if caller is asked else None


def _frame_or_none(depth: int) -> Any:
    """sys._getframe, for greenlets: one that is spawned with a socket's method has no caller."""
    try:
        return sys._getframe(depth + 1)
    except ValueError:
        return _NO_FRAME


class _NoFrame:
    f_lineno = 0
    f_code = _frame_or_none.__code__
    f_back = None


_NO_FRAME = _NoFrame()
