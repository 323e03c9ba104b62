"""A dashboard in a pseudo-terminal: started, watched, its keys pressed and timed."""

from __future__ import annotations

import contextlib
import random
import re
import subprocess
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import psutil

from tests.bench.processes import end, own_cpu_seconds, running, wait_for_port
from tests.bench.screen import Grid, Terminal
from tests.support import free_port

FRAME_WITHIN_S = 10.0
KEY_WITHIN_S = 5.0  # a key that shows nothing by then is counted as missed
KEY_EVERY_S = (0.5, 0.9)  # with jitter, so that keys do not fall into step with frames
REPEAT_S = 1 / 30  # as keyboards repeat a key that is held
IDLE_TIMEOUT_S = "60"  # rows are to stay, however late a busy client asks again
HOME, PAGE_DOWN, DOWN = "\x1b[H", "\x1b[6~", "\x1b[B"
VIEWS = {
    "connections": ("", "CONNECTIONS"),
    "lanes": ("v", "LANES"),
    "code": ("o", "CODE"),
    "rooms": ("t", "ROOMS"),
}
"""What may be seen under load -> its key, and how a line of it begins."""
_WINDOW = re.compile(r"^(?:CONNECTIONS|LANES)\s+\S+ open\s+([\d,]+)–[\d,]+ of [\d,]+")
_HEADER = re.compile(r"^servetui\s+\S+\s+http://\S+\s+(\S+)")


@dataclass(slots=True)
class Phase:
    """What was seen under one kind of load."""

    name: str
    seconds: float = 0.0
    cpu_percent: float = 0.0  # of one core, the terminal's process alone
    engine_cpu_percent: float = 0.0  # all its children together
    painted_bytes: int = 0
    rss_mb: float = 0.0
    key_ms: list[float] = field(default_factory=list)  # ascending
    keys_missed: int = 0
    load: dict[str, Any] = field(default_factory=dict)  # what the client says
    header: str = ""  # the first line of the screen at the end


class Dashboard:
    """A running dashboard and its terminal."""

    def __init__(self, child: subprocess.Popen[bytes], terminal: Terminal, port: int) -> None:
        self.child = child
        self.terminal = terminal
        self.url = f"http://127.0.0.1:{port}/index.html"
        self.process = psutil.Process(child.pid)

    def show(self, view: str) -> None:
        """Open one of VIEWS over the connections."""
        key, title = VIEWS[view]
        if key:
            self.terminal.press(key)
        shown = self.terminal.drain_until(
            lambda grid: any(grid.line(y).startswith(title) for y in range(len(grid.cells))),
            FRAME_WITHIN_S,
        )
        if shown is None:
            raise TimeoutError(f"no {view} within {FRAME_WITHIN_S} s: {_shown(self.terminal.grid)}")

    def phase(self, name: str, seconds: float, keys: int = 0) -> Phase:
        """Watch for this long, or press so many keys and watch meanwhile."""
        phase = Phase(name)
        painted = self.terminal.painted_bytes
        cpu, engine = own_cpu_seconds(self.process), self._children_cpu_s()
        begun = time.monotonic()
        for _ in range(keys):
            self._press_mode(phase)
        self.terminal.drain_for(seconds - (time.monotonic() - begun))
        phase.seconds = time.monotonic() - begun
        phase.cpu_percent = (own_cpu_seconds(self.process) - cpu) / phase.seconds * 100
        phase.engine_cpu_percent = (self._children_cpu_s() - engine) / phase.seconds * 100
        phase.painted_bytes = self.terminal.painted_bytes - painted
        phase.rss_mb = self.process.memory_info().rss / 1e6
        phase.key_ms.sort()
        phase.header = self.terminal.grid.line(0)
        return phase

    def _children_cpu_s(self) -> float:
        return sum(own_cpu_seconds(child) for child in self.process.children(recursive=True))

    def _press_mode(self, phase: Phase) -> None:
        before = mode_of(self.terminal.grid)
        pressed = self.terminal.press("k")
        painted = self.terminal.drain_until(
            lambda grid: mode_of(grid) not in (before, None), KEY_WITHIN_S
        )
        if painted is None:
            phase.keys_missed += 1
        else:
            phase.key_ms.append((painted - pressed) * 1e3)
        self.terminal.drain_for(random.uniform(*KEY_EVERY_S))

    def hold_arrow(self, name: str, presses: int) -> Phase:
        """Hold the arrow down at the end of the window, so that each press scrolls by a row."""
        terminal, phase = self.terminal, Phase(name)
        terminal.press(HOME)
        terminal.drain_for(0.5)
        terminal.press(PAGE_DOWN)
        terminal.drain_for(0.5)
        cpu, engine = own_cpu_seconds(self.process), self._children_cpu_s()
        painted, first = terminal.painted_bytes, chosen(terminal.grid)
        pressed: list[float] = []
        moved: list[tuple[int, float]] = []  # by how many rows, and when that was painted
        begun = time.monotonic()

        def note(grid: Grid) -> bool:
            if (rows := chosen(grid) - first) != (moved[-1][0] if moved else 0):
                moved.append((rows, terminal.last_paint_s))
            return False

        for number in range(1, presses + 1):
            pressed.append(terminal.press(DOWN))
            terminal.drain_until(note, begun + number * REPEAT_S - time.monotonic())
        terminal.drain_until(note, 1.0)
        phase.seconds = time.monotonic() - begun
        phase.cpu_percent = (own_cpu_seconds(self.process) - cpu) / phase.seconds * 100
        phase.engine_cpu_percent = (self._children_cpu_s() - engine) / phase.seconds * 100
        phase.painted_bytes = terminal.painted_bytes - painted
        phase.rss_mb = self.process.memory_info().rss / 1e6
        phase.key_ms = key_times_ms(pressed, moved)
        phase.keys_missed = len(pressed) - len(phase.key_ms)
        return phase


