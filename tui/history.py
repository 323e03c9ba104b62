"""The last minutes, second by second: what the graphs draw.

Pure: fed with snapshots and the time at which they hold; no clock.
"""

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

from engine.views.snapshot import ProcessNumbers, Snapshot

KEPT_S = 300  # five minutes: more columns than most terminals have
SECOND_NS = 1_000_000_000
Past = Mapping[int, tuple[int, int | None]]
"""Second of the clock -> the most open connections and descriptors that a recording has of it."""


def _seconds() -> deque[int | None]:
    return deque(maxlen=KEPT_S)


@dataclass(slots=True)
class Track:
    """One figure over time."""

    now: int | None = None
    """As last seen; None: not known."""
    seconds: deque[int | None] = field(default_factory=_seconds)
    """Its value in each finished second of the clock, oldest first; None: not known."""
    most: int | None = None
    """Seen in the running second."""

    def see(self, number: int | None) -> None:
        """A frame has seen this."""
        self.now = number
        if number is not None:
            self.most = number if self.most is None else max(number, self.most)

    def finish_second(self, told: int | None) -> None:
        """The running second is over. `told`: what is known of it beside the frames."""
        known = [number for number in (self.most, told) if number is not None]
        self.seconds.append(max(known, default=None))
        self.most = None


class History:
    """One sample a second of three figures. All tracks have the same seconds."""

    span_s = KEPT_S
    """Seconds that are kept."""

    def __init__(self) -> None:
        self._now_ns: int | None = None
        self._begin_anew()

    def feed(
        self,
        snapshot: Snapshot,
        numbers: ProcessNumbers,
        now_ns: int,
        past: Past = MappingProxyType({}),
    ) -> None:
        """Take in a frame. `now_ns`: the snapshot's own time; when it has gone back, as in a
        recording that is played again, what was known is forgotten.

        A second in which no frame came is unknown but for its requests, which the snapshot counts, and
        for what `past` has of it.
        """
        requests = snapshot.requests_history
        if self._now_ns is not None and now_ns < self._now_ns:
            self._begin_anew()
        second = now_ns // SECOND_NS
        begun = second - len(requests) if self._now_ns is None else self._now_ns // SECOND_NS
        self._finish(requests, range(begun, second), past)
        self._now_ns = now_ns
        self.requests.see(round(snapshot.requests_per_s))
        self.open_connections.see(snapshot.counts.open)
        self.descriptors.see(numbers.descriptors)

    def _begin_anew(self) -> None:
        self._now_ns = None
        self.requests = Track()
        """How many in each second; now: a second, over the last one or so."""
        self.open_connections = Track()
        """The most that a frame of each second saw."""
        self.descriptors = Track()
        """Of the engine's first process; the most that a frame of each second saw."""

    def _finish(self, requests: Sequence[int], seconds: range, past: Past) -> None:
        """These seconds of the clock have ended; frames came in the first of them only."""
        if not seconds:
            return
        seconds = seconds[-KEPT_S - 1 :]  # of more, the first then falls out again
        known = requests[-len(seconds) :]
        self.requests.seconds.extend([None] * (len(seconds) - len(known)))
        self.requests.seconds.extend(known)
        self.requests.most = None
        for second in seconds:
            opened, descriptors = past.get(second, (None, None))
            self.open_connections.finish_second(opened)
            self.descriptors.finish_second(descriptors)
