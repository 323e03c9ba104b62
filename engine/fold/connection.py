"""One connection, as the events so far tell it. Changed only by the fold (state.py).

Everything that changes a connection's state is in the table STEPS.
"""

from bisect import bisect_left
from collections import deque
from operator import attrgetter

from engine.events import Event, Kind
from engine.fold.request_life import Request
from engine.fold.strip_letters import CELL_BIT, STATE_SHIFT, cell_letter
from engine.views.detail import Split
from engine.views.snapshot import STRIP_CELL_NS, STRIP_CELLS, ConnectionView, State

A, R, H, U, I, C = State  # noqa: E741 - one letter each keeps the table a table
STEPS: dict[State, dict[Kind, State]] = {
    #  state: what may happen in it, and where that leads. A send that leaves bytes behind stays in
    #  `unsent`; one that leaves requests unanswered goes back to `handler` (see Connection.settle).
    #  A send with no response before it is an interim 100 Continue, and leads nowhere. A response
    #  that no request asked for is the last: 503 to a client that is not let in, 408 to a slow one.
    A: {Kind.RECV: R, Kind.RESPONSE: U, Kind.ERROR: A, Kind.RELEASE: A, Kind.CLOSE: C, Kind.TICK: A},
    R: {Kind.RECV: R, Kind.REQUEST: H, Kind.RESPONSE: U, Kind.SEND: R, Kind.ERROR: R, Kind.RELEASE: R,
        Kind.CLOSE: C, Kind.TICK: R},
    H: {Kind.RECV: H, Kind.REQUEST: H, Kind.RESPONSE: U, Kind.SEND: H, Kind.ERROR: H, Kind.RELEASE: H,
        Kind.CLOSE: C, Kind.TICK: H},
    U: {Kind.RECV: U, Kind.REQUEST: U, Kind.RESPONSE: U, Kind.SEND: I, Kind.ERROR: U, Kind.RELEASE: U,
        Kind.CLOSE: C, Kind.TICK: U},
    I: {Kind.RECV: R, Kind.REQUEST: H, Kind.SEND: I, Kind.ERROR: I, Kind.RELEASE: I, Kind.CLOSE: C,
        Kind.TICK: I},
    # The parent's copy may be given up after the child has served and closed its own.
    C: {Kind.RELEASE: C, Kind.ERROR: C, Kind.TICK: C},
}  # fmt: skip

_ACCEPT = Kind.ACCEPT
_CLIENTS_TURN = {A, R, I}
_SILENCE_ENDS = ("server closed first", "server closed first: client silent")  # loops say the first
_ASKED_NS = attrgetter("asked_ns")
_SILENCE_LEAST_NS = 1_000_000_000  # less than any time-out


