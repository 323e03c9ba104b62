"""The pause in each round of a polling loop."""

import statistics

from engine.labs.lab import Lab
from engine.labs.stage import Stage

REQUESTS = 12
ROUNDS = 3_000


def play(stage: Stage) -> None:
    """One request after another on one connection."""
    with stage.connect() as client:
        times_ms = [client.ask().seconds * 1e3 for _ in range(REQUESTS)]
    stage.watch(0.6, lambda: not stage.mended or is_burning(stage))
    stage.figure("median_ms", statistics.median(times_ms))
    stage.figure("cpu_percent", stage.numbers().cpu_percent)
    rounds = stage.snapshot().counts.would_block
    quick_ms = statistics.quantiles(times_ms, n=4)[0]  # whatever else the machine does meanwhile
    if stage.mended:
        stage.claim("an answer takes a few ms", quick_ms < 30)
        stage.claim("and the loop asks without end", rounds > ROUNDS)
    else:
        stage.claim("each answer waits for the pause", quick_ms > 45)
        stage.claim("and the loop is idle", rounds < 300)
        stage.culprit("the connection that waits for the loop", stage.conns_of(client))


def is_burning(stage: Stage) -> bool:
    """The loop asks and asks, and the system knows what that costs."""
    return stage.snapshot().counts.would_block > ROUNDS and stage.numbers().cpu_percent >= 1


LAB = Lab(
    name="pause-per-round",
    title="The pause in each round of a polling loop",
    question="A polling loop burns a processor. So it sleeps for 100 ms after each round. What does a "
    "request cost its client now?",
    choices=("up to 100 ms more", "nothing that one would see", "it is lost"),
    look="the processor's share, and the time between a request and its answer",
    answer="With the pause an answer took {median_ms:.0f} ms (median) at {cpu_percent:.0f} % of a "
    "processor; without it {mended.median_ms:.1f} ms at {mended.cpu_percent:.0f} %. Either is wrong: "
    "a loop should sleep until the kernel names a ready socket (select, poll, epoll).",
    fix="wait for readiness instead of asking again and again",
    play=play,
    models=("polling", "polling"),
    tick_s=(0.1, 0.0),
    finding="loop-blocked",
    remains=("busy-polling",),  # without a pause it is what a loop should not be either
)
