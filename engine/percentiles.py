"""Percentiles, and of how many samples there are any. Pure."""

import math
from collections.abc import Sequence

LEAST_ABOVE = 10  # samples above a percentile, below which it says nothing


def percentile(ordered: Sequence[float], percent: float) -> float | None:
    """The nearest-rank percentile of an ascending sequence; None: fewer than LEAST_ABOVE are above."""
    if len(ordered) * (100 - percent) < LEAST_ABOVE * 100:
        return None
    rank = math.ceil(percent / 100 * len(ordered))
    return ordered[max(rank, 1) - 1]
