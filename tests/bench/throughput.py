"""Requests/s of servetui's models beside their peers: `python -m tests.bench.throughput`.

Rounds are interleaved (A B C ... A B C ...), so that a machine that slows down slows all of them,
and ratios are taken within a round. Prints Markdown; the raw samples go to a JSON file.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import sys
import time
import urllib.request
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import psutil

from engine.models import MODELS
from tests.bench import tables, wrk
from tests.bench.contenders import (
    APP,
    FLOOR,
    KEEP_ALIVE,
    LEAN,
    SERVETUI,
    SHORT,
    TELLING,
    UNTRACED,
    WATCHED,
    WITH_LEAN_SOCKETS,
    Contender,
    Running,
    of_floor,
    of_model,
    of_peer,
)
from tests.bench.peers import PEERS, site

START_S = 1.2  # to start a server and to end it, on an idle machine
WARM_UP_REQUESTS = 20  # first calls import, compile and fill caches


@dataclass(frozen=True, slots=True)
class Sample:
    """One contender in one round."""

    name: str
    kind: str
    mode: str
    round: int
    report: wrk.Report | None  # None when it failed
    failure: str
    server_us_a_request: float | None  # CPU of the serving processes
    watcher_us_a_request: float | None  # CPU of the process that drains and folds
    others_percent: float | None  # of all processors: what neither server nor wrk used
    summary: dict[str, Any]  # of `servetui serve --json`; empty for peers


@dataclass(frozen=True, slots=True)
class Cpu:
    """Seconds used up to now, or between two moments."""

    server: float
    watcher: float
    client: float  # children of this process that have ended: wrk
    machine: float

    @classmethod
    def now(cls, server: Running) -> Cpu:
        """Since each of them started."""
        times = psutil.cpu_times()
        children = resource.getrusage(resource.RUSAGE_CHILDREN)
        return cls(
            server=server.server_cpu_s(),
            watcher=server.watcher_cpu_s(),
            client=children.ru_utime + children.ru_stime,
            machine=sum(times) - times.idle - getattr(times, "iowait", 0.0),
        )

    def since(self, before: Cpu) -> Cpu:
        """The difference."""
        return Cpu(*(getattr(self, name) - getattr(before, name) for name in self.__slots__))

    @property
    def others(self) -> float:
        """What the machine did beside this measurement."""
        return max(self.machine - self.server - self.watcher - self.client, 0.0)


def measure(contender: Contender, root: Path, number: int, connections: int, s: int) -> Sample:
    """Start it, load it for `s` seconds, end it. What fails is a sample that says so."""
    report, used, failure = None, None, ""
    summary: dict[str, Any] = {}
    try:
        with contender.start(root) as server:
            summary = server.summary
            warm_up(server.url)
            before = Cpu.now(server)
            report = wrk.run(
                server.url, connections=connections, seconds=s, headers=contender.headers
            )
            used = Cpu.now(server).since(before)
    except Exception as error:  # one broken server must not cost the others their round
        failure = f"{type(error).__name__}: {error}"
    served = report.requests if report else 0
    processor_s = s * (os.cpu_count() or 1)
    return Sample(
        *(contender.name, contender.kind, contender.mode, number),
        report=report,
        failure=failure,
        server_us_a_request=used.server / served * 1e6 if used and served else None,
        watcher_us_a_request=used.watcher / served * 1e6
        if used and served and used.watcher
        else None,
        others_percent=used.others / processor_s * 100 if used else None,
        summary=summary,
    )


def warm_up(url: str) -> None:
    """A few requests, each on a connection of its own."""
    for _ in range(WARM_UP_REQUESTS):
        with urllib.request.urlopen(url, timeout=10) as response:
            response.read()


def contenders(options: argparse.Namespace) -> list[Contender]:
    """Model beside model and peer beside peer, a mode at a time."""
    chosen: list[Contender] = []
    for mode in options.modes:
        for model in options.models:
            for kind in options.kinds:
                if kind == FLOOR:
                    chosen.append(of_floor(model, mode))
                    continue
                is_lean = kind in (LEAN, TELLING)
                command = (*WITH_LEAN_SOCKETS, kind) if is_lean else options.servetui.split()
                chosen.append(of_model(model, kind, mode, command))
        chosen += [of_peer(name, mode) for name in options.peers]
    return chosen


def run(options: argparse.Namespace) -> list[Sample]:
    """All rounds. Progress goes to stderr."""
    samples = []
    chosen = contenders(options)
    left_s = len(chosen) * options.rounds * (options.seconds + START_S)
    print(f"{len(chosen)} servers, some {left_s / 60:.0f} minutes", file=sys.stderr)
    with site() as root:
        for number in range(options.rounds):
            for contender in chosen:
                sample = measure(contender, root, number, options.connections, options.seconds)
                samples.append(sample)
                print(_progress(sample, options.rounds), file=sys.stderr)
    return samples


def _progress(sample: Sample, rounds: int) -> str:
    what = f"{sample.report.requests_per_s:,.0f}/s" if sample.report else sample.failure
    label = f"{sample.name} {sample.kind} {sample.mode}"
    return f"round {sample.round + 1} of {rounds}  {label:<40} {what}"


def parse(words: Sequence[str]) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.throughput", description=__doc__)
    parser.add_argument("--models", type=_names, default=list(MODELS), help="default: all")
    parser.add_argument("--peers", type=_names, default=list(PEERS), help="default: all")
    parser.add_argument("--modes", type=_names, default=[KEEP_ALIVE, SHORT])
    kinds = [WATCHED, UNTRACED, APP, LEAN, TELLING, FLOOR]
    parser.add_argument("--kinds", type=_names, default=kinds[:2], help=f"of {', '.join(kinds)}")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=3, help="for one measurement")
    parser.add_argument("-c", "--connections", type=int, default=16)
    parser.add_argument("--servetui", default=" ".join(SERVETUI), help="the command to start")
    parser.add_argument("--output", type=Path, default=Path("throughput.json"))
    options = parser.parse_args(words)
    if unknown := {*options.models} - MODELS.keys() | {*options.kinds} - {*kinds}:
        parser.error(f"no such model or kind: {', '.join(sorted(unknown))}")
    if unknown := set(options.peers) - PEERS.keys():
        parser.error(f"no such peer: {', '.join(sorted(unknown))}; there are {', '.join(PEERS)}")
    return options


def _names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]


def save(path: Path, words: Sequence[str], samples: Iterable[Sample]) -> None:
    """The raw samples, and on what they were taken."""
    machine = {
        "command": " ".join(["python -m tests.bench.throughput", *words]),
        "at": time.strftime("%Y-%m-%d %H:%M:%S %z"),
        "kernel": platform.platform(),
        "python": platform.python_version(),
        "processors": os.cpu_count(),
    }
    raw = {**machine, "samples": [asdict(sample) for sample in samples]}
    path.write_text(json.dumps(raw, indent=1) + "\n")


def main(words: Sequence[str]) -> int:
    """Returns 1 when a contender never gave a figure."""
    options = parse(words)
    samples = run(options)
    save(options.output, words, samples)
    rows = tables.rows(samples)
    print(tables.main_table(rows))
    print()
    print(tables.peer_table(rows))
    print()
    print(tables.others_line(samples))
    return 1 if any(not row.rates for row in rows) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
