"""Runs wrk against this machine and reads its report."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

SPARE_S = 10.0  # beyond the measured time, until wrk is given up
_MS = {"us": 0.001, "ms": 1.0, "s": 1000.0, "m": 60_000.0}


@dataclass(frozen=True, slots=True)
class Report:
    """What one run of wrk said. wrk's latency is closed-loop and leaves the connect out."""

    requests: int
    requests_per_s: float
    p50_ms: float | None
    p99_ms: float | None
    connect_errors: int
    read_errors: int
    write_errors: int
    timeouts: int
    bad_status: int  # neither 2xx nor 3xx

    @property
    def errors(self) -> int:
        """All that went wrong."""
        sockets = self.connect_errors + self.read_errors + self.write_errors + self.timeouts
        return sockets + self.bad_status


def run(url: str, *, connections: int, seconds: int, headers: Sequence[str] = ()) -> Report:
    """One thread of wrk. Raises ValueError off loopback, RuntimeError when wrk fails."""
    if urlsplit(url).hostname not in ("127.0.0.1", "::1"):
        raise ValueError(f"load is for this machine only, not {url}")
    words = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--latency"]
    words += [word for header in headers for word in ("-H", header)]
    done = subprocess.run(
        [*words, url], capture_output=True, text=True, timeout=seconds + SPARE_S, check=False
    )
    if done.returncode != 0:
        raise RuntimeError(f"wrk: {(done.stderr or done.stdout).strip()}")
    return parse(done.stdout)


def parse(text: str) -> Report:
    """Read wrk's report. Raises RuntimeError when it is none."""
    total = re.search(r"(\d+) requests in ", text)
    rate = re.search(r"Requests/sec:\s+([\d.]+)", text)
    if not total or not rate:
        raise RuntimeError(f"not a report of wrk: {text!r}")
    sockets = re.search(r"connect (\d+), read (\d+), write (\d+), timeout (\d+)", text)
    connect, read, write, timeout = map(int, sockets.groups()) if sockets else (0, 0, 0, 0)
    bad = re.search(r"Non-2xx or 3xx responses: (\d+)", text)
    return Report(
        requests=int(total[1]),
        requests_per_s=float(rate[1]),
        p50_ms=_percentile(text, "50%"),
        p99_ms=_percentile(text, "99%"),
        connect_errors=connect,
        read_errors=read,
        write_errors=write,
        timeouts=timeout,
        bad_status=int(bad[1]) if bad else 0,
    )


def _percentile(text: str, percent: str) -> float | None:
    found = re.search(rf"^\s+{percent}\s+([\d.]+)(us|ms|s|m)\s*$", text, re.MULTILINE)
    return float(found[1]) * _MS[found[2]] if found else None
