"""The tracer: the writers of this process, and stand-ins that report processes, threads and wake-ups.

The model does not know that it is watched. Its sockets report by themselves (traced_socket.py);
`install` puts reporting stand-ins for os.fork, os.waitpid, os._exit, threading.Thread and select.epoll
in their places, in the engine's process and nowhere else. Each thread writes to a ring of its own
(event_writer.py), so no lock is taken on any of these paths.
"""

import os
import select
import socket
import sys
import threading
from collections import deque
from time import monotonic_ns
from typing import Any

from engine.event_queue import SharedMemory
from engine.event_writer import NoWriter, Writer
from engine.events import Kind, printable
from engine.service import Settings

SPARE_WRITERS = (
    16  # taken in turn, so that the reader has time to empty a ring before it is used again
)
TICK_NS = 100_000_000  # would-block results and wake-ups are told ten times a second, not each
_SO_COOKIE = 57  # <asm-generic/socket.h>; Python names it from 3.14 on
_frame = sys._getframe


class _ThreadState(threading.local):
    """What each thread has of its own. __init__ runs in a thread when it first looks."""

    def __init__(self) -> None:
        self.writer: Writer | NoWriter = tracer.claim_writer()


class Tracer:
    """The writers of this process, and what it counts. One a process, called `tracer`."""

    def __init__(self) -> None:
        self.memory: SharedMemory | None = None
        self.pid = 0
        self.forks = 0
        self.open_sockets = 0
        self.would_block = 0
        self.wakeups = 0
        self.thinning: memoryview
        self.local: _ThreadState
        self._spare: deque[Writer] = deque()
        self._next_tick_ns = 0
        self._without_cookies = 0

    def begin(self, memory: SharedMemory) -> None:
        """Report from this process to `memory` from now on."""
        self.memory = memory
        self._spare.clear()  # after a fork they are the parent's
        self.thinning = Settings(memory.words).thinning_word
        self.pid = os.getpid()
        self.local = _ThreadState()

    def claim_writer(self) -> "Writer | NoWriter":
        """A writer for the running thread."""
        assert self.memory is not None
        name = _name(threading.current_thread())
        if len(self._spare) > SPARE_WRITERS:
            writer = self._spare.popleft()
            writer.begin_anew(name)
            return writer
        slot = self.memory.claim()
        return NoWriter(self.memory) if slot is None else Writer(self.memory, slot, name)

    def end_writer(self) -> None:
        """The running thread ends. Its writer is kept for another one: a slot costs a lock among
        processes, and the texts that the reader knows would have to be told again."""
        assert self.memory is not None
        writer, self.local.writer = self.local.writer, NoWriter(self.memory)
        if isinstance(writer, Writer):
            writer.end()
            self._spare.append(writer)

    def after_fork(self) -> None:
        """In the child: its own ring, nothing of the parent's."""
        assert self.memory is not None
        self.memory.after_fork()
        self.forks = self.would_block = self.wakeups = 0
        self.begin(self.memory)

    def cookie(self, sock: socket.socket) -> int:
        """The kernel's name of a connection; where it has none, one of our own."""
        try:
            return int.from_bytes(sock.getsockopt(socket.SOL_SOCKET, _SO_COOKIE, 8), sys.byteorder)
        except OSError:
            self._without_cookies += 1
            return self.pid << 32 | self._without_cookies

    def blocked(self, *, at_accept: bool) -> None:
        """A non-blocking call had nothing to do."""
        self.would_block += 1
        if at_accept:
            self.tick()

    def tick(self) -> None:
        """Tell the counts since the last tick, if that was a while ago."""
        now_ns = monotonic_ns()
        if now_ns < self._next_tick_ns:
            return
        self._next_tick_ns = now_ns + TICK_NS
        if self.would_block or self.wakeups:
            note = f"wakeups {self.wakeups} would-block {self.would_block}"
            self.would_block = self.wakeups = 0
            self.local.writer.put(Kind.TICK, 0, -1, 0, 0, f"{note} sockets {self.open_sockets + 1}")


tracer = Tracer()


class _TracedThread(threading.Thread):
    def run(self) -> None:
        tracer.local.writer.put(Kind.SPAWN, 0, -1, 0, 0, "thread")
        try:
            super().run()
        finally:
            # Another writer than before in a child that it forked.
            tracer.local.writer.put(Kind.EXIT, 0, -1, 0, 0, "thread")
            tracer.end_writer()


def _name(thread: threading.Thread) -> str:
    """`Thread-7`, without the function that Python puts behind it."""
    return printable(thread.name.split(" ")[0])


class _TracedEpoll:
    """An epoll object that counts its wake-ups."""

    def __init__(self, *args: Any) -> None:
        self._epoll = _epoll(*args)
        self.register = self._epoll.register
        self.modify = self._epoll.modify
        self.unregister = self._epoll.unregister
        self.close = self._epoll.close
        self.fileno = self._epoll.fileno

    def poll(self, timeout: float | None = None, maxevents: int = -1) -> list[tuple[int, int]]:
        ready: list[tuple[int, int]] = self._epoll.poll(timeout, maxevents)
        if ready:  # else only the time-out woke it
            tracer.wakeups += 1
        tracer.tick()
        return ready

    def __enter__(self) -> "_TracedEpoll":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


_os_fork, _os_waitpid, _os_exit = os.fork, os.waitpid, os._exit
_epoll: Any = getattr(select, "epoll", None)


def _fork() -> int:
    pid = _os_fork()
    if pid == 0:
        tracer.after_fork()
    else:
        tracer.forks += 1
        tracer.local.writer.put(Kind.SPAWN, 0, -1, 0, _frame(1).f_lineno, f"process {pid}")
    return pid


def _waitpid(pid: int, options: int) -> tuple[int, int]:
    ended, status = _os_waitpid(pid, options)
    if ended:
        note = f"process {ended} {_ending(status)}"
        tracer.local.writer.put(Kind.EXIT, 0, -1, 0, _frame(1).f_lineno, note)
    return ended, status


def _ending(status: int) -> str:
    code = os.waitstatus_to_exitcode(status)
    return f"killed by signal {-code}" if code < 0 else f"exit {code}"


def _exit(status: int) -> None:
    tracer.local.writer.finish()
    _os_exit(status)


def install(memory: SharedMemory) -> None:
    """Let this process report to `memory`: sockets by `traced_listener`, the rest by stand-ins."""
    tracer.begin(memory)
    os.fork, os.waitpid, os._exit = _fork, _waitpid, _exit  # type: ignore[assignment]
    threading.Thread = _TracedThread  # type: ignore[misc]
    if _epoll is not None:
        select.epoll = _TracedEpoll  # type: ignore[assignment,misc]
