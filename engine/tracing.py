"""Sockets that report what is done to them: the model does not know that it is watched.

The listener handed to a model is a traced socket, and its accept() returns traced sockets; every call
that receives or sends reports an event. Processes and threads report when they begin and end, since
`install` puts reporting stand-ins for os.fork, os.waitpid, os._exit, threading.Thread and select.epoll
in their places: in the engine's process, before the model is imported, and nowhere else.

Each thread writes to a ring of its own (event_queue.py), so no lock is taken on any of these paths.
"""

import errno
import itertools
import os
import select
import socket
import sys
import threading
from collections.abc import Callable, Iterable, Sequence
from time import monotonic_ns
from typing import Any

from engine.event_queue import NoWriter, SharedMemory, Writer
from engine.events import Kind, printable
from engine.http1 import Conversation, Policy, Request, Response

TICK_NS = 100_000_000  # would-block results and wake-ups are told ten times a second, not each
_SO_COOKIE = 57  # <asm-generic/socket.h>; Python names it from 3.14 on
_frame = sys._getframe
_plain_socket = socket.socket  # as it was before a model patched the standard library


class _ThreadState(threading.local):
    """What each thread has of its own. __init__ runs in a thread when it first looks."""

    def __init__(self) -> None:
        self.writer = tracer.claim_writer()


class Tracer:
    """The writers of this process, and what it counts. One a process, called `tracer`."""

    def __init__(self) -> None:
        self.memory: SharedMemory | None = None
        self.pid = 0
        self.forks = 0
        self.open_sockets = 0
        self.would_block = 0
        self.wakeups = 0
        self.local: _ThreadState
        self.task_name: Callable[[], str] = lambda: ""
        self._next_tick_ns = 0
        self._without_cookies = 0

    def begin(self, memory: SharedMemory) -> None:
        """Report from this process to `memory` from now on."""
        self.memory = memory
        self.pid = os.getpid()
        self.local = _ThreadState()

    def claim_writer(self) -> "Writer | NoWriter":
        """A writer for the running thread."""
        assert self.memory is not None
        slot = self.memory.claim()
        name = threading.current_thread().name.split(" ")[0]
        return NoWriter(self.memory) if slot is None else Writer(self.memory, slot, name)

    def after_fork(self) -> None:
        """In the child: its own ring, nothing of the parent's."""
        assert self.memory is not None
        self.memory.after_fork()
        self.forks = 0
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


