"""The last minutes, second by second: what the graphs draw.

Pure: fed with snapshots and the time at which they hold; no clock.
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

from engine.views.snapshot import ProcessNumbers, Snapshot

KEPT_S = 300  # five minutes: more columns than most terminals have
SECOND_NS = 1_000_000_000


def _seconds() -> deque[int | None]:
    return deque(maxlen=KEPT_S)


@dataclass(slots=True)
class Track:
    """One figure over time."""

    now: float | None = None
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

    def finish_second(self) -> None:
        """The running second is over."""
        self.seconds.append(self.most)
        self.most = None


class History:
    """One sample a second of three figures. All tracks have the same seconds."""

    span_s = KEPT_S
    """Seconds that are kept."""

    def __init__(self) -> None:
        self._now_ns: int | None = None
        self._begin_anew()

    def feed(self, snapshot: Snapshot, numbers: ProcessNumbers, now_ns: int) -> None:
        """Take in a frame. `now_ns`: the snapshot's own time; when it has gone back, as in a
        recording that is played again, what was known is forgotten.

        A second in which no frame came is unknown but for its requests, which the snapshot counts.
        """
        requests = snapshot.requests_history
        if self._now_ns is not None and now_ns < self._now_ns:
            self._begin_anew()
        if self._now_ns is None:
            self._finish(requests, len(requests), frames_of=0)
        else:
            finished = now_ns // SECOND_NS - self._now_ns // SECOND_NS
            self._finish(requests, finished, frames_of=1)
        self._now_ns = now_ns
        self.requests.now = snapshot.requests_per_s
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

    def _finish(self, requests: Sequence[int], finished: int, *, frames_of: int) -> None:
        """So many seconds have ended. Frames came in the first `frames_of` (0 or 1) of them."""
        if not finished:
            return
        finished = min(finished, KEPT_S + 1)  # the first then falls out again
        known = requests[-finished:]
        self.requests.seconds.extend([None] * (finished - len(known)))
        self.requests.seconds.extend(known)
        for track in (self.open_connections, self.descriptors):
            if frames_of:
                track.finish_second()
            track.seconds.extend([None] * (finished - frames_of))
