"""The dashboard: a frame tick that asks the run what is new, and draws the lines that changed.

    servetui  thread  http://127.0.0.1:7890  keep-alive      lost 0   41,200 events/s   header
    (what went wrong, in words, with what to press)                                     alert
    requests/s 8,410    ▁▂▃▅▇▇▆▇▇▇▇▇│15 s, scale 0–10,000/s       open 48               server
    processes 1         threads 49          cpu 97 %              memory 34 MB
    CONNECTIONS  48 open  1–13 of 48 ↑↓            A accept r recv H handler ... ~ lost
       #  fd by         state        for requests last event    ├3s────┼2s───┼1s─now    connections
     132  11 thread-7   H handler  0.7 s        3 GET /wait/500 A rHHHHHHHHs····rHHHH
    EVENTS  seconds since the start, newest last
      12.301    #132 request  GET /wait/500     thread-7                                events
    BURSTS  requests of the built-in client, newest last
    thread   keep-alive   50   10   5   1.2 ms   3.4 ms   none                          bursts
    1 process  2 thread  3 gevent  m models  k short  b burst  R restart  q quit        keys

Events never become Textual messages. One thread, Textual's; the server is in other processes.
"""

import asyncio
import gc
import os
import signal
import time
from typing import TYPE_CHECKING, ClassVar

from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.events import Resize

from engine.models import MODELS
from tui import lifecycle, palette
from tui.lines import Lines, Painter, ScrolledLines
from tui.pace import FRAMES_PER_S, FRAMES_PER_S_REMOTE, Pace
from tui.panels.keys import DIGITS
from tui.picture import Picture
from tui.run_like import RunLike

if TYPE_CHECKING:
    from tui.screens.models import ModelPicker

POLL_S = 0.025  # between two looks at the run while events come, so that no ring fills up
MOVING_NS = 3_300_000_000  # after the last event, strips move and closed rows are kept for 3 s
STALL_S = 0.5  # other work on the machine holds a frame up for less than this
SECOND_NS = 1_000_000_000
PARTS = ("header", "alert", "server", "connections", "events", "bursts", "keys")
PARTED = ("connections", "events", "bursts")  # a blank line above them, where there is room


