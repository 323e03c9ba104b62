"""One user of the sustained load: its connection, its request, and the times of that.

When the next request is sent, the schedule decides.
"""

from __future__ import annotations

import asyncio
import time
from typing import Protocol

from engine.load import result
from engine.load.connection import Connection
from engine.load.figures import NEVER_NS, Counts
from engine.load.page import Page
from engine.load.plan import Plan
from engine.load.readiness import Readiness
from engine.load.target import Target

AFTER_ERROR_S = 0.01  # a user whose connect failed waits so long, or it would do nothing else
CLOSES_WITHIN_S = 1.0  # a server that has said that it closes


class Schedule(Protocol):
    """The run that users belong to."""

    plan: Plan
    target: Target
    loop: asyncio.AbstractEventLoop
    readiness: Readiness
    counts: Counts

    def is_free(self, user: User) -> None:
        """A user whose request has ended: the next one, or none."""

    def look_for_end(self) -> None:
        """Nothing may be on the way any more."""

    def look_for_hope(self) -> None:
        """A request has failed."""


class User:
    """Has at most one connection, and one request on the way."""

    def __init__(self, load: Schedule) -> None:
        self._load = load
        self._counts = load.counts
        self._connection: Connection | None = None
        self._page: Page | None = None  # of the request on the way
        self._due_ns = self._sent_ns = self._begun_ns = 0
        self._retries = 0
        self._closes_by_ns = NEVER_NS

    @property
    def is_asking(self) -> bool:
        """A request is on the way."""
        return self._page is not None

    def ask(self, page: Page, due_ns: int) -> None:
        """Send what was due at `due_ns`, over a new connection where there is none."""
        self._page, self._due_ns, self._retries = page, due_ns, 0
        if self._connection is not None:
            # In a closed loop it is due now; one look at the clock less, and the same figure twice.
            is_closed_loop = self._load.plan.rate is None
            self._sent_ns = due_ns if is_closed_loop else time.monotonic_ns()
            self._begun_ns = self._sent_ns
            self._counts.bytes_sent += len(page.request)
            self._connection.ask(page)
        else:
            self._connect(page)

    def _connect(self, page: Page) -> None:
        self._begun_ns = time.monotonic_ns()
        self._connection = Connection(self, self._load)
        self._connection.connect(page)

    # --- what the connection tells -----------------------------------------------------------------

    def connected(self, at_ns: int) -> None:
        """It was open at this instant, at which its first request began to be sent."""
        assert self._page is not None
        counts = self._counts
        counts.connections_opened += 1
        counts.bytes_sent += len(self._page.request)
        self._sent_ns = at_ns
        if self._due_ns >= counts.measures_from_ns:
            counts.connect.add(at_ns - self._begun_ns)

    def received(self, count: int) -> None:
        """So many bytes came."""
        self._counts.bytes_received += count

    def answered(self) -> None:
        """The request on the way got its good answer."""
        counts, now_ns = self._counts, time.monotonic_ns()
        counts.done += 1
        self._page = None
        if self._due_ns >= counts.measures_from_ns:
            counts.note_latency(self._due_ns, self._sent_ns, now_ns)
        self._go_on(self._load.plan.think_s)

    def failed(self, kind: str, *, may_retry: bool) -> None:
        """It did not."""
        connection = self._connection
        if connection is not None and connection.is_over:
            self._connection = None
        page = self._page
        if may_retry and not self._retries and page is not None:
            self._retries += 1
            self._counts.retried += 1
            self._connect(page)
            return
        self._page = None
        self._counts.note_error(kind)
        self._load.look_for_hope()
        self._go_on(AFTER_ERROR_S)

    def ended(self) -> None:
        """The connection is no more, and no request was on the way."""
        was_awaited = self._closes_by_ns != NEVER_NS
        self._connection, self._closes_by_ns = None, NEVER_NS
        if was_awaited:
            self._rest(self._load.plan.think_s)

    def _go_on(self, pause_s: float) -> None:
        connection, plan = self._connection, self._load.plan
        if connection is None:
            self._rest(pause_s)
        elif connection.asked == plan.per_connection and (
            connection.is_kept or not plan.asks_close
        ):
            connection.close()  # at once, as clients do, whatever the server has said
            self._connection = None
            self._rest(pause_s)
        elif not connection.is_kept:
            # The server has said that it closes: it shall be the first, and keep TIME_WAIT.
            self._closes_by_ns = time.monotonic_ns() + int(CLOSES_WITHIN_S * 1e9)
            self._load.look_for_end()
        else:
            self._rest(pause_s)

    def _rest(self, pause_s: float) -> None:
        if pause_s:
            self._load.loop.call_later(pause_s, self._load.is_free, self)
        else:
            self._load.is_free(self)

    # --- the clock ---------------------------------------------------------------------------------

    def look_at_the_clock(self, now_ns: int) -> None:
        """Give up a request that is too late, and a close that does not come."""
        if self._page is None:
            if self._closes_by_ns < now_ns and self._connection is not None:
                self._connection.close()
                self.ended()
        elif now_ns - self._begun_ns > self._load.plan.timeout_s * 1e9:
            self._give_up()

    def _give_up(self) -> None:
        if self._connection is not None:
            self._connection.close()
        self.failed(result.TIMED_OUT, may_retry=False)

    def leave(self) -> None:
        """The run is over."""
        if self._connection is not None:
            self._connection.close()
