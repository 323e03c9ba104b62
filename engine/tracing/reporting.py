"""What a traced socket remembers, and how it is told: one by one, or as sums.

A thinned connection (its number is no multiple of the ratio) reports its life, and only counts the rest.
"""

import errno
import socket
import sys
from typing import Any

from engine.events import BYTES_TOLD, Kind, printable
from engine.serving.service import TELL_BYTES, TELL_TIMES, THINNING
from engine.tracing import callers
from engine.tracing.kernel_times import unread_bytes
from engine.tracing.tracer import tracer

SERVER_CLOSED = "server closed first"
LAST_ANSWER = "server closed first: last answer"  # in short mode, or as the client wished
BROKEN_OFF = "server closed first: the application failed"
FEW_REQUESTS = 3
BYTES_TEXT = 240  # letters of bytes that are told; with a word before them they fit into a text
TELL_AFTER = 256  # responses of a thinned connection between two reports of its numbers
_getframe, _WITH_ENDS = sys._getframe, socket.socket.__exit__.__code__
_RECV, _RESPONSE, _SEND = Kind.RECV.value, Kind.RESPONSE.value, Kind.SEND.value
_RELEASE, _CLOSE, _TICK = Kind.RELEASE.value, Kind.CLOSE.value, Kind.TICK.value
_ERROR = Kind.ERROR.value
callers.PLUMBING.add(__file__)


# Slots of the final class: a mixed-in class may have none before a class written in C, and without them
# each look takes 12 ns more, dozens of times a request.
FIELDS = (
    "_conn", "_converses", "_ended_by", "_fd", "_forks", "_has_ended", "_is_shown", "_pid",
    "_received", "_received_line", "_recvs", "_requests", "_responses", "_tells", "_thinning",
    "_times", "_unread_us", "_unsaid", "_untold",
)  # fmt: skip


