"""Findings: labs x findings, hits and false alarms; and none while models serve ordinary load.

    python -m tests.bench.findings [--labs NAME ...] [--models NAME ...] [--seconds S] [--only labs|load]

Each lab is played once, its two acts one after another. Ordinary load: the built-in burst of 500 over 50
connections, then `wrk -t1 -c16` for S seconds (default 30) on the page of the site, in both modes.
"""

import argparse
import threading
from collections.abc import Callable
from time import monotonic, sleep

from engine.findings.finding import Finding
from engine.labs import LABS
from engine.labs.playing import load, play
from engine.models import MODELS
from engine.run import Run
from engine.run_settings import RunSettings
from tests.bench import wrk

BEAT_S = 0.02
START_S, BURST_S = 10.0, 15.0
BURST = (500, 50)
WRK_CONNECTIONS = 16


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--labs", nargs="*", default=list(LABS), choices=LABS, metavar="NAME")
    parser.add_argument("--models", nargs="*", default=list(MODELS), choices=MODELS, metavar="NAME")
    parser.add_argument("--seconds", type=int, default=30)
    parser.add_argument("--only", choices=("labs", "load"))
    asked = parser.parse_args()
    if asked.only != "load":
        print_labs(asked.labs)
    if asked.only != "labs":
        print_load(asked.models, asked.seconds)


def print_labs(names: list[str]) -> None:
    """A row a lab."""
    print("| lab | finding | found after | beside it | mended: false alarms | and what remains |")
    print("| --- | --- | --- | --- | --- | --- |")
    wanted = hits = alarms = 0
    for name in names:
        lab = load(name)
        broken, mended = (play(lab, mended=mended).findings for mended in (False, True))
        false = sorted(mended.keys() - set(lab.remains))
        after_s = broken.get(lab.finding)
        wanted += bool(lab.finding)
        hits += after_s is not None
        alarms += len(false)
        cells = (
            name,
            lab.finding or "-",
            "-" if not lab.finding else "missed" if after_s is None else f"{after_s:.1f} s",
            ", ".join(sorted(broken.keys() - {lab.finding})) or "-",
            ", ".join(false) or "-",
            ", ".join(sorted(mended.keys() & set(lab.remains))) or "-",
        )
        print(f"| {' | '.join(cells)} |", flush=True)
    print(f"\n{hits} of {wanted} findings; {alarms} false alarms in {len(names)} mended acts\n")


def print_load(names: list[str], seconds: int) -> None:
    """A row a model and mode."""
    print("| model | mode | requests | findings |")
    print("| --- | --- | --- | --- |")
    alarms = 0
    for name in names:
        for short in (False, True):
            requests, found = under_load(name, seconds, short=short)
            alarms += len(found)
            told = "; ".join(f"{one.id}: {one.text}" for one in found.values()) or "none"
            mode = "short" if short else "keep-alive"
            print(f"| {name} | {mode} | {requests:,} | {told} |", flush=True)
    print(f"\n{alarms} false alarms, {len(names)} models in both modes\n")


def under_load(model: str, seconds: int, *, short: bool) -> tuple[int, dict[str, Finding]]:
    """How many requests it answered, and what was found meanwhile."""
    run = Run(RunSettings(model=model, port=0, short=short))
    found: dict[str, Finding] = {}

    def watch(until: Callable[[], bool], within_s: float, *, look: bool = True) -> None:
        ends_s = monotonic() + within_s
        before = run.snapshot(0, 0).counts.requests
        while not until():
            if monotonic() > ends_s:
                raise TimeoutError(f"{model} took longer than {within_s:.0f} s")
            run.poll()
            # A loop that polls is found, as it should be, while nobody comes.
            is_loaded = run.snapshot(0, 0).counts.requests > before
            for one in run.findings() if look and is_loaded else ():
                found.setdefault(one.id, one)
            sleep(BEAT_S)

    try:
        watch(lambda: run.status().phase == "serving", START_S, look=False)
        run.start_burst(*BURST)
        watch(lambda: bool(run.bursts) and not run.bursts[-1].is_running, BURST_S)
        client = threading.Thread(
            target=wrk.run, args=(run.url + "/",),
            kwargs={"connections": WRK_CONNECTIONS, "seconds": seconds},
        )  # fmt: skip
        client.start()
        watch(lambda: not client.is_alive(), seconds + wrk.SPARE_S)
        client.join()
        return run.snapshot(0, 0).counts.requests, found
    finally:
        run.stop()


if __name__ == "__main__":
    main()
