"""Latencies as HDR histograms: mergeable, so that percentiles are never averaged.

Times go in as nanoseconds of time.monotonic_ns and are kept as microseconds, to three digits.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from dataclasses import dataclass

from hdrh.histogram import HdrHistogram

from engine.load.result import HISTOGRAM_EDGES_MS
from engine.percentiles import LEAST_ABOVE

LONGEST_US = 3_600_000_000  # an hour; no request may take longer
DIGITS = 3  # two values that differ by less than one part in a thousand count as one
PERCENTS = (50, 90, 99)


@dataclass(frozen=True, slots=True)
class Percentiles:
    """In ms. None: fewer than LEAST_ABOVE samples stand behind it."""

    count: int = 0
    p50_ms: float | None = None
    p90_ms: float | None = None
    p99_ms: float | None = None
    max_ms: float | None = None  # None: no sample at all


class Samples:
    """Collects times in a list, which is cheap, and counts them into the histogram now and then."""

    def __init__(self) -> None:
        self._histogram = new_histogram()
        self._fresh: list[int] = []
        self.buckets = [0] * (len(HISTOGRAM_EDGES_MS) + 1)
        """Counts by HISTOGRAM_EDGES_MS, and one for what is above."""
        self.add = self._fresh.append
        """Takes a time in ns."""

    def flush(self) -> None:
        """Count what was collected: some milliseconds for thousands."""
        for us, count in Counter([ns // 1000 for ns in self._fresh]).items():
            self._histogram.record_value(min(max(us, 1), LONGEST_US), count)
            self.buckets[bisect_left(HISTOGRAM_EDGES_MS, us / 1000)] += count
        self._fresh.clear()

    def encoded(self) -> str:
        """In HdrHistogram's compressed format (V2, base64), for `merged` and other tools.

        Computing percentiles takes milliseconds, in which no request is sent: whoever reads the
        report does it.
        """
        self.flush()
        return str(self._histogram.encode().decode())


def new_histogram() -> HdrHistogram:
    """An empty one, that can be merged with any other of these."""
    return HdrHistogram(1, LONGEST_US, DIGITS)


def merged(*encoded: str) -> HdrHistogram:
    """One histogram of what `encoded` gave, each sample counted."""
    histogram = new_histogram()
    for text in encoded:
        histogram.decode_and_add(text)
    return histogram


def percentiles(histogram: HdrHistogram) -> Percentiles:
    """What stands behind enough samples."""
    count = histogram.get_total_count()
    enough = [each for each in PERCENTS if count * (100 - each) >= LEAST_ABOVE * 100]
    found = histogram.get_percentile_to_value_dict(enough) if enough else {}
    told = {f"p{percent}_ms": value / 1000 for percent, value in found.items()}
    longest = histogram.get_max_value() / 1000 if count else None
    return Percentiles(count=count, max_ms=longest, **told)