class Reporting:
    """The memory of one traced socket."""

    gettimeout: Any
    _base_real_close: Any
    _family: tuple[int, int, int]
    """Of the listener: family, type, protocol. To ask each time would cost 1 us."""
    _conn: int
    _fd: int
    _ended_by: str
    _is_shown: bool
    _tells: bool
    _times: bool
    _unread_us: int
    _unsaid: tuple[int, int, str] | None
    _untold: list[int]

    def watch(self, conn: int, fd: int) -> None:
        """Begin to report, as connection `conn` (0 for a listener) with descriptor `fd`."""
        self._fd = fd
        self._conn = conn
        self._pid = tracer.pid
        self._forks = tracer.forks
        self._ended_by = SERVER_CLOSED
        self._has_ended = False
        self._converses = False  # a conversation reports what is received, with what it completes
        self._received = self._received_line = 0  # bytes not yet reported,
        self._unread_us = 0  # and for how long the kernel had had them, if that is told
        self._unsaid = None  # a response that goes with the next send: length, line, status
        self._thinning = thinning = tracer.words[THINNING]
        if thinning > 1:
            self._look_at_thinning()
            if not self._is_shown:
                self._begin_to_count()
        else:
            self._is_shown, self._tells, self._times = True, False, False

    def report(self, kind: int, moved: int, line: int, note: str = "", moved2: int = 0) -> None:
        """An event of this connection, after what happened before it."""
        if self._received or self._unsaid:
            self._catch_up()
        tracer.writer.put(kind, self._conn, self._fd, moved, line, note, moved2)

    def _catch_up(self) -> None:
        """Report what was kept back to make a pair, and did not become one."""
        if self._received and not self._is_shown:
            self._count(0, 0)
        received, self._received = self._received, 0
        unsaid, self._unsaid = self._unsaid, None
        if received:
            self.report(_RECV, received, self._received_line, "", self._unread_us)
        if unsaid:
            self.report(_RESPONSE, *unsaid)

    # --- thinned -------------------------------------------------------------------------------------

    def _look_at_thinning(self) -> None:
        ratio = self._thinning & (TELL_BYTES - 1)
        self._is_shown = is_shown = ratio <= 1 or self._conn % ratio == 0
        self._tells = is_shown and self._thinning & TELL_BYTES != 0
        self._times = is_shown and self._thinning & TELL_TIMES != 0
        if not self._times:
            self._unread_us = 0

    def _begin_to_count(self) -> None:
        self._recvs = self._requests = self._responses = 0  # not yet counted
        self._untold = [0, 0, 0]  # responses, bytes in and out, counted and not yet told

    def follow_thinning(self) -> None:
        """The ratio has changed: report from now on, or only count. Asked between a recv and the
        requests that it completes."""
        was_shown = self._is_shown
        self._thinning = tracer.words[THINNING]
        self._look_at_thinning()
        if was_shown and not self._is_shown:
            self._begin_to_count()
            self._recvs = 1 if self._received else 0
            if self._unsaid:
                self._catch_up()
        elif self._is_shown and not was_shown:
            self._count(0, 0)
            self._tell()

    def _count(self, sends: int, sent: int) -> None:
        """Count a send of a thinned connection, with what came before it."""
        recvs, received = self._recvs, self._received
        responses = self._responses
        writer = tracer.writer
        writer.count_exchange(recvs, received, self._requests, responses, sends, sent)
        self._recvs = self._received = self._requests = self._responses = 0
        untold = self._untold
        untold[0] += responses
        untold[1] += received
        untold[2] += sent
        if untold[0] >= TELL_AFTER:
            self._tell()

    def _tell(self) -> None:
        """Keep the numbers of a connection right that is not reported in detail."""
        if any(self._untold):
            responses, received, sent = self._untold
            self._untold = [0, 0, 0]
            note = f"thinned requests {responses} in {received} out {sent}"
            tracer.writer.put(_TICK, self._conn, self._fd, 0, 0, note)

    def _note_of_thinned_end(self) -> str:
        """How it ended, and how many requests were counted only. After many, their bytes are told
        as well; after few, an event more would cost as much as had been saved."""
        if self._recvs or self._responses:
            self._count(0, 0)
        if self._untold[0] > FEW_REQUESTS:
            self._tell()
            return self._ended_by
        return f"{self._ended_by}; not shown {self._untold[0]}"

    # --- what was done ------------------------------------------------------------------------------

    def _got(self, received: int, line: int) -> None:
        if not received and self._ended_by is SERVER_CLOSED:  # else this end answers ours
            self._ended_by = "client closed first"
        if self._is_shown:
            self.report(_RECV, received, line, "", self._unread_us)
        else:
            self._recvs += 1
            self._received += received

    def _sent(self, sent: int, line: int) -> None:
        """Report a send whose response is known."""
        if self._is_shown:
            self.report(_SEND, sent, line)
        else:
            self._count(1, sent)

    def _tell_bytes(self, kind: int, data: Any, moved: int) -> None:
        """Tell the first bytes of what was received or sent, after what happened before it."""
        if self._received or self._unsaid:
            self._catch_up()
        first = bytes(memoryview(data).cast("B")[: min(moved, BYTES_TOLD)])
        text = printable(first.decode("latin-1"), BYTES_TEXT)
        tracer.writer.put(kind, self._conn, self._fd, moved, 0, text)

    def _failed(self, error: OSError, line: int, *, at_send: bool = False) -> None:
        if isinstance(error, (BlockingIOError, TimeoutError)):
            if self.gettimeout() == 0:
                tracer.blocked(at_accept=False)
            elif self._ended_by is SERVER_CLOSED and not at_send:  # there it may only be slow
                self._ended_by = "server closed first: client silent"
            return
        if isinstance(error, ConnectionError):
            self._ended_by = "client reset the connection"
        self.report(_ERROR, 0, line, error_name(error))

    # --- the end -------------------------------------------------------------------------------------

    def _real_close(self, *, is_forgotten: bool = False) -> None:
        """The one place where a socket's descriptor is closed: makefile() may keep it open after close(),
        and here it is still valid. That is told with the line outside of the tracer and of the library that
        led to it, as in a `with`; with 0 where none did."""
        if not self._has_ended:
            self._has_ended = True  # with no call before it: two threads may close at once
            if self._conn:
                line = 0
                try:
                    caller: Any = _getframe(2)  # who has called close()
                    if caller.f_code is _WITH_ENDS:
                        caller = caller.f_back
                    if caller is not None and caller.f_code is tracer.closes_in:
                        line = caller.f_lineno
                    else:
                        line, tracer.closes_in = callers.line_outside(caller)
                except ValueError:
                    pass  # nobody: a finalizer at a thread's end
                tracer.open_sockets -= 1
                note = self._ended_by if self._is_shown else self._note_of_thinned_end()
                if self._received or self._unsaid:
                    self._catch_up()
                # Accepted by this process, and handed to a child since: only a copy is given up here. Not
                # so where this process speaks with the client: then it is an application that has forked.
                if self._forks != tracer.forks and self._pid == tracer.pid and not self._converses:
                    tracer.writer.put(_RELEASE, self._conn, self._fd, 0, line)
                else:
                    unread = unread_bytes(self._fd) if self._times else 0
                    tracer.writer.put(_CLOSE, self._conn, self._fd, unread, line, note)
                    if tracer.tasks.share_a_thread:
                        tracer.tasks.give_name_back()
        if not is_forgotten:
            self._base_real_close()

    def __del__(self) -> None:
        # A forgotten socket is closed by its finalizer, which does not call _real_close.
        try:
            if self._has_ended:
                return
        except AttributeError:
            return  # it was never watched
        if self._conn and sys is not None and not sys.is_finalizing():
            self._real_close(is_forgotten=True)


def error_name(error: OSError) -> str:
    return errno.errorcode.get(error.errno or 0, type(error).__name__)
