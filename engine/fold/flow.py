"""What flows through a server: rates over the last second, and requests in each of the last minutes.

Pure: fed with totals and the time at which they held.
"""

from collections import deque
from typing import NamedTuple

from engine.views.snapshot import STRIP_CELL_NS

SECOND_NS = 1_000_000_000
HISTORY_SECONDS = 120
RATES_OVER_NS = 8 * STRIP_CELL_NS  # 1.2 s: long enough to be calm, short enough to follow


class Totals(NamedTuple):
    """Counts since the beginning, those of events that were not reported included."""

    requests: int
    events: int
    bytes_in: int
    bytes_out: int
    wakeups: int
    would_block: int


class Flow:
    """Samples of totals, and what they tell."""

    def __init__(self) -> None:
        self.history: deque[int] = deque(maxlen=HISTORY_SECONDS)
        """Requests in each finished second, oldest first."""
        self.second_ends_ns = 0
        self._samples: deque[tuple[int, Totals]] = deque()
        self._requests_before = 0

    def sample(self, at_ns: int, totals: Totals) -> None:
        """Take note of the totals; several times a second, and at each new second."""
        while self._samples and self._samples[0][0] < at_ns - RATES_OVER_NS:
            self._samples.popleft()
        self._samples.append((at_ns, totals))
        if at_ns >= self.second_ends_ns:
            self._begin_second(at_ns, totals.requests)

    def rates(self, now_ns: int, totals: Totals) -> tuple[float, ...]:
        """The same a second, in the order of Totals, over the last second or so."""
        if not self._samples:
            return (0.0,) * len(totals)
        then_ns, then = self._samples[0]
        seconds = max(now_ns - then_ns, STRIP_CELL_NS) / SECOND_NS
        return tuple([(now - before) / seconds for now, before in zip(totals, then, strict=True)])

    def _begin_second(self, at_ns: int, requests: int) -> None:
        if self.second_ends_ns:
            skipped = (at_ns - self.second_ends_ns) // SECOND_NS
            self.history.append(requests - self._requests_before)
            self.history.extend([0] * min(skipped, HISTORY_SECONDS))
        self._requests_before = requests
        self.second_ends_ns = (at_ns // SECOND_NS + 1) * SECOND_NS
