"""The load client beside wrk: how many requests/s each gets out of nginx and of each model.

    python -m tests.bench.load_client [--seconds 3] [--rounds 3] [--mode short] [--models epoll,thread]
                                      [--pin] [--first]

In turns, each server fresh for each round, 16 connections; medians. Where the share of wrk is below 1 and
the verdict is fine, the server is the limit for both. On a machine where others are at work, --pin gives
server and client a processor each, and --first lets them run before all others (SCHED_RR; needs the right
to), both alike for both clients.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engine.compare import cores
from engine.models import MODELS, chosen
from tests.bench import peers, wrk
from tests.bench.contenders import (
    KEEP_ALIVE,
    SHORT,
    UNTRACED,
    Contender,
    Running,
    of_model,
    of_peer,
)
from tests.support import ROOT

CONNECTIONS = 16
SPARE_S = 30
NGINX = "nginx"


@dataclass(frozen=True, slots=True)
class Conditions:
    """The same for both clients."""

    seconds: int
    pin: bool
    first: bool

    @contextmanager
    def of_server(self) -> Iterator[None]:
        """Whoever is started within is the server."""
        with cores.on(cores.halves(cores.allowed())[0] if self.pin else ()), self._first():
            yield

    @contextmanager
    def of_client(self) -> Iterator[None]:
        """Whoever is started within is the client."""
        with cores.on(cores.halves(cores.allowed())[1] if self.pin else ()), self._first():
            yield

    @contextmanager
    def _first(self) -> Iterator[None]:
        if not self.first:
            yield
            return
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))
        try:
            yield
        finally:
            os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))


@dataclass(frozen=True, slots=True)
class Pair:
    """One round: the same server, first one client, then the other."""

    wrk_per_s: float
    ours: dict[str, Any]


def measure(contender: Contender, under: Conditions, *, ours_first: bool) -> Pair:
    """Both clients against one server."""
    with peers.site() as root, _served(contender, root, under) as server, under.of_client():
        told = _ours(contender, server.url, under.seconds) if ours_first else {}
        report = wrk.run(
            server.url, connections=CONNECTIONS, seconds=under.seconds, headers=contender.headers
        )
        told = told or _ours(contender, server.url, under.seconds)
    return Pair(report.requests_per_s, told)


@contextmanager
def _served(contender: Contender, root: Path, under: Conditions) -> Iterator[Running]:
    starting = ExitStack()
    with starting:
        with under.of_server():
            server = starting.enter_context(contender.start(root))
        yield server


def _ours(contender: Contender, url: str, seconds: int) -> dict[str, Any]:
    words = [sys.executable, "-m", "tui", "load", url, "-c", str(CONNECTIONS), "-d", str(seconds)]
    words += ["--json"] + ["--short"] * (contender.mode == SHORT)
    done = subprocess.run(
        words, cwd=ROOT, capture_output=True, text=True, timeout=seconds + SPARE_S, check=True
    )
    told: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return told


def row(contender: Contender, pairs: list[Pair]) -> str:
    """One line of the table."""
    theirs = statistics.median(pair.wrk_per_s for pair in pairs)
    ours = statistics.median(pair.ours["requests_per_s"] for pair in pairs)
    share = statistics.median(pair.ours["requests_per_s"] / pair.wrk_per_s for pair in pairs)
    cpu = statistics.median(pair.ours["cpu"]["client"] for pair in pairs)
    waited = statistics.median(pair.ours["cpu"]["client_waited"] for pair in pairs)
    errors = sum(sum(pair.ours["errors"].values()) for pair in pairs)
    verdicts = ", ".join(sorted({pair.ours["verdict"].partition(":")[0] for pair in pairs}))
    cells = (
        *(contender.name, contender.mode, f"{theirs:,.0f}", f"{ours:,.0f}", f"{share:.2f}"),
        *(f"{cpu:.0f} %", f"{waited:.0f} %", str(errors), verdicts),
    )
    return f"| {' | '.join(cells)} |"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=3)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--mode", choices=(KEEP_ALIVE, SHORT), action="append")
    parser.add_argument("--models", type=chosen, default=tuple(MODELS), metavar="A,B,...")
    parser.add_argument("--no-nginx", action="store_true")
    parser.add_argument("--pin", action="store_true")
    parser.add_argument("--first", action="store_true")
    asked = parser.parse_args()
    under = Conditions(asked.seconds, asked.pin, asked.first)
    contenders = [
        made
        for mode in asked.mode or (KEEP_ALIVE, SHORT)
        for made in (
            *(() if asked.no_nginx else (of_peer(NGINX, mode),)),
            *(of_model(name, UNTRACED, mode) for name in asked.models),
        )
    ]
    print("| server | mode | wrk -t1 | ours | share | client | waited | errors | verdict |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- | --- |", flush=True)
    for contender in contenders:
        pairs = [
            measure(contender, under, ours_first=bool(turn % 2)) for turn in range(asked.rounds)
        ]
        print(row(contender, pairs), flush=True)


if __name__ == "__main__":
    main()
