"""How closely connections are told at which rate of events: what a watched server can spare. Pure."""

import math

ALL_EVENTS_PER_S = 100_000  # up to here every connection is reported in detail
THINNED_EVENTS_PER_S = 50_000  # and above, so many that about this remains: some 8 % of a core
BYTES_BELOW_PER_S = 2_000  # events/s; above, nobody reads along, and each text travels by itself
# When the kernel got a request is told below this: it costs the server 1 to 5 us each, so 1 % of a core.
TIMES_BELOW_PER_S = 10_000


def thinning_for(events_per_s: float) -> int:
    """Of how many connections one is reported in detail at this rate: a power of two, so that those
    reported at a higher rate are a part of those before."""
    if events_per_s <= ALL_EVENTS_PER_S:
        return 1
    return 1 << math.ceil(math.log2(events_per_s / THINNED_EVENTS_PER_S))
