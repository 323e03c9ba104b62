"""The dashboard: a frame tick that asks the run what is new, and draws the lines that changed.

    servetui  thread  http://127.0.0.1:7890  keep-alive      lost 0   41,200 events/s   header
    (what went wrong, or the worst finding, in words, with what to press)               alert
    WHERE REQUESTS WAIT  now, longest wait, share                                   rooms
    y SYN retry  q accept queue  u unread  a app queue  H handler  S unsent  _ idle ...
    0            12 / 128        3         -            8          1         40
                 402 ms          12 ms                  1.20 s     3.1 s     4 s
    SERVER  rates: over the last second; accepted, closed: since the start
    requests/s 8,410    ▁▂▃▅▇▇▆▇▇▇▇▇│1 s each, 0–10,000/s         open 48               server
    processes 1         threads 49          cpu 97 %              memory 34 MB
    CONNECTIONS  48 open  1–13 of 48 ↑↓              no room for peer, in, out, age
       #  fd by         state     in state last event           ├3s────┼2s───┼1s─now    connections
     132  11 thread-7   H handler    0.7 s GET /wait/500        A rHHHHHHHHs____rHHHH
    A accept r recv H handler s sent S unsent _ idle X closed x by client ~ lost
    EVENTS  seconds since the start, newest last
      12.301    #132 request  GET /wait/500     thread-7                                events
    BURSTS  by the built-in client, newest last
    1 thread   keep-alive   50   10   1.2 ms   3.4 ms   none                            bursts
    1 process  2 thread  3 gevent  m models  k to short  b burst  R restart  q quit        keys

Events never become Textual messages. One thread, Textual's; the server is in other processes.
"""

import os
import time
from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.events import Resize

from engine.running.seldom_collected import collect_seldom
from tui import key_table, lifecycle, palette
from tui.beat import Beat
from tui.layout import shows_code_at_once
from tui.lines import Lines, Painter, ScrolledLines
from tui.pace import FRAMES_PER_S, FRAMES_PER_S_REMOTE, Pace
from tui.picture import Picture
from tui.prompt import Prompt
from tui.run_like import RunLike

if TYPE_CHECKING:
    from tui.screens.page import Page

PARTS = ("header", "alert", "rooms", "server", "connections", "events", "bursts", "keys")
JUMP_HINT = "seconds since the beginning; enter goes there, esc ends it"
FILTER_HINT = "words in path, state, owner or peer; !word: without it; enter keeps, esc ends it"
PARTED = ("server", "connections", "events", "bursts")  # a blank line above, where there is room


class Dashboard(Beat):
    """Draws a run. Whoever made the run also stops it."""

    TITLE = "servetui"
    CSS_PATH = "app.tcss"
    ALLOW_SELECT = False
    AUTO_FOCUS = None  # the input lines wait for their keys
    BINDINGS: ClassVar[list[BindingType]] = [*key_table.bindings()]

    def __init__(
        self,
        run: RunLike,
        *,
        frames_per_s: float | None = None,
        beats: bool = True,
        is_ascii: bool = False,
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
        self._is_ascii = is_ascii
        self.page: Page | None = None
        self.jump_line = Prompt("jump", JUMP_HINT)
        self.filter_line = Prompt("filter", FILTER_HINT)
        if _is_light_terminal():
            self.theme = "textual-light"

    # --- Textual's life -------------------------------------------------------------------------

    def compose(self) -> ComposeResult:
        """The parts from top to bottom."""
        painter = self.painter()
        for name in PARTS:
            if name == "connections":
                self.parts[name] = ScrolledLines(painter, name, self.scroll_rows, self.click_row)
            else:
                self.parts[name] = Lines(painter, name)
        yield from (*self.parts.values(), self.filter_line, self.jump_line)

    def on_load(self) -> None:
        """Before the terminal is changed: from here on a signal must restore it."""
        if not self.is_headless:
            lifecycle.install(self._leave)

    def on_mount(self) -> None:
        """The screen stands: draw it, and go on drawing."""
        self.theme_changed_signal.subscribe(self, lambda _: self._recolour())
        self.app_resume_signal.subscribe(self, lambda _: self.screen.refresh())
        if shows_code_at_once(*self.size):
            self.action_code()
        self.frame()
        if not self.is_headless:
            self.call_after_refresh(collect_seldom)
        if self._beats:
            self.run_worker(self._beat_for_ever(), exit_on_error=True)

    def on_unmount(self) -> None:
        """The end has begun."""
        if self.picture.recorder is not None:
            self.picture.recorder.close()
        if not self.is_headless:
            lifecycle.remove()

    def on_resize(self, _: Resize) -> None:
        """Another size is another picture: draw it when the new size is in force."""
        self.call_later(self.frame)

    def _leave(self, number: int) -> None:
        lifecycle.terminal_has_gone()
        self.exit(return_code=lifecycle.EXIT_BY_SIGNAL + number)

    def painter(self) -> Painter:
        """In the colours of the theme."""
        theme = self.current_theme
        background = None if theme.ansi else self.theme_variables["background"]
        styles = palette.styles(is_dark=theme.dark, background=background)
        return Painter(styles, is_ascii=self._is_ascii)

    def _recolour(self) -> None:
        painter = self.painter()
        for part in self.parts.values():
            part.repaint_with(painter)
        if self.page:
            self.page.repaint_with(painter)

    # --- drawing --------------------------------------------------------------------------------

    def frame(self, *, asks: bool = True) -> int:
        """Draw what differs from the frame before; returns how many lines did. `asks`: numbers and
        findings are not those that the beat has asked for last, but those of now."""
        if asks or not self._beats:
            self.picture.ask_numbers()
            self.picture.ask_findings()
        width, height = self.size
        parts = self.picture.draw(width, height, self.pace.per_s, self._new_events)
        self._new_events = 0
        self._set_heights()
        changed = sum([self.parts[name].show(lines) for name, lines in parts.items()])
        if self.page:
            self.page.show(parts["header"], self.picture.table.now_ns)
        self.frames_drawn += 1
        self._drawn_s = time.monotonic()
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


def _usual_rate() -> float:
    is_remote = "SSH_CONNECTION" in os.environ or "SSH_TTY" in os.environ
    return FRAMES_PER_S_REMOTE if is_remote else FRAMES_PER_S


def _is_light_terminal() -> bool:
    """Some terminals tell their colours: COLORFGBG=0;15 is black on white."""
    told = os.environ.get("COLORFGBG", "").rpartition(";")[2]
    return told in ("7", "15") and "TEXTUAL_THEME" not in os.environ
