"""The tracer: the writer of this process, and what it counts.

The model does not know that it is watched. Its sockets report by themselves (traced_socket.py), and so do
the waits of its loop (traced_waits.py), the processes and threads that it starts (traced_processes.py,
traced_threads.py) and its queues (traced_queue.py): stand-ins that `install` of each puts into their places,
in the engine's process and nowhere else.
"""

import os
import socket
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from time import monotonic_ns, sleep
from typing import Any

from engine.event_queue.heirs import Heirs
from engine.event_queue.no_writer import NoWriter
from engine.event_queue.shared_memory import SharedMemory
from engine.event_queue.tasks import CoroutineTasks, ThreadTasks
from engine.event_queue.writer import Writer
from engine.events import LONGEST_TURN, READY, TURN, Kind
from engine.serving.service import TELL_TIMES, THINNING
from engine.tracing import callers
from engine.tracing.gauges import Gauges

LAST_WORDS_NS = 100_000_000
TOLD_TURN_NS = 1_000_000  # a shorter one alone is not worth an event
TICK_NS = 100_000_000  # would-block results and wake-ups are told ten times a second, not each
_SOCKET = int(socket.SOL_SOCKET)
_SO_COOKIE = 57  # <asm-generic/socket.h>; Python names it from 3.14 on
_ORDER, _number_of = sys.byteorder, int.from_bytes
_TICK = Kind.TICK.value  # plain numbers: a look at a member of an enumeration takes longer
_MASK_32 = 2**32 - 1
_plain_socket = socket.socket  # as it was before a model patched the standard library


# Slots, since an attribute of an instance that was once asked for its __dict__ is found far more slowly.
@dataclass(slots=True, eq=False)
class Tracer:
    """The writer of this process, and what it counts. One a process, called `tracer`."""

    pid: int = 0
    forks: int = 0
    page: str = ""
    is_patched: bool = False
    """The model serves with gevent;"""
    awaits: bool = False
    """with asyncio."""
    open_sockets: int = 0
    would_block: int = 0
    wakeups: int = 0
    longest_ready: int = 0
    """Of the lists that the waits have returned since the last tick: sockets that are ready at once."""
    longest_turn_ns: int = 0
    """Of the turns of the loop that have ended since then: so long may a ready socket have waited."""
    turns: int = 0
    gauges: Gauges | None = None  # most models have nothing to count
    _tells_turns: bool = False
    heir_texts: tuple[str, ...] = ()
    """What children are going to say, as far as that is known."""
    heirs: Heirs | None = None
    """The writers for children of this process, once it has forked one."""
    forks_in: Any = None
    """Code of the model's page that forked a child last;"""
    reaps_in: Any = None
    """that waited for one;"""
    closes_in: Any = None
    """that closed a connection;"""
    heirs_close_in: Any = None
    """and in a child is going to."""
    inherited: Any = None  # kept in a child: to free these would write to the parent's pages
    tasks: ThreadTasks = field(default_factory=ThreadTasks)
    next_tick_ns: int = 0
    queue_look_ns: int = 0
    """From when on accepted connections are asked how long they waited for that."""
    _without_cookies: int = 0
    memory: SharedMemory = field(init=False)
    words: memoryview = field(init=False)
    """Its words; that of the settings called THINNING among them."""
    writer: Writer | NoWriter = field(init=False)

    def begin(self, memory: SharedMemory) -> None:
        """Report from this process to `memory` from now on."""
        self.memory = memory
        self.words = memory.words
        self.pid = os.getpid()
        self.heirs = None
        slot = memory.claim()
        self.writer = NoWriter(memory) if slot is None else Writer(memory, slot, self.tasks)

    def after_fork(self) -> None:
        """In the child: its own ring, which the parent has prepared, and nothing of the parent's."""
        heir = self.heirs.heir if self.heirs is not None else None
        unlock = self.memory.after_fork
        unlock()
        self.pid = os.getpid()
        self.forks = self.would_block = self.wakeups = self.turns = 0
        self.longest_ready = self.longest_turn_ns = 0
        self.gauges = None  # what the parent has in hand is not the child's
        self._tells_turns = False
        self.closes_in = self.heirs_close_in
        self.inherited = self.writer, self.heirs
        self.heirs = None
        if heir is None:
            self.writer = NoWriter(self.memory)
        else:
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
        if self.words[THINNING] & TELL_TIMES:
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


def meet_model() -> None:
    """See what the model has imported to serve with, before an application imports the same."""
    tracer.is_patched = socket.socket is not _plain_socket
    tracer.awaits = "asyncio" in sys.modules


def install(memory: SharedMemory, page: str = "") -> None:
    """Let this process report to `memory`. `page` is the model's file: a process that a helper, or an
    application, forks is told with the line there. Raises RuntimeError
    where threads run at the same time (event_queue/writer.py)."""
    if not getattr(sys, "_is_gil_enabled", lambda: True)():
        raise RuntimeError(
            "tracing needs the interpreter's lock; use a build of Python that has it"
        )
    if tracer.is_patched:
        tracer.tasks = callers.share_threads(socket.socket)
    elif tracer.awaits:
        tracer.tasks = CoroutineTasks()
    tracer.begin(memory)
    tracer.page = page