class Connection:
    """The numbers and the last seconds of one connection."""

    __slots__ = (
        "acceptor",
        "app_queue_ns",
        "bytes_in",
        "bytes_out",
        "cell",
        "cells",
        "closed_by",
        "closed_ns",
        "conn",
        "fd",
        "forgotten",
        "free_ns",
        "happened",
        "last",
        "log",
        "number",
        "opened_ns",
        "path",
        "peer",
        "pending",
        "pid",
        "queued_ns",
        "requests",
        "row",
        "sending",
        "silent_ns",
        "since_ns",
        "state",
        "states",
        "steps",
        "task",
        "told",
        "torn",
        "unread_ns",
        "unsent",
    )  # fmt: skip

    def __init__(self, number: int, event: Event, cell: int) -> None:
        self.number = number
        self.conn = event.conn
        self.fd = event.fd
        self.pid = event.pid
        self.acceptor = event.pid
        self.task = event.task
        self.peer = event.note if event.kind is _ACCEPT else ""
        self.state = A
        self.steps = STEPS[A]
        self.opened_ns = self.since_ns = event.at_ns
        self.closed_ns = 0
        self.closed_by = ""
        self.silent_ns = 0
        self.requests = self.pending = self.sending = 0
        self.told: list[Request] = []
        """Its last requests: finished ones, then `sending` answered ones, then `pending` others."""
        self.queued_ns = 0  # in the accept queue, at least
        self.unread_ns: int | None = None  # as is the next: of the request that comes next
        self.app_queue_ns: int | None = None
        self.free_ns = (
            event.at_ns
        )  # since when its bytes may be unread: it has left a queue, or was read
        self.unsent = 0
        self.bytes_in = self.bytes_out = 0
        self.last = event
        self.path = ""  # method and target of the last request
        self.log = [event]
        self.states = bytearray([self.state])  # after each event of the log
        self.forgotten = 0  # events before those of the log
        self.torn = False
        self.row = 0
        self.cell = cell
        self.happened = CELL_BIT[event.kind]  # in the running cell
        self.cells: list[int] = []  # the finished ones, oldest first

    def forget(self, most: int) -> None:
        """Keep the last events only, with some room for more."""
        forgotten = len(self.log) - most
        self.forgotten += forgotten
        del self.log[:forgotten], self.states[:forgotten]
        finished = max(len(self.told) - self.pending - self.sending, 0)
        del self.told[: bisect_left(self.told, self.log[0].at_ns, 0, finished, key=_ASKED_NS)]

    @property
    def last_ns(self) -> int:
        """When the last event was."""
        return self.last.at_ns

    @property
    def is_only_counted(self) -> bool:
        """The last that was told of it is how much was not told."""
        return self.last.note.startswith("thinned") and not self.closed_ns

    def settle(self) -> State:
        """The state after a send: bytes left behind, then requests left unanswered, then idle."""
        if self.unsent > 0:
            return U
        return H if self.pending > 0 else I

    def enter(self, state: State, at_ns: int) -> None:
        """Come into a state; staying in one keeps the time at which it was entered."""
        if state is not self.state:
            self.state = state
            self.steps = STEPS[state]
            self.since_ns = at_ns

    def read(self, at_ns: int, unread_ns: int) -> bool:
        """Bytes were read that the kernel had had for so long, for a part of that, perhaps, in the accept
        queue, or in the queue of the server. Whether more is known of the accept queue now."""
        came_ns = at_ns - unread_ns
        is_first = self.unread_ns is None and not self.requests and not self.pending
        was_queued = is_first and came_ns < self.opened_ns and not self.torn
        if was_queued:  # the same as TCP_INFO tells, without its grain
            self.queued_ns = self.opened_ns - came_ns
        self.unread_ns = (self.unread_ns or 0) + max(at_ns - max(came_ns, self.free_ns), 0)
        self.free_ns = at_ns
        return was_queued

    def pass_queue(self, event: Event, waited_ns: int | None) -> None:
        """It comes into the queue of the server, or leaves it after so long, with a request or before
        one."""
        self.log.append(event)
        self.states.append(self.state)
        if waited_ns is None:
            return
        if self.pending:
            self.told[-self.pending].wait_in_queue(waited_ns)
        else:
            self.app_queue_ns = (self.app_queue_ns or 0) + waited_ns
            self.free_ns = event.at_ns

    def begin_request(self, title: str, at_ns: int) -> None:
        """What was received is a request."""
        is_first = not self.requests and not self.pending
        queued_ns = self.queued_ns if is_first and self.queued_ns else None
        self.told.append(Request(title, at_ns, queued_ns, self.unread_ns, self.app_queue_ns))
        self.unread_ns = self.app_queue_ns = None
        self.pending += 1

    def answer(self, at_ns: int, status: str, length: int) -> None:
        """The oldest request that waits for its answer has it."""
        request = self.told[-self.pending]
        request.answered_ns = at_ns
        request.status = status
        request.length = request.unsent = length
        self.pending -= 1
        self.sending += 1

    def finish(self, at_ns: int, sent: int, finished: deque[Split]) -> None:
        """Bytes go to the oldest answers that are not sent. Of those that are now, it is told where
        their time went."""
        while self.sending:
            request = self.told[-(self.pending + self.sending)]
            if sent < request.unsent:
                request.unsent -= sent
                return
            sent -= request.unsent
            request.unsent = 0
            self.sending -= 1
            finished.append(request.finish(at_ns))

    def forget_requests(self) -> None:
        """What becomes of those under way is not told."""
        if self.pending + self.sending:
            del self.told[-(self.pending + self.sending) :]
        self.pending = self.sending = 0

    def silence_ns(self, at_ns: int, how: str) -> int:
        """For how long it was the client's turn, if that is why the server closes now; else 0."""
        waited_ns = at_ns - self.since_ns
        is_long = self.state in _CLIENTS_TURN and waited_ns >= _SILENCE_LEAST_NS
        return waited_ns if is_long and how in _SILENCE_ENDS else 0

    def roll(self, cell: int, kept: int = STRIP_CELLS) -> None:
        """Finish the strip's cells up to `cell`: those without events show the state. Of the finished
        ones `kept` are, or some more."""
        steps = cell - self.cell
        self.cell = cell
        resting = (self.state + 1) << STATE_SHIFT
        self.cells.append(self.happened | resting)
        self.cells += [resting] * min(steps - 1, kept)
        self.happened = 0
        if len(self.cells) > kept + STRIP_CELLS:
            del self.cells[:-kept]

    def view(self, now_ns: int, row: int | None = None) -> ConnectionView:
        """Itself, frozen; in a row of its own where it does not stand in its place."""
        return ConnectionView(
            number=self.number,
            conn=self.conn,
            fd=self.fd,
            pid=self.pid,
            task=self.task,
            peer=self.peer,
            state=self.state,
            requests=self.requests,
            bytes_in=self.bytes_in,
            bytes_out=self.bytes_out,
            opened_ns=self.opened_ns,
            since_ns=self.since_ns,
            closed_ns=self.closed_ns,
            last=describe(self.last) if self.closed_by != "cut" else "cut: its process was killed",
            last_ns=self.last.at_ns,
            path=self.path,
            strip=self._strip(now_ns // STRIP_CELL_NS),
            closed_by=self.closed_by,
            silent_ns=self.silent_ns,
            torn=self.torn,
            row=self.row if row is None else row,
            acceptor=self.acceptor,
            queued_ms=self.queued_ns / 1e6,
        )

    def _strip(self, now_cell: int) -> str:
        resting = (self.state + 1) << STATE_SHIFT
        cells = [*self.cells[-STRIP_CELLS:], self.happened | resting]
        cells += [resting] * min(now_cell - self.cell, STRIP_CELLS)
        closing = "x" if self.closed_by == "client" else "X"
        letters = "".join(map(cell_letter, cells[-STRIP_CELLS:])).replace("X", closing)
        if self.is_only_counted:  # what looks idle is not: nobody tells what it does
            letters = letters.replace("_", "~")
        return letters.rjust(STRIP_CELLS)


def describe(event: Event) -> str:
    """An event in a few words, for a row: `GET /`, `200`, `recv 83`, `closed by client`."""
    if event.kind is Kind.ACCEPT:
        return "accepted"
    if event.kind is Kind.RECV:
        return f"recv {event.bytes}" if event.bytes else "end of stream"
    if event.kind is Kind.SEND:
        return f"send {event.bytes}"
    if event.kind is Kind.CLOSE:
        unread = f", {event.bytes} bytes unread" if event.bytes else ""
        return f"closed, {event.note}{unread}" if event.note else f"closed{unread}"
    if event.kind is Kind.TICK:
        return "only counted" if event.note.startswith("thinned") else f"not reported: {event.note}"
    return event.note or event.kind.name.lower()
