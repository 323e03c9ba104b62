"""Conversations that report where bytes become a request, and where an answer becomes bytes.

A request and the recv that completed it travel as one record, and so do a response and the send of it,
unless that send has to wait: then the response goes first.

An interim 100 Continue is a send and no more: the request that it answers is reported once, when it
is whole, or when the refusal of its head is made.
"""

import sys
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from engine.events import RECV_REQUEST, Kind, printable
from engine.http1.conversation import Answer, Conversation, Policy
from engine.http1.messages import LongWire, Piece, Request
from engine.http1.stream import BodyBrokenError, StreamedResponse
from engine.limits import Limits
from engine.serving.service import THINNING
from engine.tracing.reporting import BROKEN_OFF, LAST_ANSWER, SERVER_CLOSED
from engine.tracing.traced_socket import TracedSocket
from engine.tracing.tracer import tracer

_getframe = sys._getframe
# Looked up here once: Python does not remember where it found what a class has.
_begin, _receive, _send = Conversation.__init__, Conversation.receive, Conversation.send
_REQUEST, _RESPONSE, _ERROR = Kind.REQUEST.value, Kind.RESPONSE.value, Kind.ERROR.value


class TracedConversation(Conversation):
    """Reports where bytes become a request, and where an answer becomes bytes."""

    __slots__ = ("_has_expected", "_pipelined", "_socket")

    def __init__(self, policy: Policy, limits: Limits, connection: Any) -> None:
        _begin(self, policy, limits)
        self._socket: TracedSocket = connection
        self._socket._converses = True
        self._pipelined = False
        self._has_expected = False  # some request so far waited for 100 Continue

    def receive(self, data: bytes) -> Sequence[Request]:
        requests = _receive(self, data)
        sock = self._socket
        if sock._thinning != tracer.words[THINNING]:
            sock.follow_thinning()
        if not sock._is_shown:
            sock._requests += len(requests)
            return requests
        self._pipelined = len(requests) > 1
        line = _getframe(1).f_lineno
        for request in requests:
            if request.expects_continue:
                self._has_expected = True
                continue
            title = _titles.get(request.target) if request.method == _USUAL else ""
            received = sock._received
            if received:
                sock._received = 0
                tracer.writer.put(
                    RECV_REQUEST, sock._conn, sock._fd, received, sock._received_line,
                    title or _title(request),
                    sock._unread_us, line,
                )  # fmt: skip
            else:
                sock.report(_REQUEST, 0, line, title or _title(request))
        if sock._received:  # they completed nothing
            sock._catch_up()
        return requests

    def send(self, response: Answer) -> Iterable[Piece]:
        sock, status = self._socket, response.status
        if status == 100:
            if not sock._is_shown:
                sock._requests -= 1  # it will be counted again, with its content
            return _send(self, response)
        if self._has_expected and sock._is_shown:
            self._report_head(_getframe(1).f_lineno)
        wire = _send(self, response)
        if self.ended and sock._ended_by is SERVER_CLOSED:
            sock._ended_by = LAST_ANSWER
        line = _getframe(1).f_lineno
        if response.failure:
            sock.report(_ERROR, 0, line, printable(response.failure))
        if type(wire) is tuple:
            length = len(wire[0]) if wire else 0
        elif isinstance(response, StreamedResponse):
            return self._stream(response, wire, line)
        else:
            assert isinstance(wire, LongWire)
            length = wire.length
        if not sock._is_shown:
            sock._responses += 1
        elif self._pipelined or sock._unsaid:
            sock.report(_RESPONSE, length, line, _STATUSES.get(status) or str(status))
        else:
            sock._unsaid = length, line, _STATUSES.get(status) or str(status)
        return wire

    def _stream(
        self, response: StreamedResponse, wire: Iterable[Piece], line: int
    ) -> Iterator[Piece]:
        """Report a response when its last piece is made: until then the request is in the handler,
        and the pieces before are sends and no more."""
        is_told = False
        try:
            for piece in wire:
                if response.is_over and not is_told:
                    is_told = True
                    self._tell_response(response.status, len(piece), line)
                yield piece
        except BodyBrokenError as error:
            self._socket._ended_by = BROKEN_OFF
            self._socket.report(_ERROR, 0, line, printable(str(error)))
            raise
        if not is_told:  # the end of the connection will tell the client that it is whole
            self._tell_response(response.status, 0, line)

    def _tell_response(self, status: int, length: int, line: int) -> None:
        sock = self._socket
        if not sock._is_shown:
            sock._responses += 1
            return
        text = _STATUSES.get(status) or str(status)
        if self._pipelined or sock._unsaid or not length:
            sock.report(_RESPONSE, length, line, text)
        else:
            sock._unsaid = (length, line, text)

    def _report_head(self, line: int) -> None:
        """Report a request that is answered although only its head has come."""
        if self._unanswered and self._unanswered[0].expects_continue:
            self._socket.report(_REQUEST, 0, line, _title(self._unanswered[0]))


_USUAL = "GET"
_titles: dict[str, str] = {}  # of the requests with that method, by target
_STATUSES = {status: str(status) for status in range(100, 600)}


def _title(request: Request) -> str:
    """Method and target, escaped; those with the usual method are remembered, since a site has few."""
    if not request.method:
        return "not a request"
    title = printable(f"{request.method} {request.target}")
    if request.method == _USUAL:
        if len(_titles) >= 1024:
            _titles.clear()
        _titles[request.target] = title
    return title
