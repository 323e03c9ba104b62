"""Findings: labs x findings, hits and false alarms; and none while models serve ordinary load.

    python -m tests.bench.findings [--labs NAME ...] [--models NAME ...] [--seconds S] [--only labs|load]

Each lab is played once, its two acts one after another. Ordinary load, in both modes: a second at rest, the
built-in burst of 500 over 50 connections, `wrk -t1 -c16` for S seconds (default 30) on the site's page, a
second at rest. Exit 1 when a finding is missed, or told for nothing; one that
names somebody else than the culprit is missed, too.
"""

import argparse
import sys
import threading
from collections.abc import Callable
from time import monotonic, sleep

from engine.findings.finding import Finding
from engine.labs import LABS
from engine.labs.culprit import NAMES
from engine.labs.lab import Act, Lab, LabError
from engine.labs.playing import load, play
from engine.models import MODELS
from engine.running.run import Run
from engine.running.run_settings import RunError, RunSettings
from tests.bench import wrk

BEAT_S = 0.02
START_S, BURST_S = 20.0, 60.0  # until it is given up; on a busy machine a burst takes long
REST_S = 1.0  # longer than it takes to say that a loop polls in vain
BURST = (500, 50)
WRK_CONNECTIONS = 16


def main() -> int:
    """Print the tables; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--labs", nargs="*", default=list(LABS), choices=LABS, metavar="NAME")
    parser.add_argument("--models", nargs="*", default=list(MODELS), choices=MODELS, metavar="NAME")
    parser.add_argument("--seconds", type=int, default=30)
    parser.add_argument("--only", choices=("labs", "load"))
    asked = parser.parse_args()
    failed = 0
    if asked.only != "load":
        failed += print_labs(asked.labs)
    if asked.only != "labs":
        failed += print_load(asked.models, asked.seconds)
    return 1 if failed else 0


def print_labs(names: list[str]) -> int:
    """A row a lab; how many findings were missed or told for nothing."""
    print(
        "| lab | finding | found after | it names | beside it | mended: false alarms | and what remains |"
    )
    print("| --- | --- | --- | --- | --- | --- | --- |")
    wanted = hits = alarms = 0
    for name in names:
        lab = load(name)
        try:
            broken, mended = (play(lab, mended=mended) for mended in (False, True))
        except LabError as error:
            wanted += bool(lab.finding)
            print(f"| {name} | {lab.finding or '-'} | not played: {error} | | | | |", flush=True)
            continue
        false = sorted(mended.findings.keys() - set(lab.remains))
        wanted += bool(lab.finding)
        hits += broken.found_after_s is not None
        alarms += len(false)
        cells = (
            name,
            lab.finding or "-",
            found_after(lab, broken),
            culprit_of(broken),
            ", ".join(sorted(broken.findings.keys() - {lab.finding})) or "-",
            ", ".join(false) or "-",
            ", ".join(sorted(mended.findings.keys() & set(lab.remains))) or "-",
        )
        print(f"| {' | '.join(cells)} |", flush=True)
    print(f"\n{hits} of {wanted} findings; {alarms} false alarms in {len(names)} mended acts\n")
    return wanted - hits + alarms


def found_after(lab: Lab, act: Act) -> str:
    """Seconds until the finding of a lab was told, in a cell."""
    if act.found_after_s is not None:
        return f"{act.found_after_s:.1f} s"
    if lab.finding in act.told:
        return "names somebody else"
    return "missed" if lab.finding else "-"


def culprit_of(act: Act) -> str:
    """Whom the finding names, in a cell."""
    told = [claim.text for claim in act.claims if claim.text.startswith(NAMES)]
    return told[0].removeprefix(NAMES) if told else "-"


def print_load(names: list[str], seconds: int) -> int:
    """A row a model and mode; how many findings were told."""
    print("| model | mode | requests | findings |")
    print("| --- | --- | --- | --- |")
    alarms = 0
    for name in names:
        for short in (False, True):
            mode = "short" if short else "keep-alive"
            try:
                requests, found = under_load(name, seconds, short=short)
            except (TimeoutError, RuntimeError, RunError) as error:
                alarms += 1
                print(f"| {name} | {mode} | - | not served: {error} |", flush=True)
                continue
            alarms += len(found)
            told = "; ".join(f"{one.id}: {one.text}" for one in found.values()) or "none"
            print(f"| {name} | {mode} | {requests:,} | {told} |", flush=True)
    print(f"\n{alarms} false alarms, {len(names)} models in both modes\n")
    return alarms


def under_load(model: str, seconds: int, *, short: bool) -> tuple[int, dict[str, Finding]]:
    """How many requests it answered, and what was found meanwhile."""
    run = Run(RunSettings(model=model, port=0, short=short))
    found: dict[str, Finding] = {}

    def watch(until: Callable[[], bool], within_s: float) -> None:
        ends_s = monotonic() + within_s
        while not until():
            if monotonic() > ends_s:
                raise TimeoutError(f"{model} took longer than {within_s:.0f} s")
            run.poll()
            for one in run.findings():
                found.setdefault(one.id, one)
            sleep(BEAT_S)

    def rest() -> None:
        ends_s = monotonic() + REST_S
        watch(lambda: monotonic() > ends_s, 2 * REST_S)

    try:
        watch(lambda: run.status().phase == "serving", START_S)
        rest()
        run.start_burst(*BURST)
        watch(lambda: bool(run.bursts) and not run.bursts[-1].is_running, BURST_S)
        client = threading.Thread(
            target=wrk.run, args=(run.url + "/",),
            kwargs={"connections": WRK_CONNECTIONS, "seconds": seconds},
        )  # fmt: skip
        client.start()
        watch(lambda: not client.is_alive(), seconds + wrk.SPARE_S)
        client.join()
        rest()
        return run.snapshot(0, 0).counts.requests, found
    finally:
        run.stop()


if __name__ == "__main__":
    sys.exit(main())
