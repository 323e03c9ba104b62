"""What the dashboard costs and how fast it is: `python -m tests.bench.dashboard`.

It runs in a pseudo-terminal of 120x40 that is drained all the time: start to first frame, CPU and
bytes painted when nothing happens, CPU and key to paint under a steady load and at the full rate, the
same with many open connections beside it, and an arrow key that is held down. The rooms are always on
the screen; `--view lanes` measures with the lanes, `code` and `rooms` with those pages. Prints Markdown;
`--output` takes the raw figures.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import re
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import IO, Any

from tests.bench.contenders import SERVETUI
from tests.bench.driven_dashboard import VIEWS, Dashboard, Phase, started
from tests.bench.processes import running

EVENTS_A_REQUEST = 4  # recv request response send, on a kept connection
SETTLE_S = 5.0  # closed connections are shown for 3 s, and the first samples taken
ASK_EVERY_S = 3.0  # each open connection asks so often: idle for 5 s it would be closed
SCROLLED = ("connections", "lanes")  # views in which an arrow scrolls by a connection
_PACER = (sys.executable, "-m", "tests.bench.pacer")


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
        dashboard.show(options.view)
        dashboard.terminal.drain_for(SETTLE_S)
        phases.append(dashboard.phase("idle", options.seconds))
        phases += _under_load(dashboard, options)
    for number in options.open:
        with started(command, model) as (dashboard, _):
            dashboard.show(options.view)
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
        if options.view in SCROLLED:
            # What the keys closed opens anew when it asks next: until then rows come and go by themselves.
            dashboard.terminal.drain_for(ASK_EVERY_S + SETTLE_S)
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
    parser.add_argument("--view", choices=VIEWS, default="connections", help="that is seen")
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
