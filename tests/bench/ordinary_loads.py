"""What load says of itself in ordinary runs: well below its limit, so that only `fine` is right.

    python -m tests.bench.ordinary_loads [--runs 20] [--seconds 1]

Several models, both modes, closed and open loops, in turns; the verdict of each run and the figures that
it stands on, in percent of a processor. On a machine where others are at work `machine crowded` may be
right, too: `others` tells.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Iterator
from itertools import cycle, islice, product
from typing import Any

from engine.load.figures import FINE
from tests.bench import peers
from tests.bench.contenders import KEEP_ALIVE, SHORT, UNTRACED, of_model
from tests.support import ROOT

MODELS = ("thread", "epoll", "prefork", "asyncio", "process")
LOADS = {
    "open loop, 500/s": ("-c", "16", "--rate", "500"),
    "closed loop, 10 ms to think": ("-c", "8", "--think", "0.01"),
}
SPARE_S = 30


def cases() -> Iterator[tuple[str, str, str]]:
    """Model, mode, load: each once before one comes again. `process` starts a child for each short
    connection: 500 a second are not ordinary for it."""
    for mode, load, model in cycle(product((KEEP_ALIVE, SHORT), LOADS, MODELS)):
        if (model, mode) != ("process", SHORT):
            yield model, mode, load


def run(model: str, mode: str, load: str, seconds: float) -> dict[str, Any]:
    """The figures of one run."""
    with peers.site() as root, of_model(model, UNTRACED, mode).start(root) as server:
        words = [sys.executable, "-m", "tui", "load", server.url, "-d", str(seconds), "--json"]
        words += ["--server-pid", str(server.pid), *LOADS[load]]
        done = subprocess.run(
            words, cwd=ROOT, capture_output=True, text=True, timeout=seconds + SPARE_S, check=True
        )
    told: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return told


def main() -> None:
    """Print a row for each run, and how many were not called fine."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=20)
    parser.add_argument("--seconds", type=float, default=1.0)
    asked = parser.parse_args()
    print(
        "| model | mode | load | requests/s | p90 ms | client | waited | server | others | verdict |"
    )
    print("| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |", flush=True)
    others = 0
    for model, mode, load in islice(cases(), asked.runs):
        told = run(model, mode, load, asked.seconds)
        others += told["verdict"] != FINE
        cpu = told["cpu"]
        shares = (f"{cpu[who]:.0f}" for who in ("client", "client_waited", "server", "others"))
        p90 = "-" if told["p90_ms"] is None else f"{told['p90_ms']:.1f}"
        figures = (f"{told['requests_per_s']:,.0f}", p90, *shares)
        cells = (model, mode, load, *figures, told["verdict"].partition(":")[0])
        print(f"| {' | '.join(cells)} |", flush=True)
    print(f"\n{asked.runs} runs, {others} not called fine")


if __name__ == "__main__":
    main()
