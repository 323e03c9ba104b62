"""Sockets that report what is done to them.

The listener handed to a model is a traced socket, and its accept() returns traced sockets; every call
that receives or sends reports an event. What a conversation (traced_conversation.py)
learns of a recv or a send travels with it, as one record.
What is reported how stands in reporting.py.
"""

import socket
from collections.abc import Callable, Iterable, Sequence
from time import monotonic_ns
from typing import Any

from engine import listener as listening
from engine.events import (
    ACCEPT_QUEUED,
    BYTES_IN,
    BYTES_OUT,
    LISTENS,
    QUEUED_MOST_MS,
    RESPONSE_SEND,
    Kind,
)
from engine.tracing import callers
from engine.tracing.base_calls import send_at_once, send_by_greenlet_at_once, take_by_greenlet
from engine.tracing.kernel_times import ask_for_times, queued_ms, timed_recv
from engine.tracing.reporting import FIELDS, Reporting, error_name
from engine.tracing.tracer import tracer

_plain_socket = socket.socket  # as it was before a model patched the standard library
_accept: Any = _plain_socket._accept  # type: ignore[attr-defined]  # typeshed hides it
_ACCEPT = Kind.ACCEPT.value
# Less is a jiffy, in which the kernel counts: nobody need have waited. To ask costs 1 to 2 us, so then
# nobody is asked for as long: the queue is first in, first out, and who comes next came later.
QUEUED_LEAST_MS = 5
callers.PLUMBING.add(__file__)


class TracedSocket(Reporting):
    """Mixed in before a socket class: reports each call, and leaves the doing to that class."""

    _base: Any
    """The socket class that does the work."""
    _base_recv: Any
    _base_recvmsg: Any
    _base_send: Any
    _take: Any
    """Waits for a connection: its descriptor, and the client's address."""
    _send_at_once: Any
    """Sends what there is room for without waiting; 0 where it would have to wait."""

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
            self.report(Kind.ERROR, 0, line, error_name(error))
            raise
        accepted: Any = type(self)(*self._family, fd)  # type: ignore[call-arg]  # those of the base
        tracer.open_sockets += 1
        conn = tracer.cookie(accepted)
        accepted.watch(conn, fd)
        if accepted._is_shown and (now_ns := monotonic_ns()) >= tracer.queue_look_ns:
            waited_ms = queued_ms(accepted)
            if waited_ms >= QUEUED_LEAST_MS:
                waited_ms = min(waited_ms, QUEUED_MOST_MS)
                tracer.writer.put(ACCEPT_QUEUED, conn, fd, 0, line, peer[0], peer[1], waited_ms)
                return accepted, peer
            tracer.queue_look_ns = now_ns + QUEUED_LEAST_MS * 1_000_000
        tracer.writer.put(_ACCEPT, conn, fd, 0, line, peer[0], peer[1])
        return accepted, peer

    # --- receive -------------------------------------------------------------------------------------

    def recv(self, size: int, flags: int = 0) -> bytes:
        data: bytes
        try:
            if self._times:
                data, self._unread_us = timed_recv(self._base_recvmsg, size, flags)
            else:
                data = self._base_recv(size, flags)
        except OSError as error:
            self._failed(error, callers.frame(1).f_lineno)
            raise
        if self._tells and data:
            self._tell_bytes(BYTES_IN, data, len(data))
        line = callers.frame(1).f_lineno
        if not self._converses or not data:
            self._got(len(data), line)
        elif self._is_shown:
            if self._received or self._unsaid:
                self._catch_up()
            self._received, self._received_line = len(data), line
        else:
            self._recvs += 1
            self._received += len(data)
        return data

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

    # --- send ----------------------------------------------------------------------------------------

    def send(self, data: Any, flags: int = 0) -> int:
        unsaid = self._unsaid
        begins = self._tells and (unsaid or not self._converses)
        try:
            sent = 0
            if unsaid and self.gettimeout() != 0:
                sent = self._send_at_once(data, flags)
                if not sent:
                    self._catch_up()  # to be seen while this waits
            sent = sent or self._base_send(data, flags)
        except OSError as error:
            self._failed(error, callers.frame(1).f_lineno, at_send=True)
            raise
        line = callers.frame(1).f_lineno
        if unsaid:
            unsaid, self._unsaid = self._unsaid, None  # another thread may have told it meanwhile
        if unsaid and self._is_shown:
            length, line1, status = unsaid
            tracer.writer.put(
                RESPONSE_SEND, self._conn, self._fd, length, line1, status, sent, line
            )
        else:
            self._sent(sent, line)
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
                self._failed(error, line, at_send=True)
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
            self._failed(error, line, at_send=True)
            raise
        self._sent(sent, line)
        return sent


def traced_listener(fd: int, base: Any) -> Any:
    """The listener with descriptor `fd`, as a socket of class `base` (gevent's, where a model has
    patched it in) that reports."""
    calls: dict[str, Any] = {"_base": base, "_base_recv": base.recv, "_base_send": base.send}
    calls |= {"_base_recvmsg": base.recvmsg, "_base_real_close": base._real_close}
    if base is _plain_socket:
        calls |= {"_take": _accept, "_send_at_once": send_at_once}
    else:
        calls |= {"_take": take_by_greenlet, "_send_at_once": send_by_greenlet_at_once}
    fields = {"__slots__": FIELDS}
    reporting: Any = type("ReportingSocket", (TracedSocket, base), calls | fields)
    listener: Any = reporting(fileno=fd)
    reporting._family = (int(listener.family), int(listener.type), listener.proto)
    listener.watch(0, fd)
    listener.report(Kind.LISTEN, 0, 0, _address(listener.getsockname()))
    return listener


def traced_beside(listener: Any) -> Any:
    """Another listening socket on the port of a traced one, which reports as that one does."""
    beside = listening.open_beside(listener)
    ask_for_times(beside)
    fd = beside.detach()
    own = type(listener)(fileno=fd)
    own.watch(0, fd)
    tracer.writer.put(Kind.TICK, 0, -1, 0, 0, f"{LISTENS} {tracer.cookie(own)}")
    return own


def _itself(received: int) -> int:
    return received


def _first(result: Sequence[int]) -> int:
    return result[0]


def _length_of_first(result: Sequence[bytes]) -> int:
    return len(result[0])


def _address(peer: Any) -> str:
    host, port = peer[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
