"""The garbage collector of the process that folds, kept from walking over all that it holds."""

import gc

COLLECT_AFTER = (10_000, 2, 300)  # objects, and collections of the next younger generation


def collect_seldom() -> None:
    """What stands now stays, and need not be walked again, 40 ms each time. What comes later is freed
    without the collector but for a few objects a second, which the young generations find, and soon: a
    walk over ten times as many holds up a key for 40 ms, one over all of 10,000 connections for more."""
    gc.freeze()
    gc.set_threshold(*COLLECT_AFTER)
