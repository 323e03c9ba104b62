"""One slow request in a loop that has one thread."""

from collections.abc import Callable

from engine.labs.client import side_by_side
from engine.labs.lab import Lab
from engine.labs.stage import Stage

OTHERS = 7


def play(stage: Stage) -> None:
    """One client asks for what takes a second, seven for a page."""

    def slow() -> float:
        return stage.ask("/wait/1000").seconds

    def fast() -> float:
        stage.watch(0.1, lambda: stage.snapshot().counts.requests)
        return stage.ask().seconds

    calls: list[Callable[[], float]] = [slow, *[fast] * OTHERS]
    slow_s, *others_s = side_by_side(calls)
    stage.figure("slow_s", slow_s)
    stage.figure("longest_s", max(others_s))
    stage.figure("others", OTHERS)
    stage.claim("the slow request takes its second", slow_s > 0.95)
    if stage.mended:
        stage.claim("the others are answered before it", max(others_s) < slow_s - 0.1)
    else:
        stage.claim("all the others wait for it", min(others_s) > 0.5)
        stage.culprit("the slow request first", stage.conns_asking("/wait/1000"), is_first=True)


LAB = Lab(
    name="one-slow-request",
    title="One slow request in a loop that has one thread",
    question="A polling loop serves many clients in one thread. One of them asks for something that "
    "takes a second. How long do the seven others wait for their page?",
    choices=("a second", "not at all: their sockets are ready", "a second each, one after another"),
    look="the seven in Recv-Q or the accept queue, and the one that is in the handler",
    answer="The slow request took {slow_s:.2f} s, and the {others} others up to {longest_s:.2f} s: the "
    "only thread slept. With a thread for each connection they took up to {mended.longest_s:.3f} s.",
    fix="never block in a loop: wait by its clock, or hand slow work to a thread or process",
    play=play,
    models=("polling", "thread"),
    finding="head-of-line",
)
