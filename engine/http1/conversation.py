"""Bytes <-> HTTP/1.x requests and responses. No sockets, no clock, no threads, no files.

Parsing is a pure function, so the result of a short request without a body is remembered by its
bytes: a browser that reloads and a benchmark send the same ones again and again.

A request that expects 100 Continue comes twice out of `receive`: its head, and once that has been
answered with 100, the whole. Upgrade is ignored, as a server may (RFC 9110, 7.8).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from typing import Protocol

from engine.http1.messages import NO_PEER, Peer, Piece, Request, Response
from engine.http1.parser import Incoming, begin
from engine.http1.stream import StreamedResponse, WholeResponse
from engine.limits import DEFAULT_LIMITS, Limits

MEMO_LIMIT_BYTES = 2 * 1024  # a longer head carries cookies, and those hardly repeat
MEMO_REQUESTS = 8  # more at once, and each costs half a KB, are no browser's
MEMO_ENTRIES = 1024  # with the above, some 15 MB if all are heads full of tiny fields
_EMPTY_LINE = (b"", b"\r")  # what the parser has left of empty lines when it waits for more


Answer = Response | StreamedResponse | WholeResponse


class Policy(Protocol):
    """What the server wants of its connections; may change at any time."""

    @property
    def keep_alive(self) -> bool:
        """False: each connection closes after its next response (short, or draining)."""


class Conversation:
    """The HTTP state of one connection: bytes in, requests out; responses in, bytes out.

    `ended`: close the connection once the bytes that `send` returned have been sent.
    `broken_off`: it ended before the client had said what it was saying; so it may still be sending.
    `partial`: the bytes of an unfinished request have arrived. Empty lines before one are not its own:
    who sends only those is as silent as before.
    `peer`: the client's address, where an application is told of it.
    """

    __slots__ = (
        "_incoming", "_is_deaf", "_is_fresh", "_limits", "_memo", "_policy", "_unanswered",
        "_unread", "broken_off", "ended", "partial", "peer",
    )  # fmt: skip

    def __init__(self, policy: Policy, limits: Limits = DEFAULT_LIMITS) -> None:
        self.broken_off = self.ended = False
        self.partial = False
        self.peer: Peer = NO_PEER
        self._policy = policy
        self._limits = limits
        self._memo = _memos.setdefault(limits, {})
        self._unanswered: deque[Request] = deque()
        self._unread = b""
        self._incoming: Incoming | None = None
        self._is_deaf = False  # a request was the last one: nothing after it may be parsed
        self._is_fresh = True  # not deaf and between two requests: the memo may answer

    def receive(self, data: bytes) -> Sequence[Request]:
        """The requests that these bytes complete, oldest first; () for none yet. Never raises.

        After a fault, or a request that closes the connection, the rest is ignored.
        """
        if self._is_fresh:
            requests = self._memo.get(data)
            if requests is not None:
                self._unanswered.extend(requests)
                if not requests[-1].keep_alive:
                    self._stop_listening()
                return requests
        return self._parse(data)

    @property
    def has_head(self) -> bool:
        """Of an unfinished request: the head is there, and content is to come."""
        return self._incoming is not None

    def send(self, response: Answer) -> Iterable[Piece]:
        """The bytes that answer the oldest unanswered request; none once the connection has ended.
        A streamed answer makes each piece when it is asked for, and may break off (stream.py).

        With no request unanswered (408, 503), it is the last response of the connection. So is one
        to a request whose content has not been read.
        """
        try:
            request = self._unanswered.popleft()
        except IndexError:
            return self._send_unasked(response)
        if self._policy.keep_alive and request.keep_alive and not response.is_last:
            return response.wire(True, request.method == "HEAD")
        if request.expects_continue and response.status == 100:
            return response.wire(True, True)
        self.broken_off = bool(request.fault) or request.expects_continue or self.partial
        self._end()
        return response.wire(False, request.method == "HEAD")

    def _send_unasked(self, response: Answer) -> Iterable[Piece]:
        if self.ended:
            return ()
        self.broken_off = True
        self._end()
        return response.wire(False, False)

    def _end(self) -> None:
        self.ended = True
        self._unanswered.clear()
        self._stop_listening()

    def _stop_listening(self) -> None:
        self._is_deaf = True
        self._is_fresh = self.partial = False
        self._unread = b""
        self._incoming = None

    def _parse(self, data: bytes) -> tuple[Request, ...]:
        if self._is_deaf:
            return ()
        was_fresh = self._is_fresh
        self._unread += data
        requests = tuple(self._complete_requests())
        self._unanswered.extend(requests)
        self.partial = self._incoming is not None or self._unread not in _EMPTY_LINE
        is_all_read = self._incoming is None and not self._unread
        self._is_fresh = is_all_read and not self._is_deaf
        if was_fresh and is_all_read and requests:
            _remember(self._memo, data, requests)
        return requests

    def _complete_requests(self) -> Iterator[Request]:
        while (request := self._next_request()) is not None:
            yield request
            if not request.keep_alive and not request.expects_continue:
                self._stop_listening()
                return

    def _next_request(self) -> Request | None:
        if self._incoming is None:
            self._incoming, self._unread = begin(self._unread, self._limits)
            if self._incoming is None:
                return None
            if self._incoming.expects_continue and not self._incoming.is_over:
                return self._incoming.head()  # without content, nothing would be waited for
        self._unread = self._incoming.take(self._unread)
        if not self._incoming.is_over:
            return None
        request = self._incoming.finish()
        self._incoming = None
        return request


Memo = dict[bytes, tuple[Request, ...]]
_memos: dict[Limits, Memo] = {}  # shared by all threads: each step on them is atomic


def _remember(memo: Memo, data: bytes, requests: tuple[Request, ...]) -> None:
    """Let the next connection that is sent exactly these bytes have the same requests."""
    if len(data) > MEMO_LIMIT_BYTES or len(requests) > MEMO_REQUESTS:
        return
    if any(one.fault or one.body for one in requests):
        return
    if len(memo) >= MEMO_ENTRIES:
        memo.clear()
    memo[data] = requests
