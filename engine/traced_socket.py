"""Sockets that report what is done to them.

The listener handed to a model is a traced socket, and its accept() returns traced sockets; every call
that receives or sends reports an event. What a conversation (traced_conversation.py)
learns of a recv or a send travels with it, as one record.

A thinned connection (its number is no multiple of the ratio) reports its life, and only counts the rest.
"""

import errno
import socket
import sys
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from engine import callers
from engine.events import BYTES_IN, BYTES_OUT, BYTES_TOLD, RESPONSE_SEND, Kind, printable
from engine.service import TELL_BYTES
from engine.tracing import tracer

SERVER_CLOSED = "server closed first"
LAST_ANSWER = "server closed first: last answer"  # in short mode, or as the client wished
FEW_REQUESTS = 3
BYTES_TEXT = 240  # letters of bytes that are told; with a word before them they fit into a text
TELL_AFTER = 256  # responses of a thinned connection between two reports of its numbers
_plain_socket = socket.socket  # as it was before a model patched the standard library
_accept: Any = _plain_socket._accept  # type: ignore[attr-defined]
_ACCEPT, _RECV, _SEND, _CLOSE = Kind.ACCEPT, Kind.RECV, Kind.SEND, Kind.CLOSE
_DONTWAIT = int(socket.MSG_DONTWAIT)  # a plain number: the library's constant takes 1 us to add
callers.PLUMBING.add(__file__)


# What a traced socket remembers, as slots of the final class: a mixed-in class may have none before
# a class written in C, and without them each look takes 12 ns more, dozens of times a request.
_FIELDS = (
    "_conn", "_converses", "_ended_by", "_fd", "_forks", "_has_ended", "_is_shown", "_pid",
    "_received", "_received_line", "_recvs", "_requests", "_responses", "_tells", "_thinning",
    "_unsaid", "_untold",
)  # fmt: skip


