"""Ten thousand open keep-alive connections: `python -m tests.bench.open_connections`.

For each model: `servetui serve --events count`, and a client in a process of its own (crowd.py) that opens
all of them and lets each ask, then ask again. Every answer is counted. Prints Markdown; exits with 1 when
an answer is missing or a figure of the server does not agree. `select` stands at its end, to show what
happens beyond its wall.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import IO, Any

import psutil

from engine.models import MODELS
from tests.bench.processes import running
from tests.serve_driver import Json, Serve
from tests.support import wait_until

DEFAULT = "epoll,asyncio,gevent,poll,select"
OPTIONS = ("--events", "count", "--backlog", "4096", "--idle-timeout", "120")
WALLED = {"select"}
"""Models that cannot have them all: they turn the others away with 503."""


@dataclass(frozen=True, slots=True)
class Row:
    """What was seen of a model."""

    model: str
    opened: Json
    rounds: list[Json]
    engine_mb: tuple[float, float]  # before, and with all of them open
    terminal_mb: float
    shot: Json  # with all of them open


def measure(model: str, number: int, rounds: int) -> Row:
    """Open them, let them ask."""
    with Serve(model, *OPTIONS) as server:
        pid = server.snapshot()["engine_pid"]
        before = memory_mb(pid)
        with crowd(f"{server.url}/style.css", number) as (opened, ask):
            told = [ask() for _ in range(rounds)]
            shot = wait_until(
                lambda: (s := server.snapshot())["open"] == min(s["cap"], number) and s,
                what="all of those turned away gone",
            )
            mb = before, memory_mb(pid)
            return Row(model, opened, told, mb, memory_mb(server.pid), shot)


def memory_mb(pid: int) -> float:
    """What a process holds of its own."""
    return float(psutil.Process(pid).memory_full_info().uss) / 1e6


@contextlib.contextmanager
def crowd(url: str, number: int) -> Iterator[tuple[Json, Callable[[], Json]]]:
    """What it says of opening, and what lets each ask once."""
    words = [sys.executable, "-m", "tests.bench.crowd", url, "--connections", str(number)]
    with running(
        words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=sys.stderr.fileno()
    ) as child:
        assert child.stdin is not None
        assert child.stdout is not None
        stdin, stdout = child.stdin, child.stdout

        def ask() -> Json:
            stdin.write(b"ask\n")
            stdin.flush()
            return line_of(stdout)

        yield line_of(stdout), ask


def line_of(stdout: IO[bytes]) -> dict[str, Any]:
    """Its next line. Raises ValueError when it has ended."""
    told: dict[str, Any] = json.loads(stdout.readline())
    return told


def failures(row: Row, number: int) -> list[str]:
    """What should not be."""
    found = []
    cap = row.shot["cap"] if row.model in WALLED else number
    if row.opened["met"].get("503", 0) != number - cap or row.opened["met"]["open"] != cap:
        found.append(f"{row.model}: opened {row.opened['met']}")
    for told in row.rounds:
        if told["met"] != {"200": cap, "missing": 0}:
            found.append(f"{row.model}: {told['met']}")
    shot = row.shot
    counts = [shot[name] for name in ("open", "requests", "refused", "lost", "illegal_steps")]
    if counts != [cap, cap * len(row.rounds), number - cap, 0, 0]:
        found.append(f"{row.model}: open, requests, refused, lost, illegal steps: {counts}")
    return found


def report(rows: Sequence[Row]) -> str:
    """Markdown."""
    head = (
        *("model", "open", "turned away (503)", "opened in s", "answered", "of all in s"),
        *("p50 ms", "p99 ms", "engine MB", "KB a connection", "terminal MB", "lost events"),
    )
    lines = [head, ["---"] * len(head), *map(cells, rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def cells(row: Row) -> list[str]:
    """A row; of the rounds, one after the other."""
    is_open = row.shot["open"]
    before, after = row.engine_mb

    def each(show: Callable[[Json], str]) -> str:
        return ", ".join(map(show, row.rounds))

    return [
        row.model,
        f"{is_open:,}",
        f"{row.shot['refused']:,}",
        f"{row.opened['seconds']:.1f}",
        each(lambda told: f"{told['met'].get('200', 0):,}"),
        each(lambda told: f"{told['seconds']:.2f}"),
        each(lambda told: f"{told['p50_ms']:.0f}"),
        each(lambda told: f"{told['p99_ms']:.0f}"),
        f"{before:.0f}, then {after:.0f}",
        f"{(after - before) * 1e3 / is_open:.1f}" if is_open else "",
        f"{row.terminal_mb:.0f}",
        f"{row.shot['lost']:,}",
    ]


def main(words: Sequence[str]) -> int:
    """The command."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.bench.open_connections", description=__doc__
    )
    parser.add_argument("--models", default=DEFAULT, help=f"default: {DEFAULT}")
    parser.add_argument("--connections", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=2, help="how often each asks")
    options = parser.parse_args(words)
    models = options.models.split(",")
    if unknown := set(models) - MODELS.keys():
        parser.error(f"no such model: {', '.join(sorted(unknown))}")
    rows = []
    for model in models:
        rows.append(measure(model, options.connections, options.rounds))
        print(" | ".join(cells(rows[-1])), file=sys.stderr)
    print(report(rows))
    found = [one for row in rows for one in failures(row, options.connections)]
    print("", *found, sep="\n")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
