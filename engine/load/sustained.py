"""Sustained load: users that ask for as long as a plan says, in a closed or an open loop.

One thread, one event loop (that of readiness.py). Its timers have the grain of epoll_wait(2), 1 ms, so
what is due within one is sent together; the send lag shows it.
"""

from __future__ import annotations

import asyncio
import math
import random
import time
from collections.abc import Callable
from itertools import accumulate
from urllib.parse import quote

from engine.load import result
from engine.load.beside import Beside
from engine.load.cpu import CpuMeter, CpuShares
from engine.load.figures import Counts, Report
from engine.load.page import Page
from engine.load.plan import Plan
from engine.load.readiness import Loop
from engine.load.target import KEPT, Target, resolve
from engine.load.user import User

REPORT_SHARE, REPORT_LEAST_S, REPORT_MOST_S = 0.1, 0.2, 0.5  # of the run; between two reports
SWEEP_S = 0.25  # between two looks for requests that are too late: the grain of the time-out


class Load:
    """One run."""

    def __init__(self, plan: Plan, target: Target) -> None:
        self.plan = plan
        self.target = target
        loop = asyncio.get_running_loop()
        assert isinstance(loop, Loop)
        self.loop: asyncio.AbstractEventLoop = loop
        self.readiness = loop.readiness
        self.counts = Counts(plan, time.monotonic_ns())
        self.cpu = CpuMeter(plan.server_pid, plan.watcher_pid)
        self._pages = _pages(plan, target)
        weights = [weight for _, weight in plan.paths] or [1.0]
        self._weights = list(accumulate(weights))
        self._users = [User(self) for _ in range(plan.connections)]
        self._idle = list(self._users) if plan.rate else []
        if plan.seconds is not None:
            self.counts.asks_until_ns = self.counts.started_ns + int(plan.seconds * 1e9)
        self._shares: CpuShares | None = None  # at the end of asking
        self._has_ended = self.loop.create_future()

    async def run(self, on_report: Callable[[Report], None] | None) -> Report:
        """To its end, or to `stop`."""
        tasks = [asyncio.create_task(each) for each in (self._count(on_report), self._sweep())]
        beside = Beside(self.plan, self.target, self.counts)
        self.loop.call_later(self.plan.warm_up, self.cpu.restart)
        if self.plan.seconds is not None:
            self.loop.call_later(self.plan.seconds, self._asks_no_more)
        self._begin()
        try:
            await self._has_ended
        finally:
            for task in tasks:
                task.cancel()
        ended_ns = time.monotonic_ns()
        report = self.counts.report(ended_ns, self._shares or self.cpu.shares(), is_final=True)
        beside.stop()
        for user in self._users:
            user.leave()
        return report

    def stop(self) -> None:
        """Send nothing more; what is on the way is still awaited."""
        self.counts.was_stopped = True
        self.counts.asks_until_ns = min(self.counts.asks_until_ns, time.monotonic_ns())
        self._asks_no_more()

    def page(self) -> Page:
        """What is asked for next."""
        if len(self._pages) == 1:
            return self._pages[0]
        return random.choices(self._pages, cum_weights=self._weights)[0]

    # --- who asks when -----------------------------------------------------------------------------

    def _begin(self) -> None:
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
            if not self._idle and due_ns >= self.counts.measures_from_ns:
                self.counts.late += 1  # else only our timer was late
            self._send(user, due_ns)
        else:
            self._idle.append(user)

    def _send(self, user: User, due_ns: int) -> None:
        self.counts.sent += 1
        user.ask(self.page(), due_ns)

    def _may_send(self, due_ns: int) -> bool:
        """Whether one that is due at `due_ns` may be sent."""
        wanted = self.plan.requests
        return due_ns < self.counts.asks_until_ns and (wanted is None or self.counts.sent < wanted)

    def _due_ns(self) -> int:
        return self.counts.started_ns + int(self.plan.due_s(self.counts.sent) * 1e9)

    def _send_due(self) -> None:
        """Open loop: all that is due, as far as connections are free; who becomes free goes on.

        What was due before the end and only our timer was late for is sent after it.
        """
        now_ns = time.monotonic_ns()
        while self._idle and self._may_send(due_ns := self._due_ns()) and due_ns <= now_ns:
            self._send(self._idle.pop(), due_ns)
        if self._may_send(now_ns):
            wait_s = max((self._due_ns() - now_ns) / 1e9, 0.001)
            self.loop.call_later(wait_s, self._send_due)
        else:
            self.look_for_end()

    def _asks_no_more(self) -> None:
        self._shares = self._shares or self.cpu.shares()
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

    async def _count(self, on_report: Callable[[Report], None] | None) -> None:
        """Seldom: the more times are counted together, the more of them are alike, and each that is
        not costs microseconds. In between requests go on."""
        run_s = self.plan.seconds or math.inf
        every_s = min(max(run_s * REPORT_SHARE, REPORT_LEAST_S), REPORT_MOST_S)
        while True:
            await asyncio.sleep(every_s)
            for samples in self.counts.times:
                samples.flush()
                await asyncio.sleep(0)
            if on_report:
                on_report(self.counts.report(time.monotonic_ns(), self.cpu.shares()))

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(SWEEP_S)
            now_ns = time.monotonic_ns()
            for user in self._users:
                user.look_at_the_clock(now_ns)
            self.look_for_end()


def _pages(plan: Plan, target: Target) -> list[Page]:
    close = "Connection: close\r\n" if plan.asks_close else ""
    paths = [quote(path, safe=KEPT) for path, _ in plan.paths] or [target.path]
    return [
        Page(
            f"GET {path} HTTP/1.1\r\nHost: {target.host_header}\r\nAccept: */*\r\n"
            f"User-Agent: servetui\r\n{close}\r\n".encode("ascii"),
            verify=plan.verify_bodies,
        )
        for path in paths
    ]


async def run(plan: Plan, on_report: Callable[[Report], None] | None = None) -> Report:
    """In a `Loop`. Raises ValueError for a URL that `resolve` refuses. When cancelled, it ends early."""
    load = Load(plan, resolve(plan.url, allow_remote=plan.allow_remote))
    running = asyncio.ensure_future(load.run(on_report))
    while True:
        try:
            return await asyncio.shield(running)
        except asyncio.CancelledError:  # perhaps again, by who finds that its end takes long
            load.stop()
