"""Every switch from one model to another, under load: `python -m tests.bench.switches`.

One `servetui serve` walks over all ordered pairs of models, each once. Meanwhile clients ask without end,
half of them on kept connections, half on a new one for each request. A step is over when a client that
came after the switch has been answered. The walk ends where it began, so that what the server holds can
be compared; so does a part of it (`--part 2/5`), which takes a step back for that. Prints Markdown; exits
with 1 when a client failed or something was left behind.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median

import psutil

from engine.models import MODELS
from tests.all_pairs import part_of, walk
from tests.client_load import Load
from tests.plain_client import Client
from tests.serve_driver import Json, Serve, family
from tests.support import wait_until

STEP_S, DRAIN_S = 20.0, 20.0  # deadlines
MOST_REQUESTS = 20  # of a kept connection: `iterative` serves nobody else meanwhile
PAUSE_S = (
    0.01  # of a client between two requests: the machine is to have time for the switches, too
)
SETTLES_S = 5.0  # threads and processes of an idle server


@dataclass(frozen=True, slots=True)
class Held:
    """What the server holds."""

    descriptors: int  # of the terminal's process
    threads: int  # of the terminal's process
    processes: int  # below it
    engine_threads: int | None  # as the snapshot counts them
    engine_descriptors: int | None


@dataclass(frozen=True, slots=True)
class Walked:
    """What came of it."""

    steps: list[tuple[str, str, float]]  # from, to, seconds until a new client was answered
    met: Counter[str]
    before: Held
    after: Held
    orphans: list[str]
    shot: Json
    said: list[str]
    grown_mb: float  # of the terminal's process


def held(server: Serve) -> Held:
    """Counted now."""
    shot = server.snapshot()
    return Held(
        descriptors=len(os.listdir(f"/proc/{server.pid}/fd")),
        threads=psutil.Process(server.pid).num_threads(),
        processes=len(family(server.pid)),
        engine_threads=shot["threads"],
        engine_descriptors=shot["descriptors"],
    )


def run(path: Sequence[str], clients: int) -> Walked:
    """Walk along `path`. Progress goes to stderr."""
    with Serve(path[0], "--events", "count") as server:
        with Client(server.port) as client:
            client.get("/style.css", close=True)
        wait_until(lambda: server.snapshot()["open"] == 0, what="nobody")
        before, rss = held(server), psutil.Process(server.pid).memory_info().rss
        seen: set[psutil.Process] = set(family(server.pid))
        steps = []
        with Load(server.port, clients, PAUSE_S, MOST_REQUESTS) as load:
            for number, (old, new) in enumerate(pairwise(path), 1):
                steps.append((old, new, switch(server, new)))
                seen |= set(family(server.pid))
                told = f"{number} of {len(path) - 1}  {old} -> {new}  {steps[-1][2]:.2f} s"
                print(f"{told}  {dict(load.met)}", file=sys.stderr)
        shot = wait_until(
            lambda: (s := server.snapshot())["draining"] == s["open"] == 0 and s, DRAIN_S, "drained"
        )
        after = settled(server, before)
        kept = {shot["engine_pid"], *(one["pid"] for one in shot["workers"])}
        orphans = [str(one) for one in seen if one.is_running() and one.pid not in kept]
        grown = psutil.Process(server.pid).memory_info().rss - rss
        said = [line for line in server.errors if not line.startswith("listening on ")]
    return Walked(steps, load.met, before, after, orphans, shot, said, grown / 1e6)


def switch(server: Serve, model: str) -> float:
    """Seconds until somebody who came after the switch is answered: by the new engine, since the old
    one accepts no more before the new one begins."""
    began = time.monotonic()
    server.command(f"model {model}")
    server.wait_for_model(model)
    with Client(server.port, timeout_s=STEP_S) as client:
        status = client.get("/style.css", close=True).status
    assert status == 200, f"{model} answered {status}"
    return time.monotonic() - began


def settled(server: Serve, before: Held) -> Held:
    """What it holds once that is as much as `before`, or after a while as it is."""
    end = time.monotonic() + SETTLES_S
    while (now := held(server)) != before and time.monotonic() < end:
        pass
    return now


def failures(walked: Walked) -> list[str]:
    """What should not have been; empty when all is well."""
    expected = {"answered", "connections", "retried"}
    found = [f"{number} x {what}" for what, number in walked.met.items() if what not in expected]
    found += [f"left behind: {one}" for one in walked.orphans]
    found += [f"it said: {line}" for line in walked.said]
    for name in ("lost", "cut", "refused", "restarts", "illegal_steps", "zombies"):
        if walked.shot[name]:
            found.append(f"{name}: {walked.shot[name]}")
    if walked.shot["accepted"] != walked.shot["closed"]:
        found.append(f"accepted {walked.shot['accepted']}, closed {walked.shot['closed']}")
    if walked.after != walked.before:
        found.append(f"held {walked.before} before, {walked.after} after")
    return found


def report(walked: Walked) -> str:
    """Markdown."""
    seconds = sorted(took for *_, took in walked.steps)
    slowest = max(walked.steps, key=lambda step: step[2])
    met, before, after = walked.met, walked.before, walked.after
    failed = sum(met.values()) - met["answered"] - met["connections"] - met["retried"]
    lines = [
        ("switches", f"{len(walked.steps)}"),
        ("requests answered", f"{met['answered']:,} on {met['connections']:,} connections"),
        ("refused, reset, timed out, wrong", f"{failed}"),
        ("asked again on a kept connection that ended between two requests", f"{met['retried']}"),
        ("cut after 15 s; lost events; illegal steps", _three(walked.shot)),
        ("switch: seconds, median", f"{median(seconds):.2f}"),
        ("switch: seconds, longest", f"{slowest[2]:.2f} ({slowest[0]} to {slowest[1]})"),
        ("processes below the terminal's", f"{before.processes}, then {after.processes}"),
        ("of those once seen, left behind", f"{len(walked.orphans)}"),
        (
            "descriptors of the terminal's process",
            f"{before.descriptors}, then {after.descriptors}",
        ),
        ("threads of the terminal's process", f"{before.threads}, then {after.threads}"),
        ("memory of the terminal's process", f"{walked.grown_mb:+.1f} MB"),
    ]
    table = "\n".join(f"| {name} | {value} |" for name, value in lines)
    return f"| | |\n| --- | --- |\n{table}"


def by_model(walked: Walked) -> str:
    """Markdown: how long it took to come to each model, and to leave it."""
    rows = []
    for model in dict.fromkeys(old for old, *_ in walked.steps):
        to = [took for _, new, took in walked.steps if new == model]
        away = [took for old, _, took in walked.steps if old == model]
        figures = [f"{value:.2f}" for one in (to, away) if one for value in (median(one), max(one))]
        rows.append(f"| {model} | {' | '.join(figures)} |")
    head = "| model | to it: median s | longest | from it: median s | longest |"
    return "\n".join([head, "| --- | --- | --- | --- | --- |", *rows])


def _three(shot: Json) -> str:
    return f"{shot['cut']}; {shot['lost']}; {shot['illegal_steps']}"


def main(words: Sequence[str]) -> int:
    """Print the tables; 1 when a client failed or something was left behind."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.switches", description=__doc__)
    parser.add_argument("--models", default=",".join(MODELS), help="default: all")
    parser.add_argument("--seed", type=int, default=0, help="which of the walks")
    parser.add_argument("--part", default="1/1", help="of the walk; 2/5 is the second fifth")
    parser.add_argument("--clients", type=int, default=8)
    options = parser.parse_args(words)
    path = part_of(walk(options.models.split(","), options.seed), options.part)
    walked = run(path, options.clients)
    print(report(walked), by_model(walked), sep="\n\n")
    for one in (found := failures(walked)):
        print(f"\n{one}")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
