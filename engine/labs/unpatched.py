"""A blocking call under gevent: the client's script. Its server is in unpatched_server.py."""

from collections.abc import Callable

from engine.labs.client import side_by_side
from engine.labs.lab import Lab
from engine.labs.stage import Stage

CLIENTS = 4


def play(stage: Stage) -> None:
    """Four clients at once, each of whose answers takes 0.5 s."""

    def ask() -> float:
        return stage.ask("/wait/500").seconds

    calls: list[Callable[[], float]] = [ask] * CLIENTS
    times_s = side_by_side(calls)
    stage.figure("clients", CLIENTS)
    stage.figure("longest_s", max(times_s))
    if stage.mended:
        stage.claim("they are served side by side", max(times_s) < 1.8)
    else:
        stage.claim("they are served one after another", max(times_s) > 1.8)
        stage.culprit("one of them first", stage.conns_asking("/wait/500"), is_first=True)


LAB = Lab(
    name="unpatched",
    title="A blocking call under gevent",
    question="Four greenlets each wait for 0.5 s, by a call of a library that gevent has not patched. "
    "When is the last client served?",
    choices=("after 2 s", "after 0.5 s"),
    look="one greenlet in the handler, the others not even accepted",
    answer="After {longest_s:.2f} s: the call blocked the only thread, and gevent had no chance to change "
    "to another greenlet. Patched: {mended.longest_s:.2f} s.",
    fix="monkey.patch_all() before anything else is imported; no library that waits in C",
    play=play,
    finding="unpatched",
)
