"""Who did it: the line of the model's source, and the name of the greenlet."""

import socket
import sys
from collections.abc import Callable
from typing import Any

frame: Callable[[int], Any] = sys._getframe
"""frame(1) is the caller of the function that asks."""


PLUMBING: set[str | None] = {socket.__file__}
"""Files of sockets: what they call is done by whoever called them."""


def share_thread(base: Any) -> None:
    """Greenlets share the threads, and their sockets are of class `base`."""
    global frame
    frame = _frame_or_none
    PLUMBING.add(sys.modules[base.__module__].__file__)


def greenlet_name() -> str:
    """The name of the running greenlet: `greenlet-7`; empty for the first, which is the thread.

    The number is gevent's smallest free one, so that few names serve any number of greenlets.
    """
    current = sys.modules["greenlet"].getcurrent()
    try:
        name: str = current.servetui_name
    except AttributeError:
        number = getattr(current, "minimal_ident", None)
        name = "" if number is None else f"greenlet-{number}"
        current.servetui_name = name
    return name


def model_line() -> int:
    """The line outside the tracer and the standard library that led here, for `close` in a `with`."""
    caller: Any = frame(2)
    while caller is not None and caller.f_code.co_filename in PLUMBING:
        caller = caller.f_back
    return caller.f_lineno if caller is not None else 0


def _frame_or_none(depth: int) -> Any:
    """sys._getframe, for greenlets: one that is spawned with a socket's method has no caller."""
    try:
        return sys._getframe(depth + 1)
    except ValueError:
        return _NO_FRAME


class _NoFrame:
    f_lineno = 0


_NO_FRAME = _NoFrame()
