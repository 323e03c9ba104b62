"""The tracer: the writers of this process, and stand-ins that report processes and threads.

The model does not know that it is watched. Its sockets report by themselves (traced_socket.py), and so do
the waits of its loop (traced_waits.py); `install` puts reporting stand-ins for os.fork, os.waitpid, os._exit,
threading.Thread and its plain sister of _thread in their places, in the engine's process and nowhere else.
"""

import _thread
import itertools
import os
import socket
import sys
import threading
from collections.abc import Callable, Mapping
from time import monotonic_ns, sleep
from types import MappingProxyType
from typing import Any

from engine.event_queue.heirs import Heir, Heirs
from engine.event_queue.no_writer import NoWriter
from engine.event_queue.shared_memory import SharedMemory
from engine.event_queue.tasks import CoroutineTasks, ThreadTasks
from engine.event_queue.writer import THREAD, Writer
from engine.events import LONGEST_TURN, READY, TURN, Kind
from engine.serving.service import TELL_TIMES, Settings
from engine.tracing import callers
from engine.tracing.gauges import Gauges

LAST_WORDS_NS = 100_000_000
TOLD_TURN_NS = 1_000_000  # a shorter one alone is not worth an event
TICK_NS = 100_000_000  # would-block results and wake-ups are told ten times a second, not each
_SOCKET, _SO_COOKIE = (
    int(socket.SOL_SOCKET),
    57,
)  # <asm-generic/socket.h>; Python names it from 3.14 on
_ORDER, _number_of = sys.byteorder, int.from_bytes
# Plain numbers: to look a member up in its enumeration takes a dozen objects' pages in a forked child.
_SPAWN, _EXIT, _TICK = Kind.SPAWN.value, Kind.EXIT.value, Kind.TICK.value
_MASK_32 = 2**32 - 1
_plain_socket = socket.socket  # as it was before a model patched the standard library


class Tracer:
    """The writer of this process, and what it counts. One a process, called `tracer`."""

    def __init__(self) -> None:
        self.pid = 0
        self.forks = 0
        self.page = ""
        self.is_patched = self.awaits = False
        """The model serves with gevent; with asyncio."""
        self.open_sockets = 0
        self.would_block = 0
        self.wakeups = 0
        self.longest_ready = 0
        """Of the lists that the waits have returned since the last tick: sockets that are ready at once."""
        self.longest_turn_ns = 0
        """Of the turns of the loop that have ended since then: so long may a ready socket have waited."""
        self.turns = 0
        self.gauges: Gauges | None = None  # most models have nothing to count
        self._tells_turns = False
        self.memory: SharedMemory
        self.heir_texts: tuple[str, ...] = ()
        """What children are going to say, as far as that is known."""
        self.heirs: Heirs | None = None
        """The writers for children of this process, once it has forked one."""
        self.forks_in = self.reaps_in = None
        """Code of the model's page that forked, and waited for, a child last."""
        self.thinning: memoryview
        self.tasks: ThreadTasks = ThreadTasks()
        self.writer: Writer | NoWriter
        self.next_tick_ns = 0
        self.queue_look_ns = 0
        """From when on accepted connections are asked how long they waited for that."""
        self._without_cookies = 0

    def begin(self, memory: SharedMemory) -> None:
        """Report from this process to `memory` from now on."""
        self.memory = memory
        self.thinning = Settings(memory.words).thinning_word
        self.pid = os.getpid()
        self.heirs = None
        slot = memory.claim()
        self.writer = NoWriter(memory) if slot is None else Writer(memory, slot, self.tasks)

    def after_fork(self, heir: Heir | None) -> None:
        """In the child: its own ring, which the parent has prepared, and nothing of the parent's."""
        unlock = self.memory.after_fork
        unlock()
        self.pid = os.getpid()
        self.forks = self.would_block = self.wakeups = self.turns = 0
        self.longest_ready = self.longest_turn_ns = 0
        self.gauges = None  # what the parent has in hand is not the child's
        self._tells_turns = False
        self.heirs = None
        self._inherited = self.writer  # kept: to free it would write to its pages
        if heir is None:
            self.writer = NoWriter(self.memory)
        else:
            heir.take_over(self.pid)
            self.writer = heir

    def make_heirs(self) -> Heirs:
        """This process is going to fork."""
        self.heirs = Heirs(self.memory, self.tasks, self.heir_texts)
        return self.heirs

    def gauge(self, name: str, count: Callable[[], int]) -> None:
        """As Service.gauge, for this process and not for its children."""
        if self.gauges is None:
            self.gauges = Gauges()
        self.gauges.add(name, count)

    def cookie(self, sock: socket.socket) -> int:
        """The kernel's name of a connection; where it has none, one of our own."""
        try:
            return _number_of(sock.getsockopt(_SOCKET, _SO_COOKIE, 8), _ORDER)
        except OSError:
            self._without_cookies += 1
            return self.pid << 32 | self._without_cookies

    def blocked(self, *, at_accept: bool) -> None:
        """A non-blocking call had nothing to do."""
        self.would_block += 1
        if at_accept:
            self.tick()

    def begin_turn(self, ready: int) -> None:
        """A loop has woken with so much to do. Each is told while there is not too much to tell."""
        self.wakeups += 1
        if ready > self.longest_ready:
            self.longest_ready = ready
        self.turns += 1
        if self.thinning[0] & TELL_TIMES:
            self._tells_turns = True
            self.writer.put(_TICK, 0, -1, 0, 0, TURN, self.turns & _MASK_32)
        elif self._tells_turns:
            self._tells_turns = False
            self.writer.put(_TICK, 0, -1, 0, 0, TURN)

    def end_turn(self, began_ns: int) -> None:
        """A loop is about to wait again."""
        took_ns = monotonic_ns() - began_ns
        if took_ns > self.longest_turn_ns:
            self.longest_turn_ns = took_ns

    def finish(self) -> None:
        """The process ends: let threads that are at their end tell of it; then what waits for room."""
        deadline_ns = monotonic_ns() + LAST_WORDS_NS
        while self.tasks.has_plain and monotonic_ns() < deadline_ns:
            sleep(0.001)
        self.writer.finish()

    def tick(self) -> None:
        """Tell the counts since the last tick, if that was a while ago."""
        now_ns = monotonic_ns()
        if now_ns < self.next_tick_ns:
            return
        self.next_tick_ns = now_ns + TICK_NS
        gauges = self.gauges.told(now_ns) if self.gauges else ""
        if self.would_block or self.wakeups or gauges or self.longest_turn_ns >= TOLD_TURN_NS:
            note = f"wakeups {self.wakeups} would-block {self.would_block}"
            note += f" sockets {self.open_sockets + 1}"
            if self.longest_ready:
                note += f" {READY} {self.longest_ready}"
            if self.longest_turn_ns:
                note += f" {LONGEST_TURN} {self.longest_turn_ns // 1_000}"
            note += gauges
            self.would_block = self.wakeups = self.longest_ready = self.longest_turn_ns = 0
            self.writer.put(_TICK, 0, -1, 0, 0, note)