class TracedSocket:
    """Mixed in before a socket class: reports each call, and leaves the doing to that class."""

    _base: Any
    """The socket class that does the work."""
    _base_recv: Any
    _base_send: Any
    _take: Any
    """Waits for a connection: its descriptor, and the client's address."""
    _send_at_once: Any
    """Sends what there is room for without waiting; 0 where it would have to wait."""
    gettimeout: Any
    _family: tuple[int, int, int]
    """Of the listener: family, type, protocol. To ask each time would cost 1 us."""
    _conn: int
    _fd: int
    _ended_by: str
    _is_shown: bool
    _tells: bool
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
        self._received = self._received_line = 0  # bytes not yet reported
        self._unsaid = None  # a response that goes with the next send: length, line, status
        self._thinning = thinning = tracer.thinning[0]
        if thinning > 1:
            self._look_at_thinning()
            if not self._is_shown:
                self._begin_to_count()
        else:
            self._is_shown, self._tells = True, False

    def report(self, kind: Kind, moved: int, line: int, note: str = "") -> None:
        """An event of this connection, after what happened before it."""
        if self._received or self._unsaid:
            self._catch_up()
        tracer.writer.put(kind, self._conn, self._fd, moved, line, note)

    def _catch_up(self) -> None:
        """Report what was kept back to make a pair, and did not become one."""
        if self._received and not self._is_shown:
            self._count(0, 0)
        received, self._received = self._received, 0
        unsaid, self._unsaid = self._unsaid, None
        if received:
            self.report(_RECV, received, self._received_line)
        if unsaid:
            self.report(Kind.RESPONSE, *unsaid)

    # --- thinned -------------------------------------------------------------------------------------

    def _look_at_thinning(self) -> None:
        ratio = self._thinning & (TELL_BYTES - 1)
        self._is_shown = ratio <= 1 or self._conn % ratio == 0
        self._tells = self._is_shown and self._thinning >= TELL_BYTES

    def _begin_to_count(self) -> None:
        self._recvs = self._requests = self._responses = 0  # not yet counted
        self._untold = [0, 0, 0]  # responses, bytes in and out, counted and not yet told

    def follow_thinning(self) -> None:
        """The ratio has changed: report from now on, or only count. Asked between a recv and the
        requests that it completes."""
        was_shown = self._is_shown
        self._thinning = tracer.thinning[0]
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
            tracer.writer.put(Kind.TICK, self._conn, self._fd, 0, 0, note)

    def _note_of_thinned_end(self) -> str:
        """How it ended, and how many requests were counted only. After many, their bytes are told
        as well; after few, an event more would cost as much as had been saved."""
        if self._recvs or self._responses:
            self._count(0, 0)
        if self._untold[0] > FEW_REQUESTS:
            self._tell()
            return self._ended_by
        return f"{self._ended_by}; not shown {self._untold[0]}"

    # --- accept --------------------------------------------------------------------------------------

    def accept(self) -> tuple[Any, Any]:
        line = callers.frame(1).f_lineno
        try:
            fd, peer = self._take()
        except (BlockingIOError, TimeoutError):
            if self.gettimeout() == 0:
                tracer.blocked(at_accept=True)
            raise  # else a time-out ended the wait, only to let the server look around
        except OSError as error:
            self.report(Kind.ERROR, 0, line, _error_name(error))
            raise
        accepted: Any = type(self)(*self._family, fd)  # type: ignore[call-arg]
        tracer.open_sockets += 1
        conn = tracer.cookie(accepted)
        accepted.watch(conn, fd)
        tracer.writer.put(_ACCEPT, conn, fd, 0, line, peer[0], peer[1])
        return accepted, peer

    # --- receive -------------------------------------------------------------------------------------

    def recv(self, size: int, flags: int = 0) -> bytes:
        try:
            data: bytes = self._base_recv(size, flags)
        except OSError as error:
            self._failed(error, callers.frame(1).f_lineno)
            raise
        moved = len(data)
        if self._tells and moved:
            self._tell_bytes(BYTES_IN, data, moved)
        if moved and self._converses:
            if self._is_shown:
                if self._received or self._unsaid:
                    self._catch_up()
                self._received_line = callers.frame(1).f_lineno
                self._received = moved
            else:
                self._recvs += 1
                self._received += moved
            return data
        self._got(moved, callers.frame(1).f_lineno)
        return data

    def _tell_bytes(self, kind: int, data: Any, moved: int) -> None:
        """Tell the first bytes of what was received or sent, after what happened before it."""
        if self._received or self._unsaid:
            self._catch_up()
        first = bytes(memoryview(data).cast("B")[: min(moved, BYTES_TOLD)])
        text = printable(first.decode("latin-1"), BYTES_TEXT)
        tracer.writer.put(kind, self._conn, self._fd, moved, 0, text)

    def recv_into(self, buffer: Any, nbytes: int = 0, flags: int = 0) -> int:
        line = callers.frame(1).f_lineno
        received = int(self._receive(line, _itself, "recv_into", buffer, nbytes, flags))
        if self._tells and received:
            self._tell_bytes(BYTES_IN, buffer, received)
        return received

    def recvfrom(self, size: int, flags: int = 0) -> Any:
        return self._receive(callers.frame(1).f_lineno, _length_of_first, "recvfrom", size, flags)

    def recvfrom_into(self, buffer: Any, nbytes: int = 0, flags: int = 0) -> Any:
        return self._receive(
            callers.frame(1).f_lineno, _first, "recvfrom_into", buffer, nbytes, flags
        )

    def recvmsg(self, *args: Any) -> Any:
        return self._receive(callers.frame(1).f_lineno, _length_of_first, "recvmsg", *args)

    def recvmsg_into(self, *args: Any) -> Any:
        return self._receive(callers.frame(1).f_lineno, _first, "recvmsg_into", *args)

    def _receive(self, line: int, count: Callable[[Any], int], call: str, *args: Any) -> Any:
        try:
            result = getattr(self._base, call)(self, *args)
        except OSError as error:
            self._failed(error, line)
            raise
        self._got(count(result), line)
        return result

    def _got(self, received: int, line: int) -> None:
        if not received and self._ended_by is SERVER_CLOSED:  # else this end answers ours
            self._ended_by = "client closed first"
        if self._is_shown:
            self.report(_RECV, received, line)
        else:
            self._recvs += 1
            self._received += received

    # --- send ----------------------------------------------------------------------------------------

    def send(self, data: Any, flags: int = 0) -> int:
        begins = self._tells and (self._unsaid or not self._converses)
        if self._unsaid and self.gettimeout() != 0:
            self._catch_up()  # to be seen while this waits
        try:
            sent: int = self._base_send(data, flags)
        except OSError as error:
            self._failed(error, callers.frame(1).f_lineno)
            raise
        line = callers.frame(1).f_lineno
        unsaid, self._unsaid = self._unsaid, None  # another thread may have told it meanwhile
        if unsaid is None or not self._is_shown:
            self._sent(sent, line)
        else:
            length, line1, status = unsaid
            tracer.writer.put(
                RESPONSE_SEND, self._conn, self._fd, length, line1, status, sent, line
            )
        if begins and sent:
            self._tell_bytes(BYTES_OUT, data, sent)  # how an answer begins
        return sent

    def sendall(self, data: Any, flags: int = 0) -> None:
        """A loop over send, so that each piece reports and one that is stuck is seen: what there is
        no room for at once is sent after the response has been reported."""
        line = callers.frame(1).f_lineno
        length = len(data) if type(data) is bytes else memoryview(data).nbytes
        sent = 0
        begins = self._tells and length and (self._unsaid or not self._converses)
        if self._unsaid and length:
            try:
                sent = self._send_at_once(data, flags)
            except OSError as error:
                self._failed(error, line)
                raise
            if sent == length and self._is_shown:
                unsaid, self._unsaid = self._unsaid, None
                if unsaid is None:  # another thread has told it meanwhile
                    self._sent(sent, line)
                else:
                    made, line1, status = unsaid
                    tracer.writer.put(
                        RESPONSE_SEND, self._conn, self._fd, made, line1, status, sent, line
                    )
                if begins:
                    self._tell_bytes(BYTES_OUT, data, sent)
                return
            self._catch_up()
            if sent:
                self._sent(sent, line)
            if begins and sent:
                self._tell_bytes(BYTES_OUT, data, sent)
        while sent < length or not length:
            rest = memoryview(data).cast("B")[sent:] if sent else data
            piece = self._transmit(line, "send", rest, flags)
            if not length:
                return
            if begins and not sent:
                self._tell_bytes(BYTES_OUT, rest, piece)
            sent += piece

    def _sent(self, sent: int, line: int) -> None:
        """Report a send whose response is known."""
        if self._is_shown:
            self.report(_SEND, sent, line)
        else:
            self._count(1, sent)

    def sendto(self, data: Any, *args: Any) -> int:
        return self._transmit(callers.frame(1).f_lineno, "sendto", data, *args)

    def sendmsg(self, buffers: Iterable[Any], *args: Any) -> int:
        return self._transmit(callers.frame(1).f_lineno, "sendmsg", buffers, *args)

    def sendfile(self, file: Any, offset: int = 0, count: int | None = None) -> int:
        sock: Any = self  # os.sendfile would bypass us; the loop over send() reports each piece
        return int(sock._sendfile_use_send(file, offset, count))

    def _transmit(self, line: int, call: str, *args: Any) -> int:
        if self._unsaid:
            self._catch_up()  # to be seen while this waits
        try:
            sent: int = getattr(self._base, call)(self, *args)
        except OSError as error:
            self._failed(error, line)
            raise
        self._sent(sent, line)
        return sent

    # --- the end -------------------------------------------------------------------------------------

    def _failed(self, error: OSError, line: int) -> None:
        if isinstance(error, (BlockingIOError, TimeoutError)):
            if self.gettimeout() == 0:
                tracer.blocked(at_accept=False)
            elif self._ended_by is SERVER_CLOSED:
                self._ended_by = "server closed first: client silent"
            return
        if isinstance(error, ConnectionError):
            self._ended_by = "client reset the connection"
        self.report(Kind.ERROR, 0, line, _error_name(error))

    def _real_close(self, *args: Any) -> None:
        # The one place where a socket's descriptor is closed: makefile() may keep it open after
        # close(), and here it is still valid.
        if not self._has_ended:
            self._has_ended = True  # with no call before it: two threads may close at once
            if self._conn:
                self._report_end(callers.model_line())
        self._base._real_close(self, *args)

    def _report_end(self, line: int) -> None:
        tracer.open_sockets -= 1
        note = self._ended_by if self._is_shown else self._note_of_thinned_end()
        if self._received or self._unsaid:
            self._catch_up()
        # Accepted by this process, and handed to a child since: only a copy is given up here.
        if self._forks != tracer.forks and self._pid == tracer.pid:
            tracer.writer.put(Kind.RELEASE, self._conn, self._fd, 0, line)
        else:
            tracer.writer.put(_CLOSE, self._conn, self._fd, 0, line, note)
            if tracer.tasks.share_a_thread:
                tracer.writer.forget_task()
                tracer.tasks.give_name_back()

    def __del__(self) -> None:
        # A forgotten socket is closed by its finalizer, which does not call _real_close.
        if getattr(self, "_has_ended", True):
            return  # or was never watched
        self._has_ended = True
        if self._conn and sys is not None and not sys.is_finalizing():
            self._report_end(callers.model_line())


