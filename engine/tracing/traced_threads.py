"""Threads that report their begin and their end: of `threading`, and plain ones of `_thread`."""

import _thread
import contextlib
import itertools
import threading
from collections.abc import Callable, Mapping
from importlib import import_module
from types import MappingProxyType
from typing import Any

from engine.event_queue.writer import THREAD
from engine.events import Kind
from engine.tracing.tracer import tracer

_SPAWN, _EXIT = Kind.SPAWN.value, Kind.EXIT.value


class TracedThread(threading.Thread):
    def run(self) -> None:
        if not _has_begun:
            _compete()
        prefix, _, number = self.name.partition("-")
        number = number.partition(" ")[0]  # `Thread-7 (talk)`
        if prefix != "Thread" or not number.isdecimal():
            self._run_named()
            return
        tracer.writer.begin_thread(int(number))
        try:
            super().run()
        finally:
            # Another writer than before in a child that it forked.
            tracer.writer.end_thread(int(number))

    def _run_named(self) -> None:
        """One whose name is somebody's own."""
        tracer.writer.forget_task()  # of a thread that had the same number and ended untold
        tracer.writer.put(_SPAWN, 0, -1, 0, 0, THREAD)
        try:
            super().run()
        finally:
            tracer.writer.put(_EXIT, 0, -1, 0, 0, THREAD)
            tracer.writer.forget_task()


_has_begun = False  # a thread beside the first one


def _compete() -> None:
    """From now on threads of this process compete for the interpreter."""
    global _has_begun
    _has_begun = True
    # Where the C library cannot be asked (a static build), the library's calls do; the thread must begin.
    with contextlib.suppress(ImportError, OSError, AttributeError):
        import_module("engine.tracing.gil_held_calls").adopt()  # others do without it


_start_new_thread = _thread.start_new_thread
_thread_numbers = itertools.count(1)
_NO_WORDS: Mapping[str, Any] = MappingProxyType({})


def _start_plain_thread(
    function: Callable[..., object], args: tuple[Any, ...], kwargs: Mapping[str, Any] = _NO_WORDS
) -> int:
    """Python gives such a thread no name: it is told as `Thread-7`, like the others."""
    return _start_new_thread(_run_plain, (next(_thread_numbers), function, args, kwargs))


def _run_plain(
    number: int, function: Callable[..., object], args: tuple[Any, ...], kwargs: Mapping[str, Any]
) -> None:
    if not _has_begun:
        _compete()
    tracer.tasks.begin_thread(number)
    tracer.writer.begin_thread(number)
    try:
        function(*args, **kwargs)
    finally:
        tracer.writer.end_thread(number)
        tracer.tasks.end_thread()


def install() -> None:
    """From now on. Not those of a model that gevent has patched: they are greenlets."""
    if tracer.is_patched:
        return
    # typeshed lets nobody put another class under this name.
    threading.Thread = TracedThread  # type: ignore[misc]
    _thread.start_new_thread = _start_plain_thread
