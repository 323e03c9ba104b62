"""How closely the engines of a run tell: every connection, or one in so many; bytes, and times."""

from time import monotonic_ns

from engine.fold.state import ServerState
from engine.running.engines import Engines
from engine.running.intake import Intake
from engine.running.thinning import BYTES_BELOW_PER_S, FULL, TIMES_BELOW_PER_S, Thinning

ADAPT_S = 0.25
LATE_S = 0.12  # after the last look: the next one should have come


class Telling:
    """What the engines are asked to tell, by what there is to tell and how fast it is taken in."""

    def __init__(
        self, state: ServerState, intake: Intake, engines: Engines, *, tells_bytes: bool
    ) -> None:
        self._state = state
        self._intake = intake
        self._engines = engines
        self._tells_bytes = tells_bytes
        self._thinning = Thinning()
        self._adapt_at_s = 0.0
        self._filled_per_s = 0.0  # events that fill a ring; 0: none fills up
        self._looks = 0  # until there have been more, what is found was put before less was told

    @property
    def ratio(self) -> int:
        """One connection in so many is told."""
        return self._thinning.ratio

    def is_due(self, now_s: float, *, whole: bool) -> bool:
        """It is time to adapt: it was not for a while; or the last look takes so long to be taken in that
        a ring fills up meanwhile (where a file is to tell all, that is left to happen)."""
        self._filled_per_s = 0.0
        since_s = self._intake.since_look_s(now_s)
        is_late = self._intake.is_under_way and since_s > LATE_S
        if is_late and not whole and self._intake.looks > self._looks:
            waiting = [engine.reader.waiting() for engine in self._engines.all()]
            if any(fullest > FULL for _, fullest in waiting):
                # Nothing of it is folded, so no rate tells of it. Most records are two events.
                records = sum(records for records, _ in waiting)
                self._filled_per_s = 2 * records * self._thinning.ratio / since_s
                return True
        return now_s >= self._adapt_at_s

    def adapt(self, now_s: float, *, whole: bool) -> None:
        """Report only some connections in detail when all would be too much for one reader (a file is to
        tell all, whatever that takes); give free what killed processes held."""
        self._adapt_at_s = now_s + ADAPT_S
        per_s = max(self._state.events_per_s(monotonic_ns()), self._filled_per_s)
        share = 0.0 if whole else self._intake.share(now_s)
        if self._filled_per_s:
            self._thinning.spare(now_s, per_s)
        if self._filled_per_s or self._thinning.adapt(now_s, per_s, self._intake.behind_s, share):
            self._intake.begin_anew()
            self._looks = self._intake.looks + 1
        for engine in self._engines.all():
            engine.settings.set_thinning(
                self._thinning.ratio,
                tell_bytes=self._tells_bytes and per_s < BYTES_BELOW_PER_S,
                tell_times=per_s < TIMES_BELOW_PER_S,
            )
            engine.reader.free_slots_of_the_dead()
