"""The waits of event loops: stand-ins for those of select, and what sees the hub of gevent.

A turn of a loop begins when its wait returns with something to do, and ends with its next wait.
"""

import os
import select
import selectors
from _thread import get_ident  # as it was before a model patches it
from functools import partial
from time import monotonic_ns
from typing import Any

from engine.tracing.tracer import tracer

FEW = 2  # pending calls of gevent's loop, of which all may be timers

_select, _poll = select.select, select.poll
_epoll: Any = getattr(select, "epoll", None)


class _TracedPoll:
    """A poll object that counts its wake-ups."""

    def __init__(self) -> None:
        self._watch(_poll())

    def _watch(self, poller: Any) -> None:
        self._poller = poller
        self._turn_began_ns = 0
        self.register = poller.register
        self.modify = poller.modify
        self.unregister = poller.unregister

    def poll(self, *args: Any, **named: Any) -> list[tuple[int, int]]:
        if self._turn_began_ns:
            tracer.end_turn(self._turn_began_ns)
        ready: list[tuple[int, int]] = self._poller.poll(*args, **named)
        self._turn_began_ns = _woken(len(ready))
        return ready


class _TracedEpoll(_TracedPoll):
    """An epoll object that does."""

    def __init__(self, *args: Any, **named: Any) -> None:
        self._watch(_epoll(*args, **named))

    @classmethod
    def fromfd(cls, fd: int) -> "_TracedEpoll":
        traced = cls.__new__(cls)
        traced._watch(_epoll.fromfd(fd))
        return traced

    def _watch(self, poller: Any) -> None:
        super()._watch(poller)
        self.close = poller.close
        self.fileno = poller.fileno

    @property
    def closed(self) -> bool:
        return bool(self._poller.closed)

    def __enter__(self) -> "_TracedEpoll":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


_turn_began_ns = 0
_loop_thread = get_ident()


def _traced_select(*args: Any) -> Any:
    global _turn_began_ns
    is_loop = get_ident() == _loop_thread  # what else waits here does not turn
    if is_loop and _turn_began_ns:
        tracer.end_turn(_turn_began_ns)
    ready = _select(*args)
    began_ns = _woken(sum(map(len, ready)))  # three lists
    if is_loop:
        _turn_began_ns = began_ns
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

    waits_by_epoll = _epoll is not None and loop.fileno() is not None
    sockets = _epoll.fromfd(os.dup(loop.fileno())) if waits_by_epoll else None

    def wake() -> None:
        nonlocal began_ns
        began_ns = monotonic_ns()
        pending = loop.pendingcnt  # what it is about to call, timers too
        if (
            pending <= FEW and sockets is not None
        ):  # then it may be only a timer, which is no wake-up
            pending = len(sockets.poll(0, FEW))
        _woken(pending)

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
        tracer.gauge(name, partial(_held_by_loop, holder))


def _held_by_loop(holder: str) -> int:
    import asyncio  # a process that does not serve with it need not load it

    return len(getattr(asyncio._get_running_loop(), holder, ()))


def install() -> None:
    """Let the waits of this process report."""
    if tracer.is_patched:
        _watch_hub()
        return
    if tracer.awaits:
        _gauge_loop()
    # typeshed lets nobody put another function or class under these names.
    select.select, select.poll = _traced_select, _TracedPoll  # type: ignore[assignment,misc]
    if _epoll is not None:
        select.epoll = _TracedEpoll  # type: ignore[assignment,misc]
        selectors.EpollSelector._selector_cls = _TracedEpoll  # type: ignore[attr-defined]