def key_times_ms(pressed: Sequence[float], moved: Sequence[tuple[int, float]]) -> list[float]:
    """From each press to the paint from which on so many rows had been gone, ascending.

    Half a frame may show a row too many: the title is painted before the row, or after it.
    """
    times = []
    for number, at in enumerate(pressed, 1):
        short_of_it = [place for place, (rows, _) in enumerate(moved) if rows < number]
        reached = short_of_it[-1] + 1 if short_of_it else 0
        if reached < len(moved):
            times.append((moved[reached][1] - at) * 1e3)
    return sorted(times)


def chosen(grid: Grid) -> int:
    """The row that is chosen, counted from anywhere; 0 before one is, or all fit.

    The first row of the window is not enough: a line more above the table moves the window, too.
    """
    row = grid.reversed_row()
    for title in range(len(grid.cells)):
        if found := _WINDOW.match(grid.line(title)):
            return int(found[1].replace(",", "")) + row - title if row is not None else 0
    return 0


def mode_of(grid: Grid) -> str | None:
    """The mode in the first line; None before there is one."""
    found = _HEADER.match(grid.line(0))
    return found[1] if found else None


@contextlib.contextmanager
def started(command: Sequence[str], model: str) -> Iterator[tuple[Dashboard, float]]:
    """The dashboard with its first frame painted, and how many seconds that took."""
    port = free_port()
    terminal = Terminal()
    words = [*command, "-m", model, "-p", str(port), "--idle-timeout", IDLE_TIMEOUT_S]
    env = {"TERM": "xterm-256color", "COLORTERM": "truecolor"}
    begun = time.monotonic()
    slave = terminal.slave
    try:
        with running(words, stdin=slave, stdout=slave, stderr=slave, env=env) as child:
            first = terminal.drain_until(lambda grid: mode_of(grid) is not None, FRAME_WITHIN_S)
            if first is None:
                raise TimeoutError(f"no frame within {FRAME_WITHIN_S} s: {_shown(terminal.grid)}")
            wait_for_port(port, child)
            yield Dashboard(child, terminal, port), first - begun
            quit_by_key(child, terminal)
    finally:
        terminal.close()


def _shown(grid: Grid) -> str:
    return " | ".join(line for line in map(grid.line, range(len(grid.cells))) if line) or "nothing"


def quit_by_key(child: subprocess.Popen[bytes], terminal: Terminal) -> None:
    """`q`, and what comes out until the end."""
    terminal.press("q")
    deadline = time.monotonic() + 5
    while child.poll() is None and time.monotonic() < deadline:
        terminal.drain_for(0.05)
    end(child)
