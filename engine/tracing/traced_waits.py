"""The waits of event loops: stand-ins for those of select, and what sees the hub of gevent.

A turn of a loop begins when its wait returns with something to do, and ends with its next wait.
"""

import select
import selectors
import sys
from _thread import get_ident  # as it was before a model patches it
from functools import partial
from time import monotonic_ns
from typing import Any

from engine.tracing.tracer import tracer

_select, _poll = select.select, select.poll
_epoll: Any = getattr(select, "epoll", None)


class _TracedPoll:
    """A poll object that counts its wake-ups."""

    def __init__(self, make: Any = None, *args: Any) -> None:
        self._poller: Any = (make or _poll)(*args)
        self._turn_began_ns = 0
        self.register = self._poller.register
        self.modify = self._poller.modify
        self.unregister = self._poller.unregister

    def poll(self, *args: Any) -> list[tuple[int, int]]:
        if self._turn_began_ns:
            tracer.end_turn(self._turn_began_ns)
        ready: list[tuple[int, int]] = self._poller.poll(*args)
        self._turn_began_ns = _woken(len(ready))
        return ready


class _TracedEpoll(_TracedPoll):
    """An epoll object that does."""

    def __init__(self, *args: Any) -> None:
        super().__init__(_epoll, *args)
        self.close = self._poller.close
        self.fileno = self._poller.fileno

    def __enter__(self) -> "_TracedEpoll":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


_turns_began_ns: dict[int, int] = {}  # by thread


def _traced_select(*args: Any) -> Any:
    thread = get_ident()
    if began_ns := _turns_began_ns.get(thread):
        tracer.end_turn(began_ns)
    ready = _select(*args)
    _turns_began_ns[thread] = _woken(sum(map(len, ready)))  # three lists
    return ready


def _woken(ready: int) -> int:
    """A loop was told after its wait that so many are ready: when its turn begins; 0: none does, only the
    time-out woke it."""
    if ready:
        tracer.begin_turn(ready)
    now_ns = monotonic_ns()
    if now_ns >= tracer.next_tick_ns:
        tracer.tick()
    return now_ns if ready else 0


_hub_watchers: list[Any] = []  # which nobody else keeps alive


def _watch_hub() -> None:
    """Let the wait of gevent's hub report, which is done in C: the loop calls us just after it, and just
    before it."""
    from gevent import get_hub

    loop = get_hub().loop
    began_ns = 0

    def wake() -> None:
        nonlocal began_ns
        began_ns = _woken(loop.pendingcnt)  # what it is about to call, timers too

    def sleep() -> None:
        if began_ns:
            tracer.end_turn(began_ns)

    # The hub lets greenlets go on in a watcher of its own kind: ours comes after it.
    check, prepare = loop.check(ref=False), loop.prepare(ref=False, priority=loop.MINPRI)
    check.start(wake)
    prepare.start(sleep)
    _hub_watchers[:] = check, prepare


def _gauge_loop() -> None:
    """What asyncio's loop has in hand, which only it knows, asked as its wait ends: what it is to call in
    the next turn, besides what the wait brings; and what it is to call at some time."""
    for name, holder in ("callbacks", "_ready"), ("timers", "_scheduled"):
        tracer.gauges.add(name, partial(_held_by_loop, holder))


def _held_by_loop(holder: str) -> int:
    import asyncio  # a process that does not serve with it need not load it

    return len(getattr(asyncio._get_running_loop(), holder, ()))


def install() -> None:
    """Let the waits of this process report."""
    if "gevent" in sys.modules:  # only a model that has it patch the library imports it
        _watch_hub()
        return
    if "asyncio" in sys.modules:
        _gauge_loop()
    # typeshed lets nobody put another function or class under these names.
    select.select, select.poll = _traced_select, _TracedPoll  # type: ignore[assignment,misc]
    if _epoll is not None:
        select.epoll = _TracedEpoll  # type: ignore[assignment,misc]
        selectors.EpollSelector._selector_cls = _TracedEpoll  # type: ignore[attr-defined]
