"""What a look at the queues finds, made into events and folded piece by piece.

A look that finds much takes 50 ms and more to be taken in, and a key must not wait for so long: whoever
draws takes a piece, lets keys in, and takes the next one. What one look has found is taken in before the
next look begins, so that events stay in order of time; a reader that falls behind looks less often.
"""

import math
import time
from collections import deque
from collections.abc import Iterable, Iterator
from operator import attrgetter

from engine.event_queue.reader import Reader
from engine.events import Event
from engine.fold.state import ServerState

SHARE_OF_S = 1.0
FOLDED_AT_ONCE = 100  # events: half a millisecond


class Intake:
    """The way of events from the queues into the fold."""

    def __init__(self, state: ServerState) -> None:
        self._state = state
        self._pieces: Iterator[list[Event]] = iter(())
        self.is_under_way = False
        """A look has found more than has been taken in."""
        self.looks = 0
        self._looked_s = 0.0
        self._took_s: deque[float] = deque(maxlen=2)
        self._spent_s = 0.0  # of processor time
        self._since = (0.0, 0.0)  # from when on the share is counted, and what was spent by then
        self._share = 0.0

    def look(self, readers: Iterable[Reader], told: list[Event], *, whole: bool) -> None:
        """See what there is now; `told` are events of this process. Only when no look is under way."""
        begun_s = time.thread_time()
        found = []
        for reader in readers:
            found.append(reader.look(whole=whole))
            self._state.note_passed(reader.take_passed())
        self._pieces = self._take_in(found, told)
        self._looked_s = time.monotonic()
        self.looks += 1
        self.is_under_way = True
        self._spent_s += time.thread_time() - begun_s

    def take(self, within_s: float = math.inf) -> list[Event]:
        """What the last look has found, folded: all of it, or as much as `within_s` of this thread's
        processor time allow, and a piece more."""
        events: list[Event] = []
        if not self.is_under_way:
            return events
        now_s = begun_s = time.thread_time()
        end_s = begun_s + within_s
        while self.is_under_way:
            piece = next(self._pieces, None)
            self.is_under_way = piece is not None
            if piece is None and self._looked_s:
                self._took_s.append(time.monotonic() - self._looked_s)
            events += piece or ()
            now_s = time.thread_time()
            if now_s >= end_s:
                break
        self._spent_s += now_s - begun_s
        return events

    def since_look_s(self, now_s: float) -> float:
        """How long ago the last look was."""
        return now_s - self._looked_s

    @property
    def behind_s(self) -> float:
        """How long what was found took to be taken in, at the last look and at the one before it."""
        return min(self._took_s) if len(self._took_s) == self._took_s.maxlen else 0.0

    def share(self, now_s: float) -> float:
        """Of a processor, what taking in took in the last second or so; 0 before one is over."""
        since_s, spent_s = self._since
        if now_s - since_s >= SHARE_OF_S:
            self._share = (self._spent_s - spent_s) / (now_s - since_s) if since_s else 0.0
            self._since = (now_s, self._spent_s)
        return self._share

    def begin_anew(self) -> None:
        """Less is told from here on: what was found before counts for nothing."""
        self._took_s.clear()
        self._looked_s = 0.0
        self._since = (0.0, 0.0)
        self._share = 0.0

    def _take_in(
        self, found: list[Iterator[list[Event]]], told: list[Event]
    ) -> Iterator[list[Event]]:
        events, sources = told, 1 if told else 0
        for pieces in found:
            for batch in pieces:
                if batch:
                    events = events + batch if events else batch
                    sources += 1
                else:
                    yield []
        if sources > 1:
            events.sort(key=attrgetter("at_ns"))
        for start in range(0, len(events), FOLDED_AT_ONCE):
            piece = events[start : start + FOLDED_AT_ONCE]
            self._state.fold(piece)
            yield piece
