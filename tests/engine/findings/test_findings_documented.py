"""The reference tells of each finding from when on it is told, as the constants have it."""

import pytest

from engine.findings import loops, pools, processes, sockets, watching, workers
from engine.findings.moment import MS
from engine.findings.rule import CONFIRM_MS
from engine.findings.rules import FINDING_IDS
from engine.findings.words import span
from tests.support import ROOT

REFERENCE = (ROOT / "docs" / "reference.md").read_text(encoding="utf-8")


def percent(share: float) -> str:
    return f"{share * 100:.0f} %"


BLOCKED = f"{span(loops.BLOCKED_MS)} in it, others waiting for {span(loops.BEHIND_MS)}"
HELD = f"silent for {span(pools.SILENT_MS)}, others waiting for {span(pools.WAITED_MS)}"
LEAKED_FROM = f"for each of {processes.ACCEPTED} connections or more"
FROM = {
    "engine-died": "the first time",
    "zombies": f"{processes.ZOMBIES} of them, for {span(processes.ZOMBIES_MS)}",
    "descriptor-limit": (
        f"{processes.SPIN_PER_S} failed calls a second (`warn`); {percent(processes.NEAR)} in use (`watch`)"
    ),
    "descriptor-leak": f"{processes.LEAKED} more, {processes.LEAKED_SHARE} {LEAKED_FROM}",
    "memory-growth": (
        f"{processes.GROWN_BYTES / 1e6:.0f} MB more, {processes.GROWN_EACH_BYTES / 1e3:.0f} KB {LEAKED_FROM}"
    ),
    "stranger-closed": "the first time",
    "shared-descriptor": f"{span(sockets.COPY_MS)} after the close",
    "accept-queue": (
        f"{percent(sockets.FULL)} of its limit (`warn`); {percent(sockets.NEARLY_FULL)} (`watch`)"
    ),
    "queue-lost": "the first client",
    "close-wait": (
        f"{sockets.LEFT} for {span(sockets.LEFT_MS)} (`warn`); "
        f"one for {span(sockets.LEFT_ALONE_MS)} (`watch`)"
    ),
    "reset-on-close": "the first byte",
    "half-close": "the first request",
    "unsent": f"{span(sockets.UNSENT_MS)}; `warn` when others wait behind it",
    "no-length": f"1 to {sockets.LOST_BYTES} bytes left out, {span(sockets.LOST_MS)} ago",
    "nagle": f"{percent(sockets.NAGLE_SHARE)} of the looks in {span(sockets.NAGLE_MS)}",
    "time-wait": f"{percent(sockets.PORTS_NEAR)} of them",
    "head-of-line": BLOCKED,
    "unpatched": BLOCKED,
    "loop-blocked": (
        f"as above; bytes wait for {span(loops.PAUSED_MS)} in {percent(loops.PAUSED_SHARE)} "
        f"of the looks in {span(loops.PAUSED_LOOKS_MS)}"
    ),
    "half-read-edge": span(loops.HALF_READ_MS),
    "busy-polling": (
        f"{loops.CALLS_PER_S:,} a second and {loops.CALLS_EACH:,} a request, for {span(loops.POLLED_MS)}"
    ),
    "pool-starved": HELD,
    "keep-alive-pins": HELD,
    "lock-convoy": (
        "half of {} to {} answers a second take {} to {:.0f} ms, at {} % of a core".format(
            *pools.CONVOY_REQUESTS, *pools.CONVOY_MS, pools.CONVOY_PERCENT
        )
    ),
    "hot-worker": (
        f"{percent(workers.HOT_SHARE)} of {workers.ACCEPTED} clients in "
        f"{workers.WINDOW_MS / 1e3:.0f} s, of {workers.WORKERS} workers"
    ),
    "thundering-herd": (
        f"{percent(workers.WOKEN_SHARE)} of {workers.WORKERS} workers, for {workers.HERD_CLIENTS} "
        f"clients in {workers.HERD_MS / 1e3:.0f} s"
    ),
}


@pytest.mark.parametrize("finding", FINDING_IDS)
def test_the_reference_tells_its_threshold(finding: str) -> None:
    rows = [line for line in REFERENCE.splitlines() if line.startswith("| `")]
    (row,) = [row for row in rows if f"`{finding}`" in row.split(" | ")[0]]
    assert row.endswith(f" | {FROM[finding]} |")


def test_the_reference_tells_how_long_each_has_to_hold_and_stays() -> None:
    assert f"held for {span(CONFIRM_MS)}" in REFERENCE
    assert f"for {span(watching.STAYS_NS / MS)} after it held last" in REFERENCE