class Dashboard(App[None]):
    """Draws a run. Whoever made the run also stops it."""

    TITLE = "servetui"
    CSS_PATH = "app.tcss"
    ENABLE_COMMAND_PALETTE = False
    ALLOW_SELECT = False
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("q,ctrl+c,ctrl+q", "quit", priority=True),
        Binding("ctrl+z", "suspend_process", priority=True),
        Binding("m", "models"),
        Binding("k", "mode"),
        Binding("b", "burst"),
        Binding("R", "restart"),
        *[Binding(str(digit), f"model({digit})") for digit in range(1, DIGITS + 1)],
        Binding("up", "scroll(-1)"),
        Binding("down", "scroll(1)"),
        Binding("pageup", "page(-1)"),
        Binding("pagedown", "page(1)"),
        Binding("home", "page(-1000000)"),
        Binding("end", "page(1000000)"),
    ]

    def __init__(
        self, run: RunLike, *, frames_per_s: float | None = None, beats: bool = True
    ) -> None:
        """`beats` False: nothing moves by itself; whoever tests it calls beat() and frame()."""
        super().__init__()
        self.served = run
        self.picture = Picture(run)
        self.pace = Pace(frames_per_s or _usual_rate())
        self.frames_drawn = 0
        self.lines_changed = 0
        self.parts: dict[str, Lines] = {}
        self._beats = beats
        self._new_events = 0
        self._last_event_ns = 0
        self._second = 0
        self._picker: ModelPicker | None = None
        if _is_light_terminal():
            self.theme = "textual-light"

    # --- Textual's life -------------------------------------------------------------------------

    def compose(self) -> ComposeResult:
        """The parts from top to bottom."""
        painter = self._painter()
        for name in PARTS:
            if name == "connections":
                self.parts[name] = ScrolledLines(painter, name, self.action_scroll)
            else:
                self.parts[name] = Lines(painter, name)
        yield from self.parts.values()

    def on_load(self) -> None:
        """Before the terminal is changed: from here on a signal must restore it."""
        if not self.is_headless:
            lifecycle.install(self._leave)

    def on_mount(self) -> None:
        """The screen stands: draw it, and go on drawing."""
        self.theme_changed_signal.subscribe(self, lambda _: self._recolour())
        self.app_resume_signal.subscribe(self, lambda _: self.screen.refresh())
        self.frame()
        if not self.is_headless:
            # What stands now stays: else the collector walks it again and again, 40 ms each time.
            self.call_after_refresh(gc.freeze)
        if self._beats:
            self.run_worker(self._beat_for_ever(), exit_on_error=True)

    def on_unmount(self) -> None:
        """The end has begun."""
        if not self.is_headless:
            lifecycle.remove()

    def on_resize(self, _: Resize) -> None:
        """Another size is another picture: draw it when the new size is in force."""
        self.call_later(self.frame)

    def _leave(self, number: int) -> None:
        lifecycle.terminal_has_gone()
        self.exit(return_code=lifecycle.EXIT_BY_SIGNAL + number)

    def _painter(self) -> Painter:
        theme = self.current_theme
        background = None if theme.ansi else self.theme_variables["background"]
        return Painter(palette.styles(is_dark=theme.dark, background=background))

    def _recolour(self) -> None:
        painter = self._painter()
        for part in self.parts.values():
            part.repaint_with(painter)

    # --- the beat -------------------------------------------------------------------------------

    async def _beat_for_ever(self) -> None:
        """Look often while events come, draw at the pace's rate, rest when nothing moves."""
        due_s = time.monotonic()
        drawn_cpu_s = time.thread_time()
        folding_cpu_s = 0.0
        while True:
            before_cpu_s = time.thread_time()
            is_busy = self.beat()
            now_cpu_s = time.thread_time()
            folding_cpu_s += now_cpu_s - before_cpu_s
            now_s = time.monotonic()
            if now_s >= due_s:
                late_s = now_s - due_s  # a slow terminal holds up the loop until it has read
                cost_s = now_cpu_s - drawn_cpu_s - folding_cpu_s
                self.pace.note(late_s if late_s > STALL_S else cost_s)
                drawn_cpu_s, folding_cpu_s = now_cpu_s, 0.0
                due_s = now_s + self.pace.period_s
                self.frame_if_moving()
                self._look_at_the_terminal()
            left_s = max(due_s - time.monotonic(), 0.001)
            await asyncio.sleep(min(left_s, POLL_S) if is_busy else left_s)

    def beat(self) -> bool:
        """Take in what is new; whether there was anything."""
        new = self.served.poll()
        if new:
            self._new_events += len(new)
            self._last_event_ns = new[-1].at_ns
        return bool(new)

    def frame_if_moving(self) -> None:
        """Draw a frame, unless nothing can have changed since the last one."""
        now_ns = time.monotonic_ns()
        is_moving = (
            self._new_events
            or now_ns - self._last_event_ns < MOVING_NS
            or now_ns // SECOND_NS != self._second
            or self.picture.is_waiting
            or self.served.status() != self.picture.status
        )
        if is_moving:
            self._second = now_ns // SECOND_NS
            self.frame()

    def frame(self) -> int:
        """Draw what differs from the frame before; returns how many lines did."""
        width, height = self.size
        parts = self.picture.draw(width, height, self.pace.per_s, self._new_events)
        self._new_events = 0
        self._set_heights()
        changed = sum([self.parts[name].show(lines) for name, lines in parts.items()])
        if self._picker:
            self._picker.header.show(parts["header"])
        self.frames_drawn += 1
        self.lines_changed += changed
        return changed

    def _set_heights(self) -> None:
        heights = self.picture.heights
        for name in PARTS[1:]:
            styles, lines = self.parts[name].styles, getattr(heights, name)
            if styles.height is None or styles.height.value != lines:
                styles.height = lines
                styles.display = "block" if lines else "none"
            if name in PARTED and styles.margin.top != heights.gap:
                styles.margin = (heights.gap, 0, 0, 0)

    def _look_at_the_terminal(self) -> None:
        if not self.is_headless and lifecycle.terminal_has_gone():
            self.exit(return_code=lifecycle.EXIT_BY_SIGNAL + signal.SIGHUP)

    # --- keys -----------------------------------------------------------------------------------

    def action_model(self, digit: int) -> None:
        """A digit: let that model take over."""
        names = tuple(MODELS)
        if digit <= len(names):
            self.switch(names[digit - 1])

    def switch(self, model: str) -> None:
        """Let a model take over, unless it runs already."""
        status = self.served.status()
        if model != status.model or status.phase == "dead":
            self.served.switch(model)
        self.frame()

    def action_models(self) -> None:
        """The picker."""
        from tui.screens.models import ModelPicker

        self._picker = ModelPicker(self._painter(), tuple(MODELS), self.picture.status.model)
        self.frame()  # the picker shows the same first line from its beginning
        self.push_screen(self._picker, self._picked)

    def _picked(self, model: str | None) -> None:
        self._picker = None
        if model is not None:
            self.switch(model)

    def action_mode(self) -> None:
        """Keep-alive or short."""
        self.served.set_mode(short=not self.served.short)
        self.frame()

    def action_burst(self) -> None:
        """Requests from the built-in client."""
        self.served.start_burst()
        self.frame()

    def action_restart(self) -> None:
        """The same model anew."""
        self.served.restart()
        self.frame()

    def action_scroll(self, rows: int) -> None:
        """Move the window of connections."""
        self.picture.first_row = max(self.picture.first_row + rows, 0)
        self.frame()

    def action_page(self, pages: int) -> None:
        """Move it by what is seen."""
        self.action_scroll(pages * max(self.picture.heights.rows - 1, 1))


def _usual_rate() -> float:
    is_remote = "SSH_CONNECTION" in os.environ or "SSH_TTY" in os.environ
    return FRAMES_PER_S_REMOTE if is_remote else FRAMES_PER_S


def _is_light_terminal() -> bool:
    """Some terminals tell their colours: COLORFGBG=0;15 is black on white."""
    told = os.environ.get("COLORFGBG", "").rpartition(";")[2]
    return told in ("7", "15") and "TEXTUAL_THEME" not in os.environ