def traced_listener(fd: int, base: Any) -> socket.socket:
    """The listener with descriptor `fd`, as a socket of class `base` (gevent's, where a model has
    patched it in) that reports."""
    calls: dict[str, Any] = {"_base": base, "_base_recv": base.recv, "_base_send": base.send}
    if base is _plain_socket:
        calls |= {"_take": _accept, "_send_at_once": _send_at_once}
    else:
        calls |= {"_take": _take_by_greenlet, "_send_at_once": _send_by_greenlet_at_once}
    fields = {"__slots__": _FIELDS}
    reporting: Any = type("ReportingSocket", (TracedSocket, base), calls | fields)
    listener = reporting(fileno=fd)
    reporting._family = (int(listener.family), int(listener.type), listener.proto)
    listener.watch(0, fd)
    listener.report(Kind.LISTEN, 0, 0, _address(listener.getsockname()))
    return listener  # type: ignore[no-any-return]


def _take_by_greenlet(sock: Any) -> tuple[int, Any]:
    while True:
        try:
            return sock._accept()  # type: ignore[no-any-return]
        except BlockingIOError:
            if sock.gettimeout() == 0:
                raise
        sock._wait(sock._read_event)  # switch to the others until somebody comes


def _send_at_once(sock: Any, data: Any, flags: int) -> int:
    if sock.gettimeout():
        return 0  # with a time-out, the library waits before it asks the kernel
    try:
        return sock._base_send(data, flags | _DONTWAIT)  # type: ignore[no-any-return]
    except BlockingIOError:
        return 0


def _send_by_greenlet_at_once(sock: Any, data: Any, flags: int) -> int:
    try:
        return sock._sock.send(data, flags)  # type: ignore[no-any-return]
    except BlockingIOError:
        return 0


def _error_name(error: OSError) -> str:
    return errno.errorcode.get(error.errno or 0, type(error).__name__)


def _itself(received: int) -> int:
    return received


def _first(result: Sequence[int]) -> int:
    return result[0]


def _length_of_first(result: Sequence[bytes]) -> int:
    return len(result[0])


def _address(peer: Any) -> str:
    host, port = peer[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