tracer = Tracer()


class _TracedThread(threading.Thread):
    def run(self) -> None:
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
    tracer.tasks.begin_thread(number)
    tracer.writer.begin_thread(number)
    try:
        function(*args, **kwargs)
    finally:
        tracer.writer.end_thread(number)
        tracer.tasks.end_thread()


_os_fork, _os_waitpid, _os_exit = os.fork, os.waitpid, os._exit


def _fork() -> int:
    heirs = tracer.heirs or tracer.make_heirs()
    heir = heirs.next()
    pid = _os_fork()
    if pid == 0:
        tracer.after_fork(heir)
        return 0
    heirs.forked(pid)
    tracer.forks += 1
    caller = sys._getframe(1)
    line = caller.f_lineno
    if caller.f_code is not tracer.forks_in:
        line, tracer.forks_in = callers.page_line(tracer.page, caller)
    tracer.writer.put(_SPAWN, 0, -1, 0, line, "process", pid)
    return pid


def _waitpid(pid: int, options: int) -> tuple[int, int]:
    ended, status = _os_waitpid(pid, options)
    if ended:
        caller = sys._getframe(1)
        line = caller.f_lineno
        if caller.f_code is not tracer.reaps_in:
            line, tracer.reaps_in = callers.page_line(tracer.page, caller)
        note = _ending(status) if status else _ENDED_WELL
        tracer.writer.put(_EXIT, 0, -1, 0, line, note, ended)
    return ended, status


_ENDED_WELL = "exit 0"


def _ending(status: int) -> str:
    code = os.waitstatus_to_exitcode(status)
    return f"killed by signal {-code}" if code < 0 else f"exit {code}"


def _exit(status: int) -> None:
    tracer.writer.finish()
    _os_exit(status)


def meet_model() -> None:
    """See what the model has imported to serve with, before an application imports the same."""
    tracer.is_patched = socket.socket is not _plain_socket
    tracer.awaits = "asyncio" in sys.modules


def install(memory: SharedMemory, page: str = "") -> None:
    """Let this process report to `memory`: sockets by `traced_listener`, the rest by stand-ins. `page` is
    the model's file: a process that a helper, or an application, forks is told with the line there.
    Raises RuntimeError where threads run at the same time (event_queue/writer.py)."""
    if not getattr(sys, "_is_gil_enabled", lambda: True)():
        raise RuntimeError(
            "tracing needs the interpreter's lock; use a build of Python that has it"
        )
    global _os_fork, _os_waitpid
    if tracer.is_patched:
        tracer.tasks = callers.share_threads(socket.socket)
        # gevent's own: the loop of a child is begun anew, and only one greenlet waits for its end.
        _os_fork, _os_waitpid = os.fork, os.waitpid
    elif tracer.awaits:
        tracer.tasks = CoroutineTasks()
    tracer.begin(memory)
    tracer.page = page
    # typeshed lets nobody put another function or class under these names.
    os.fork, os.waitpid, os._exit = _fork, _waitpid, _exit  # type: ignore[assignment]
    if tracer.is_patched:
        return  # its threads are greenlets, and its loop waits elsewhere
    threading.Thread = _TracedThread  # type: ignore[misc]
    _thread.start_new_thread = _start_plain_thread
