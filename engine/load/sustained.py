"""Sustained load: users that ask for as long as a plan says, in a closed or an open loop.

One thread, one event loop (uvloop: asyncio's own needs twice the time for each request). libuv's
timers have a grain of 1 ms, so what is due within one is sent together; the send lag shows it.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable
from itertools import accumulate

from engine.load import result
from engine.load.beside import Beside
from engine.load.connection import Connection, Page
from engine.load.cpu import CpuMeter
from engine.load.errors import kind_of
from engine.load.figures import Counts, Report
from engine.load.plan import Plan
from engine.load.target import Target, resolve

REPORT_EVERY_S = 0.2
COUNT_EVERY_S = 0.05  # so that counting takes less than a millisecond
SWEEP_S = 0.25  # between two looks for requests that are too late: the grain of the time-out
AFTER_ERROR_S = 0.01  # a user whose connect failed waits so long, or it would do nothing else
CLOSES_WITHIN_S = 1.0  # a server that has said that it closes
_NEVER_NS = 1 << 63


class Load:
    """One run."""

    def __init__(self, plan: Plan, target: Target) -> None:
        self.plan = plan
        self.target = target
        self.loop = asyncio.get_running_loop()
        self.counts = Counts(plan, time.monotonic_ns())
        self.cpu = CpuMeter(plan.server_pid, plan.watcher_pid)
        self._pages = _pages(plan, target)
        weights = [weight for _, weight in plan.paths] or [1.0]
        self._weights = list(accumulate(weights))
        self._users = [User(self) for _ in range(plan.connections)]
        self._idle = list(self._users) if plan.rate else []
        self._ends_ns = (
            _NEVER_NS if plan.seconds is None else self.counts.started_ns + int(plan.seconds * 1e9)
        )
        self._has_ended = self.loop.create_future()

    async def run(self, on_report: Callable[[Report], None] | None) -> Report:
        """To its end, or to `stop`."""
        tasks = [asyncio.create_task(each) for each in (self._count(), self._sweep())]
        if on_report:
            tasks.append(asyncio.create_task(self._report(on_report)))
        beside = Beside(self.plan, self.target, self.counts)
        self.loop.call_later(self.plan.warm_up, self.cpu.restart)
        self._begin()
        try:
            await self._has_ended
        finally:
            for task in tasks:
                task.cancel()
        ended_ns = time.monotonic_ns()
        report = self.counts.report(ended_ns, self.cpu.shares(), is_final=True)
        beside.stop()
        await self._close()
        return report

    def stop(self) -> None:
        """Send nothing more; what is on the way is still awaited."""
        self._ends_ns = min(self._ends_ns, time.monotonic_ns())
        self.look_for_end()

    def page(self) -> Page:
        """What is asked for next."""
        if len(self._pages) == 1:
            return self._pages[0]
        return random.choices(self._pages, cum_weights=self._weights)[0]

    # --- who asks when -----------------------------------------------------------------------------

    def _begin(self) -> None:
        if self.plan.seconds is not None:
            self.loop.call_later(self.plan.seconds, self.look_for_end)
        if self.plan.rate:
            self._send_due()
            return
        apart_s = self.plan.ramp_s / self.plan.connections
        for number, user in enumerate(self._users):
            self.loop.call_later(number * apart_s, self.is_free, user)

    def is_free(self, user: User) -> None:
        """A user whose request has ended: the next one, or none."""
        now_ns = time.monotonic_ns()
        if not self._may_send(now_ns):
            self.look_for_end()
        elif not self.plan.rate:
            self._send(user, now_ns)
        elif (due_ns := self._due_ns()) <= now_ns:
            self._send(user, due_ns)
        else:
            self._idle.append(user)

    def _send(self, user: User, due_ns: int) -> None:
        self.counts.sent += 1
        user.ask(self.page(), due_ns)

    def _may_send(self, now_ns: int) -> bool:
        """Whether a request may be sent that was due by now."""
        wanted = self.plan.requests
        return now_ns < self._ends_ns and (wanted is None or self.counts.sent < wanted)

    def _due_ns(self) -> int:
        return self.counts.started_ns + int(self.plan.due_s(self.counts.sent) * 1e9)

    def _send_due(self) -> None:
        """Open loop: all that is due, as far as connections are free; who becomes free goes on."""
        now_ns = time.monotonic_ns()
        while self._idle and self._may_send(now_ns) and (due_ns := self._due_ns()) <= now_ns:
            self._send(self._idle.pop(), due_ns)
        if self._may_send(now_ns):
            wait_s = max((self._due_ns() - now_ns) / 1e9, 0.001)
            self.loop.call_later(wait_s, self._send_due)
        else:
            self.look_for_end()

    def look_for_end(self) -> None:
        """The run is over when nothing more may be sent and nothing is on the way."""
        if self._has_ended.done() or self._may_send(time.monotonic_ns()):
            return
        if not any(user.is_asking for user in self._users):
            self._has_ended.set_result(None)

    def look_for_hope(self) -> None:
        """When nobody has listened from the start, the rest of the time would tell nothing new."""
        counts = self.counts
        is_hopeless = not counts.done and set(counts.errors) == {result.REFUSED}
        if is_hopeless and self.plan.requests is None and counts.failed >= self.plan.connections:
            self.stop()

    # --- beside the load ---------------------------------------------------------------------------

    async def _count(self) -> None:
        while True:
            await asyncio.sleep(COUNT_EVERY_S)
            self.counts.flush()

    async def _report(self, on_report: Callable[[Report], None]) -> None:
        while True:
            await asyncio.sleep(REPORT_EVERY_S)
            on_report(self.counts.report(time.monotonic_ns(), self.cpu.shares()))

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(SWEEP_S)
            now_ns = time.monotonic_ns()
            for user in self._users:
                user.look_at_the_clock(now_ns)
            self.look_for_end()

    async def _close(self) -> None:
        """All connections, and until the transports have done so."""
        for user in self._users:
            user.leave()
        deadline_s = time.monotonic() + CLOSES_WITHIN_S
        while any(user.is_connected for user in self._users) and time.monotonic() < deadline_s:
            await asyncio.sleep(0.005)


class User:
    """Has at most one connection, and one request on the way."""

    def __init__(self, load: Load) -> None:
        self._load = load
        self._counts = load.counts
        self._connection: Connection | None = None
        self._connecting: asyncio.Task[None] | None = None
        self._page: Page | None = None  # of the request on the way
        self._due_ns = self._sent_ns = self._begun_ns = 0
        self._retries = 0
        self._closes_by_ns = _NEVER_NS

    @property
    def is_asking(self) -> bool:
        """A request is on the way."""
        return self._page is not None

    @property
    def is_connected(self) -> bool:
        """There is a connection, or was one until now."""
        return self._connection is not None

    def ask(self, page: Page, due_ns: int) -> None:
        """Send what was due at `due_ns`, over a new connection where there is none."""
        self._page, self._due_ns, self._retries = page, due_ns, 0
        if self._connection is not None:
            # In a closed loop it is due now; one look at the clock less, and the same figure twice.
            is_closed_loop = self._load.plan.rate is None
            self._sent_ns = due_ns if is_closed_loop else time.monotonic_ns()
            self._begun_ns = self._sent_ns
            self._send()
        else:
            self._connect()

    def _send(self) -> None:
        assert self._page is not None
        assert self._connection is not None
        self._counts.bytes_sent += len(self._page.request)
        self._connection.ask(self._page)

    def _connect(self) -> None:
        self._begun_ns = time.monotonic_ns()
        self._connecting = self._load.loop.create_task(self._connect_and_send())

    async def _connect_and_send(self) -> None:
        target, begun_ns = self._load.target, self._begun_ns
        try:
            _, connection = await self._load.loop.create_connection(
                lambda: Connection(self), target.address, target.port
            )
        except OSError as error:
            self._connecting = None
            self.failed(kind_of(error), may_retry=False)
            return
        self._connecting = None
        self._connection = connection
        self._counts.connections_opened += 1
        self._sent_ns = time.monotonic_ns()
        if self._due_ns >= self._counts.measures_from_ns:
            self._counts.connect.add(self._sent_ns - begun_ns)
        self._send()

    # --- what the connection tells -----------------------------------------------------------------

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
        if may_retry and not self._retries:
            self._retries += 1
            self._counts.retried += 1
            self._connect()
            return
        self._page = None
        self._counts.note_error(kind)
        self._load.look_for_hope()
        self._go_on(AFTER_ERROR_S)

    def ended(self) -> None:
        """The connection is no more, and no request was on the way."""
        was_awaited = self._closes_by_ns != _NEVER_NS
        self._connection, self._closes_by_ns = None, _NEVER_NS
        if was_awaited:
            self._rest(self._load.plan.think_s)

    def _go_on(self, pause_s: float) -> None:
        connection, plan = self._connection, self._load.plan
        if connection is None:
            self._rest(pause_s)
        elif not connection.is_kept:
            # The server has said that it closes: it shall be the first, and keep TIME_WAIT.
            self._closes_by_ns = time.monotonic_ns() + int(CLOSES_WITHIN_S * 1e9)
            self._load.look_for_end()
        elif plan.per_connection is not None and connection.asked >= plan.per_connection:
            self._closes_by_ns = time.monotonic_ns() + int(CLOSES_WITHIN_S * 1e9)
            connection.close()
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
                self._connection.abort()
        elif now_ns - self._begun_ns > self._load.plan.timeout_s * 1e9:
            self._give_up()

    def _give_up(self) -> None:
        if self._connecting is not None:
            self._connecting.cancel()
            self._connecting = None
        if self._connection is not None:
            self._connection.forget()
            self._connection = None
        self.failed(result.TIMED_OUT, may_retry=False)

    def leave(self) -> None:
        """The run is over."""
        if self._connection is not None:
            self._connection.close()


def _pages(plan: Plan, target: Target) -> list[Page]:
    close = "Connection: close\r\n" if plan.asks_close else ""
    paths = [path for path, _ in plan.paths] or [target.path]
    return [
        Page(
            f"GET {path} HTTP/1.1\r\nHost: {target.host_header}\r\nAccept: */*\r\n"
            f"User-Agent: servetui\r\n{close}\r\n".encode("ascii"),
            verify=plan.verify_bodies,
        )
        for path in paths
    ]


async def run(plan: Plan, on_report: Callable[[Report], None] | None = None) -> Report:
    """Raises ValueError for a URL that `resolve` refuses. When cancelled, it ends early."""
    load = Load(plan, resolve(plan.url, allow_remote=plan.allow_remote))
    running = asyncio.ensure_future(load.run(on_report))
    try:
        return await asyncio.shield(running)
    except asyncio.CancelledError:
        load.stop()
        return await running