class _Reporting:
    """Mixed in before a socket class: reports each call, and leaves the doing to that class."""

    _base: Any
    """The socket class that does the work."""

    def watch(self, conn: int) -> None:
        """Begin to report, as connection `conn` (0 for a listener)."""
        self._fd: int = self.fileno()  # type: ignore[attr-defined]
        self._conn = conn
        self._pid = tracer.pid
        self._forks = tracer.forks
        self._ended_by = "server closed first"
        self._has_ended = False

    def report(self, kind: Kind, moved: int, line: int, note: str = "") -> None:
        """An event of this connection."""
        tracer.local.writer.put(kind, self._conn, self._fd, moved, line, note, tracer.task_name())

    # --- accept ------------------------------------------------------------------------------------

    def accept(self) -> tuple[Any, Any]:
        try:
            accepted, peer = self._take_connection()
        except (BlockingIOError, TimeoutError):
            if self.gettimeout() == 0:  # type: ignore[attr-defined]
                tracer.blocked(at_accept=True)
            raise  # else a time-out ended the wait, only to let the server look around
        except OSError as error:
            self.report(Kind.ERROR, 0, _frame(1).f_lineno, errno.errorcode.get(error.errno or 0, ""))
            raise
        tracer.open_sockets += 1
        accepted.watch(tracer.cookie(accepted))
        accepted.report(Kind.ACCEPT, 0, _frame(1).f_lineno, _peer_name(peer))
        return accepted, peer

    def _take_connection(self) -> tuple[Any, Any]:
        sock: Any = self
        while True:
            try:
                fd, peer = sock._accept()  # what both socket.socket.accept and gevent's begin with
                return type(sock)(sock.family, sock.type, sock.proto, fd), peer
            except BlockingIOError:
                if self._base is _plain_socket or sock.gettimeout() == 0:
                    raise
            sock._wait(sock._read_event)  # gevent: switch to the others until somebody comes

    # --- receive -----------------------------------------------------------------------------------

    def recv(self, size: int, flags: int = 0) -> bytes:
        try:
            data: bytes = self._base.recv(self, size, flags)
        except OSError as error:
            self._failed(error, _frame(1).f_lineno)
            raise
        if not data:
            self._saw_end()
        tracer.local.writer.put(
            Kind.RECV, self._conn, self._fd, len(data), _frame(1).f_lineno, "", tracer.task_name()
        )
        return data

    def recv_into(self, buffer: Any, nbytes: int = 0, flags: int = 0) -> int:
        return int(self._receive(_frame(1).f_lineno, _itself, "recv_into", buffer, nbytes, flags))

    def recvfrom(self, size: int, flags: int = 0) -> Any:
        return self._receive(_frame(1).f_lineno, _length_of_first, "recvfrom", size, flags)

    def recvfrom_into(self, buffer: Any, nbytes: int = 0, flags: int = 0) -> Any:
        return self._receive(_frame(1).f_lineno, _first, "recvfrom_into", buffer, nbytes, flags)

    def recvmsg(self, *args: Any) -> Any:
        return self._receive(_frame(1).f_lineno, _length_of_first, "recvmsg", *args)

    def recvmsg_into(self, *args: Any) -> Any:
        return self._receive(_frame(1).f_lineno, _first, "recvmsg_into", *args)

    def _receive(self, line: int, count: Callable[[Any], int], call: str, *args: Any) -> Any:
        try:
            result = getattr(self._base, call)(self, *args)
        except OSError as error:
            self._failed(error, line)
            raise
        received = count(result)
        if not received:
            self._saw_end()
        self.report(Kind.RECV, received, line)
        return result

    # --- send --------------------------------------------------------------------------------------

    def send(self, data: Any, flags: int = 0) -> int:
        try:
            sent: int = self._base.send(self, data, flags)
        except OSError as error:
            self._failed(error, _frame(1).f_lineno)
            raise
        tracer.local.writer.put(
            Kind.SEND, self._conn, self._fd, sent, _frame(1).f_lineno, "", tracer.task_name()
        )
        return sent

    def sendall(self, data: Any, flags: int = 0) -> None:
        """A loop over send, so that each piece reports and one that is stuck is seen."""
        line = _frame(1).f_lineno
        rest = memoryview(data).cast("B")
        while True:
            sent = self._transmit(line, "send", rest, flags)
            rest = rest[sent:]
            if not rest:
                return

    def sendto(self, data: Any, *args: Any) -> int:
        return self._transmit(_frame(1).f_lineno, "sendto", data, *args)

    def sendmsg(self, buffers: Iterable[Any], *args: Any) -> int:
        return self._transmit(_frame(1).f_lineno, "sendmsg", buffers, *args)

    def sendfile(self, file: Any, offset: int = 0, count: int | None = None) -> int:
        return self._transmit(_frame(1).f_lineno, "_sendfile_use_send", file, offset, count)

    def _transmit(self, line: int, call: str, *args: Any) -> int:
        try:
            sent: int = getattr(self._base, call)(self, *args)
        except OSError as error:
            self._failed(error, line)
            raise
        if call != "_sendfile_use_send":  # that one is a loop over our own send
            self.report(Kind.SEND, sent, line)
        return sent

    # --- the end -----------------------------------------------------------------------------------

    def _saw_end(self) -> None:
        self._ended_by = "client closed first"

    def _failed(self, error: OSError, line: int) -> None:
        if isinstance(error, (BlockingIOError, TimeoutError)):
            tracer.blocked(at_accept=False)
            return
        if isinstance(error, ConnectionError):
            self._ended_by = "client reset the connection"
        self.report(Kind.ERROR, 0, line, errno.errorcode.get(error.errno or 0, type(error).__name__))

    def _real_close(self, *args: Any) -> None:
        # The one place where a socket's descriptor is closed: makefile() may keep it open after
        # close(), and here it is still valid.
        self._report_end()
        self._base._real_close(self, *args)

    def _report_end(self) -> None:
        if self._has_ended or not self._conn:
            return
        self._has_ended = True
        tracer.open_sockets -= 1
        # Accepted by this process, and handed to a child since: only a copy is given up here.
        is_copy = self._pid == tracer.pid and self._forks != tracer.forks
        line = _model_line()
        if is_copy:
            self.report(Kind.RELEASE, 0, line)
        else:
            self.report(Kind.CLOSE, 0, line, self._ended_by)

    def __del__(self) -> None:
        # A forgotten socket is closed by its finalizer, which does not call _real_close.
        if getattr(self, "_conn", 0):
            self._report_end()


