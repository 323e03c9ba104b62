"""When the dashboard looks at the run and when it draws: often while something happens, hardly at rest."""

import asyncio
import math
import signal
import time
from collections.abc import Sequence

from textual.events import Event as Message
from textual.events import Key

from engine.events import Event
from tui import lifecycle
from tui.finding_actions import FindingActions
from tui.pace import Pace, RightOfWay

POLL_S = 0.025  # between two looks at the run while events come, so that no ring fills up
PIECE_S = 0.002  # of processor time, that a key waits for events that are taken in
REST_S = 0.15  # between two looks while nothing moves
AT_REST = ("serving", "dead")  # phases in which no engine comes or goes
BREATH_S = 0.001  # between two pieces: what a key does goes on in it
MOVING_NS = 3_300_000_000  # after the last event, strips move and closed rows are kept for 3 s
STALL_S = 0.5  # other work on the machine holds a frame up for less than this
SECOND_NS = 1_000_000_000


class Beat(FindingActions):
    """The dashboard's clock. What it draws is in app.py."""

    pace: Pace
    _beats: bool
    """Whether anything moves by itself."""

    def __init__(self) -> None:
        super().__init__()
        self.keys = RightOfWay()
        self._new_events = 0
        self._drawn_s = 0.0
        self._last_event_ns = 0
        self._second = 0

    async def on_event(self, event: Message) -> None:
        """Each thing that the terminal tells."""
        if isinstance(event, Key):
            self.keys.press(time.monotonic())
        await super().on_event(event)

    async def _beat_for_ever(self) -> None:
        """Look often while events come, draw at the pace's rate, rest when nothing moves."""
        due_s = time.monotonic()
        drawn_cpu_s = time.thread_time()
        folding_cpu_s = 0.0
        while True:
            before_cpu_s = time.thread_time()
            is_busy = self.beat(PIECE_S)
            now_cpu_s = time.thread_time()
            folding_cpu_s += now_cpu_s - before_cpu_s
            now_s = time.monotonic()
            if now_s >= due_s:
                late_s = now_s - due_s  # a slow terminal holds up the loop until it has read
                cost_s = now_cpu_s - drawn_cpu_s - folding_cpu_s
                self.pace.note(late_s if late_s > STALL_S else cost_s)
                drawn_cpu_s, folding_cpu_s = now_cpu_s, 0.0
                due_s = now_s + self.pace.period_s
                is_moving = await self._frame_when_due()
                self._look_at_the_terminal()
            else:
                is_moving = self._is_moving()
            is_behind = self.served.is_behind
            left_s = BREATH_S if is_behind else max(due_s - time.monotonic(), BREATH_S)
            if is_busy:
                left_s = min(left_s, POLL_S)
            elif not (is_behind or is_moving):
                left_s = max(left_s, REST_S)
            await self._breathe(left_s)

    async def _breathe(self, seconds: float = BREATH_S) -> None:
        """Let keys in, and first what a key does."""
        await asyncio.sleep(seconds)
        while not self.keys.is_free(time.monotonic()):
            await asyncio.sleep(BREATH_S)

    async def _frame_when_due(self) -> bool:
        """While events come: a frame and what it has to ask, one after another, so that a key waits for
        one of them only. Whether there was anything to draw."""
        if not self._new_events:
            return self.frame_if_moving()
        self.picture.ask_numbers()
        await self._breathe()
        if (
            time.monotonic() - self._drawn_s >= self.pace.period_s / 2
        ):  # else a key has had it drawn
            self.frame_if_moving(asks=False)
            await self._breathe()
        self.picture.ask_findings()
        return True

    def beat(self, within_s: float = math.inf) -> bool:
        """Take in what is new, as far as so much processor time allows; whether there was anything."""
        new = self.served.poll(within_s=within_s)
        if new:
            self._new_events += len(new)
            self._last_event_ns = new[-1].at_ns
            if self.picture.recorder is not None:
                self._record(new)
            if self.page is not None:
                self.page.take(new)
            if self.picture.code is not None:
                self.picture.code.take(new)
        return bool(new)

    def _record(self, new: Sequence[Event]) -> None:
        recorder = self.picture.recorder
        assert recorder is not None
        try:
            recorder.write(new)
        except OSError as error:
            self.end_recording(f"the recording ends, {error.strerror}")

    def frame_if_moving(self, *, asks: bool = True) -> bool:
        """Draw a frame, unless nothing can have changed since the last one; whether the picture moves."""
        second = time.monotonic_ns() // SECOND_NS
        is_moving = self._is_moving()
        if is_moving or second != self._second:
            self._second = second
            self.frame(asks=asks)
        return is_moving

    def _is_moving(self) -> bool:
        """The picture changes more often than once a second, or is about to."""
        status = self.served.status()
        return bool(
            self._new_events
            or (status.phase not in AT_REST and self.playback is None)
            or self.is_playing
            or time.monotonic_ns() - self._last_event_ns < MOVING_NS
            or self.picture.is_waiting
            or (self.page is not None and self.page.is_moving)
            or status != self.picture.status
        )

    def _look_at_the_terminal(self) -> None:
        if not self.is_headless and lifecycle.terminal_has_gone():
            self.exit(return_code=lifecycle.EXIT_BY_SIGNAL + signal.SIGHUP)
