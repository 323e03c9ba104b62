"""Who did it: the line of the model's source, and the name of the greenlet."""

import itertools
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

    Names are given anew when a greenlet has closed its connection: a few serve any number of them, and
    travel once. (gevent's own minimal_ident costs 5 us a greenlet.)
    """
    current = _current_greenlet()
    try:
        name: str = current.servetui_name
    except AttributeError:
        if current.parent is None:
            name = ""
        else:
            name = _free_names.pop() if _free_names else f"greenlet-{next(_numbers)}"
        current.servetui_name = name
    return name


def greenlet_closed_its_connection() -> None:
    """Its name may be another's."""
    current = _current_greenlet()
    if name := getattr(current, "servetui_name", ""):
        del current.servetui_name
        _free_names.append(name)


def _current_greenlet() -> Any:
    return sys.modules["greenlet"].getcurrent()


_free_names: list[str] = []
_numbers = itertools.count(1)


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