def _model_line() -> int:
    """The line outside this file and the standard library that led here, for `close` in a `with`."""
    frame = _frame(2)
    while frame is not None and frame.f_code.co_filename in _PLUMBING:
        frame = frame.f_back  # type: ignore[assignment]
    return frame.f_lineno if frame is not None else 0


_PLUMBING = {__file__, socket.__file__}


def _itself(received: int) -> int:
    return received


def _first(result: Sequence[int]) -> int:
    return result[0]


def _length_of_first(result: Sequence[bytes]) -> int:
    return len(result[0])


def _peer_name(peer: Any) -> str:
    host, port = peer[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def traced_listener(fd: int, base: Any) -> socket.socket:
    """The listener with descriptor `fd`, as a socket of class `base` (gevent's, where a model has
    patched it in) that reports."""
    reporting: Any = type("TracedSocket", (_Reporting, base), {"_base": base})
    listener = reporting(fileno=fd)
    listener.watch(0)
    listener.report(Kind.LISTEN, 0, 0, _peer_name(listener.getsockname()))
    return listener  # type: ignore[no-any-return]


class TracedConversation(Conversation):
    """Reports where bytes become a request, and where an answer becomes bytes."""

    __slots__ = ("_socket",)

    def __init__(self, policy: Policy, connection: Any) -> None:
        super().__init__(policy)
        self._socket: _Reporting = connection

    def receive(self, data: bytes) -> Sequence[Request]:
        requests = super().receive(data)
        for request in requests:
            title = _titles.get((request.method, request.target)) or _entitle(request)
            self._socket.report(Kind.REQUEST, 0, _frame(1).f_lineno, title)
        return requests

    def send(self, response: Response) -> bytes:
        wire = super().send(response)
        status = _STATUSES.get(response.status) or str(response.status)
        self._socket.report(Kind.RESPONSE, len(wire), _frame(1).f_lineno, status)
        return wire


_titles: dict[tuple[str, str], str] = {}
_STATUSES = {status: str(status) for status in range(100, 600)}


def _entitle(request: Request) -> str:
    if len(_titles) >= 1024:
        _titles.clear()
    title = printable(f"{request.method} {request.target}") if request.method else "not a request"
    _titles[request.method, request.target] = title
    return title


class _TracedThread(threading.Thread):
    def run(self) -> None:
        writer = tracer.local.writer
        name = self.name.split(" ")[0]
        writer.put(Kind.SPAWN, 0, -1, 0, 0, f"thread {name}")
        try:
            super().run()
        finally:
            writer.put(Kind.EXIT, 0, -1, 0, 0, f"thread {name}")
            writer.finish()


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


def name_tasks(current_task: Callable[[], str]) -> None:
    """Let events carry the name of the running greenlet or coroutine instead of the thread's."""
    tracer.task_name = current_task


def greenlet_name() -> str:
    """The name of the running greenlet: `greenlet-7`; the first one asks for the main thread."""
    current = sys.modules["greenlet"].getcurrent()
    try:
        name: str = current.servetui_name
    except AttributeError:
        is_main = current.parent is None
        name = "" if is_main else f"greenlet-{next(_greenlets)}"
        current.servetui_name = name
    return name


_greenlets = itertools.count(1)
