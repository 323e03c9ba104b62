"""How closely connections are told: what a watched server can spare, and a reader can take in. Pure."""

import math

ALL_EVENTS_PER_S = 100_000  # up to here every connection is reported in detail
THINNED_EVENTS_PER_S = 50_000  # and above, so many that about this remains: some 8 % of a core
BYTES_BELOW_PER_S = 2_000  # events/s; above, nobody reads along, and each text travels by itself
# When the kernel got a request is told below this: it costs the server 1 to 5 us each, so 1 % of a core.
TIMES_BELOW_PER_S = 5_000

BEHIND_S = 0.3  # a reader whose events are older than this when they are folded shows what is past
FULL = 0.25  # of a ring, when the next look at it is late: what comes might find no room
MOST_OF_PROCESSOR = (
    0.25  # for taking in: to draw takes as much again, and the server wants the rest
)
LEAST_EVENTS_PER_S = 2_000  # that are told, however slow the reader
CALM_S = 5.0  # without falling behind, before more is told again; twice as long after each time
LONGEST_CALM_S = 80.0


def thinning_for(events_per_s: float, most_per_s: float = ALL_EVENTS_PER_S) -> int:
    """Of how many connections one is reported in detail at this rate: a power of two, so that those
    reported at a higher rate are a part of those before."""
    if events_per_s <= most_per_s:
        return 1
    thinned_per_s = most_per_s * THINNED_EVENTS_PER_S / ALL_EVENTS_PER_S
    return 1 << math.ceil(math.log2(events_per_s / thinned_per_s))


class Thinning:
    """The ratio in force. A reader to whom events cost too much (on a slow machine, or a busy one) is told
    less: it would take the server's processor, lose events of all connections, and show the rest late."""

    def __init__(self) -> None:
        self.ratio = 1
        self._most_per_s: float = ALL_EVENTS_PER_S
        self._calm_s = CALM_S
        self._changed_s = -math.inf

    def adapt(self, now_s: float, events_per_s: float, behind_s: float, share: float = 0.0) -> bool:
        """Set the ratio from now on, when the server has events at this rate, reported or not, and they
        are folded so many seconds late, at this share of a processor; whether that is too much, and less
        is told."""
        is_too_much = behind_s > BEHIND_S or share > MOST_OF_PROCESSOR
        if is_too_much:
            self._calm_s = min(self._calm_s * 2, LONGEST_CALM_S)
            self.spare(now_s, events_per_s)
        elif events_per_s < LEAST_EVENTS_PER_S:
            self._most_per_s, self._calm_s = ALL_EVENTS_PER_S, CALM_S
        elif now_s - self._changed_s > self._calm_s:
            self._most_per_s = min(self._most_per_s * 1.25, ALL_EVENTS_PER_S)
            self._changed_s = now_s
        least = thinning_for(1.25 * events_per_s, self._most_per_s)
        self.ratio = max(thinning_for(events_per_s, self._most_per_s), min(self.ratio, least))
        return is_too_much

    def spare(self, now_s: float, events_per_s: float) -> None:
        """Tell less from now on than at this rate, until it was calm for a while."""
        told_per_s = min(events_per_s / self.ratio, self._most_per_s)
        self._most_per_s = max(told_per_s * 0.7, LEAST_EVENTS_PER_S)
        self._changed_s = now_s
        self.ratio = max(self.ratio, thinning_for(events_per_s, self._most_per_s))
