"""The load client beside wrk: how many requests/s each gets out of nginx and of each model.

    python -m tests.bench.load_client [--seconds 3] [--rounds 3]

In turns, each server fresh for each round, keep-alive, 16 connections; medians. Where the share of
wrk is below 1 and the verdict is fine, the server is the limit for both.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
from dataclasses import dataclass
from typing import Any

from engine.load.figures import FINE
from engine.models import MODELS
from tests.bench import peers, wrk
from tests.bench.contenders import KEEP_ALIVE, SHORT, UNTRACED, Contender, of_model, of_peer
from tests.bench.processes import ROOT

CONNECTIONS = 16
SPARE_S = 30
ORDINARY_RUNS = 20


@dataclass(frozen=True, slots=True)
class Pair:
    """One round: the same server, first one client, then the other."""

    wrk_per_s: float
    ours: dict[str, Any]


def measure(contender: Contender, seconds: int, *, ours_first: bool) -> Pair:
    """Both clients against one server."""
    with peers.site() as root, contender.start(root) as server:
        told = _ours(contender, server.url, seconds) if ours_first else {}
        report = wrk.run(
            server.url, connections=CONNECTIONS, seconds=seconds, headers=contender.headers
        )
        told = told or _ours(contender, server.url, seconds)
    return Pair(report.requests_per_s, told)


def _ours(contender: Contender, url: str, seconds: int, *options: str) -> dict[str, Any]:
    words = [sys.executable, "-m", "tui", "load", url, "-c", str(CONNECTIONS), "-d", str(seconds)]
    words += ["--json", *options] + ["--server-closes"] * (contender.mode == SHORT)
    done = subprocess.run(
        words, cwd=ROOT, capture_output=True, text=True, timeout=seconds + SPARE_S, check=True
    )
    told: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return told


def ordinary(runs: int) -> str:
    """How often load that leaves the client time to spare is called anything but fine."""
    contender = of_model("thread", UNTRACED, KEEP_ALIVE)
    with peers.site() as root, contender.start(root) as server:
        told = [_ours(contender, server.url, 1, "--rate", "500") for _ in range(runs)]
    others = [one["verdict"] for one in told if one["verdict"] != FINE]
    return f"{runs} runs at 500 requests/s: {len(others)} not called fine {others or ''}"


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
    asked = parser.parse_args()
    contenders = [
        made
        for mode in (KEEP_ALIVE, SHORT)
        for made in (of_peer("nginx", mode), *(of_model(name, UNTRACED, mode) for name in MODELS))
    ]
    print("| server | mode | wrk -t1 | ours | share | client | waited | errors | verdict |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- | --- |", flush=True)
    for contender in contenders:
        pairs = [
            measure(contender, asked.seconds, ours_first=bool(turn % 2))
            for turn in range(asked.rounds)
        ]
        print(row(contender, pairs), flush=True)
    print(f"\n{ordinary(ORDINARY_RUNS)}")


if __name__ == "__main__":
    main()
