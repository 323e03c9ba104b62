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
        self._fullest = 0.0
        self._looks = 0  # there had been so many when less was last told

    @property
    def ratio(self) -> int:
        """One connection in so many is told."""
        return self._thinning.ratio

    def is_due(self, now_s: float) -> bool:
        """It is time to adapt: it was not for a while, or the next look is late and a ring fills up. That
        is said once a look, since only the next one empties it."""
        self._fullest = 0.0
        if self._intake.since_look_s(now_s) > LATE_S and self._looks != self._intake.looks:
            self._fullest = max((one.reader.fullest() for one in self._engines.all()), default=0.0)
            if self._fullest > FULL:
                return True
        return now_s >= self._adapt_at_s

    def adapt(self, now_s: float, *, whole: bool) -> None:
        """Report only some connections in detail when all would be too much for one reader (a file is to
        tell all, whatever that takes); give free what killed processes held."""
        self._adapt_at_s = now_s + ADAPT_S
        per_s = self._state.events_per_s(monotonic_ns())
        share = 0.0 if whole else self._intake.share(now_s)
        if self._thinning.adapt(now_s, per_s, self._intake.behind_s, share, self._fullest):
            self._intake.begin_anew()
            self._looks = self._intake.looks
        for engine in self._engines.all():
            engine.settings.set_thinning(
                self._thinning.ratio,
                tell_bytes=self._tells_bytes and per_s < BYTES_BELOW_PER_S,
                tell_times=per_s < TIMES_BELOW_PER_S,
            )
            engine.reader.free_slots_of_the_dead()
