"""What the dashboard costs and how fast it is: `python -m tests.bench.dashboard`.

It runs in a pseudo-terminal of 120x40 that is drained all the time: start to first frame, CPU and
bytes painted when nothing happens, CPU and key to paint under a steady load and at the full rate, the
same with many open connections beside it, and an arrow key that is held down. Prints Markdown;
`--output` takes the raw figures.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import random
import re
import signal
import subprocess
import sys
import time
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import IO, Any

import psutil

from tests.bench.contenders import SERVETUI
from tests.bench.processes import end, free_port, own_cpu_seconds, running, wait_for_port
from tests.bench.screen import Grid, Terminal

EVENTS_A_REQUEST = 4  # recv request response send, on a kept connection
FRAME_WITHIN_S = 10.0
SETTLE_S = 5.0  # closed connections are shown for 3 s, and the first samples taken
KEY_WITHIN_S = 5.0  # a key that shows nothing by then is counted as missed
KEY_EVERY_S = (0.5, 0.9)  # with jitter, so that keys do not fall into step with frames
ASK_EVERY_S = 3.0  # each open connection asks so often: idle for 5 s it would be closed
REPEAT_S = 1 / 30  # as keyboards repeat a key that is held
HOME, PAGE_DOWN, DOWN = "\x1b[H", "\x1b[6~", "\x1b[B"
_WINDOW = re.compile(r"^CONNECTIONS\s+\S+ open\s+([\d,]+)–[\d,]+ of [\d,]+")
_HEADER = re.compile(r"^servetui\s+\S+\s+http://\S+\s+(\S+)")
_PACER = (sys.executable, "-m", "tests.bench.pacer")


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
        cpu, painted, first = (
            own_cpu_seconds(self.process),
            terminal.painted_bytes,
            window(self.terminal.grid),
        )
        pressed: deque[float] = deque()
        begun = time.monotonic()

        def note(grid: Grid) -> bool:
            while pressed and window(grid) - first >= len(phase.key_ms) + 1:
                phase.key_ms.append((terminal.last_paint_s - pressed.popleft()) * 1e3)
            return False

        for number in range(1, presses + 1):
            pressed.append(terminal.press(DOWN))
            terminal.drain_until(note, begun + number * REPEAT_S - time.monotonic())
        phase.seconds = time.monotonic() - begun
        terminal.drain_until(note, 1.0)
        phase.cpu_percent = (own_cpu_seconds(self.process) - cpu) / (phase.seconds + 1) * 100
        phase.painted_bytes = terminal.painted_bytes - painted
        phase.rss_mb = self.process.memory_info().rss / 1e6
        phase.keys_missed = len(pressed)
        phase.key_ms.sort()
        return phase


def window(grid: Grid) -> int:
    """The first row that is seen, from 1; 0 before there is more than fits."""
    lines = map(grid.line, range(len(grid.cells)))
    found = next(filter(None, map(_WINDOW.match, lines)), None)
    return int(found[1].replace(",", "")) if found else 0


def mode_of(grid: Grid) -> str | None:
    """The mode in the first line; None before there is one."""
    found = _HEADER.match(grid.line(0))
    return found[1] if found else None


@contextlib.contextmanager
def started(command: Sequence[str], model: str) -> Iterator[tuple[Dashboard, float]]:
    """The dashboard with its first frame painted, and how many seconds that took."""
    port = free_port()
    terminal = Terminal()
    words = [*command, "-m", model, "-p", str(port)]
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


@contextlib.contextmanager
def loaded(words: Sequence[str], phase_load: dict[str, Any]) -> Iterator[None]:
    """A client at work; what its last line says is in `phase_load` afterwards."""
    with running(words, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        if words[: len(_PACER)] == _PACER:
            _expect_ready(child.stdout)
        yield
        child.send_signal(signal.SIGINT)  # wrk reports only after this one
        phase_load.update(_last_report(child.stdout.read().decode()))


def _expect_ready(stdout: IO[bytes]) -> None:
    line = stdout.readline()
    if line != b"ready\n":
        raise RuntimeError(f"the client did not start: {line!r}")


def _last_report(text: str) -> dict[str, Any]:
    lines = text.strip().splitlines()
    with contextlib.suppress(ValueError, IndexError):
        report = json.loads(lines[-1])
        if isinstance(report, dict):
            return report
    rate = re.search(r"Requests/sec:\s+([\d.]+)", text)
    return {"requests_per_s": float(rate[1])} if rate else {}


def paced(url: str, rate: float, connections: int = 16) -> tuple[str, ...]:
    """The words for a steady load that a signal ends."""
    load = ("--rate", str(rate), "--seconds", "3600", "--connections", str(connections))
    return (*_PACER, url, *load)


def measure_all(options: argparse.Namespace) -> tuple[list[float], list[Phase]]:
    """First frames in ms, and the phases."""
    command, model = options.servetui.split(), options.model
    starts_ms, phases = [], []
    for _ in range(options.starts):
        with started(command, model) as (_, seconds):
            starts_ms.append(seconds * 1e3)
    with started(command, model) as (dashboard, seconds):
        starts_ms.append(seconds * 1e3)
        dashboard.terminal.drain_for(SETTLE_S)
        phases.append(dashboard.phase("idle", options.seconds))
        phases += _under_load(dashboard, options)
    for number in options.open:
        with started(command, model) as (dashboard, _):
            phases += _with_open(dashboard, options, number)
    return starts_ms, phases


def _full_rate(dashboard: Dashboard, options: argparse.Namespace) -> tuple[str, ...]:
    return ("wrk", "-t1", f"-c{options.connections}", "-d3600s", dashboard.url)


def _under_load(dashboard: Dashboard, options: argparse.Namespace) -> Iterator[Phase]:
    steady = paced(dashboard.url, options.events_per_s / EVENTS_A_REQUEST)
    name = f"{options.events_per_s:,.0f} events/s"
    for label, words in ((name, steady), ("full rate", _full_rate(dashboard, options))):
        load: dict[str, Any] = {}
        with loaded(words, load):
            dashboard.terminal.drain_for(1.0)  # until the rate stands
            phases = _phases(dashboard, label, options)
        yield from _told(phases, load)
        dashboard.terminal.drain_for(1.0)


def _with_open(dashboard: Dashboard, options: argparse.Namespace, number: int) -> Iterator[Phase]:
    """Many open connections, each of which asks now and then, with the full rate beside them."""
    load: dict[str, Any] = {}
    slow = paced(dashboard.url, number / ASK_EVERY_S, number)
    with loaded(slow, {}), loaded(_full_rate(dashboard, options), load):
        dashboard.terminal.drain_for(2.0)
        phases = _phases(dashboard, f"{number:,} open, full rate", options)
        phases.append(dashboard.hold_arrow(f"{number:,} open, arrow held", options.held))
    yield from _told(phases, load)


def _phases(dashboard: Dashboard, name: str, options: argparse.Namespace) -> list[Phase]:
    return [
        dashboard.phase(name, options.seconds),
        dashboard.phase(f"{name}, keys", 0, options.keys),
    ]


def _told(phases: Sequence[Phase], load: dict[str, Any]) -> Sequence[Phase]:
    for phase in phases:
        phase.load = load
    return phases


def report(starts_ms: Sequence[float], phases: Sequence[Phase]) -> str:
    """Markdown."""
    ordered = sorted(starts_ms)
    middle = ordered[len(ordered) // 2]
    lines = [
        f"First frame: median {middle:.0f} ms, {ordered[0]:.0f}–{ordered[-1]:.0f} ms "
        f"of {len(ordered)} starts.",
        "",
        "| load | dashboard CPU % | engine CPU % | bytes/s painted | RSS MB | key to paint ms: "
        "p50 | p99 | max | keys | missed | client |",
        "| --- " * 11 + "|",
    ]
    return "\n".join([*lines, *map(_row, phases)])


def _row(phase: Phase) -> str:
    keys = phase.key_ms
    at = [
        f"{keys[min(int(len(keys) * q), len(keys) - 1)]:.0f}" if keys else "" for q in (0.5, 0.99)
    ]
    cells = [
        *(phase.name, f"{phase.cpu_percent:.1f}", f"{phase.engine_cpu_percent:.1f}"),
        *(f"{phase.painted_bytes / phase.seconds:,.0f}", f"{phase.rss_mb:.0f}"),
        *(*at, f"{keys[-1]:.0f}" if keys else "", str(len(keys)), str(phase.keys_missed)),
        _client(phase.load),
    ]
    return "| " + " | ".join(cells) + " |"


def _client(load: dict[str, Any]) -> str:
    if "done" in load and load["seconds"]:
        return f"{load['done'] / load['seconds']:,.0f}/s, {load['not_sent']:,} not sent"
    return f"{load['requests_per_s']:,.0f}/s" if "requests_per_s" in load else ""


def main(words: Sequence[str]) -> int:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.dashboard", description=__doc__)
    parser.add_argument("-m", "--model", default="epoll")
    parser.add_argument("--servetui", default=" ".join(SERVETUI), help="the command to start")
    parser.add_argument("--starts", type=int, default=5, help="besides the one that is measured")
    parser.add_argument("--seconds", type=float, default=10.0, help="of each phase")
    parser.add_argument("--events-per-s", type=float, default=50_000.0)
    parser.add_argument("-c", "--connections", type=int, default=16, help="of wrk")
    parser.add_argument("--keys", type=int, default=100, help="pressed under each load")
    parser.add_argument("--open", type=int, nargs="*", default=(), help="connections beside them")
    parser.add_argument("--held", type=int, default=300, help="repeats of an arrow key held down")
    parser.add_argument("--output", type=Path, default=Path("dashboard.json"))
    options = parser.parse_args(words)
    starts_ms, phases = measure_all(options)
    raw = {"starts_ms": starts_ms, "phases": [asdict(phase) for phase in phases]}
    options.output.write_text(json.dumps(raw, indent=1) + "\n")
    print(report(starts_ms, phases))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
