"""A loop that asks fifty silent clients, again and again."""

from time import monotonic

from engine.labs.lab import Lab
from engine.labs.stage import Stage

CLIENTS = 50
CALLS = 5_000
CPU_PERCENT = 12  # a loop that the machine has no processor for costs nobody anything


def play(stage: Stage) -> None:
    """Fifty clients that say nothing."""
    clients = [stage.connect() for _ in range(CLIENTS)]
    stage.until(lambda: stage.snapshot().counts.open == CLIENTS)
    before, began_s = stage.snapshot().counts, monotonic()

    def is_burning() -> bool:
        calls = stage.snapshot().counts.would_block - before.would_block
        return calls > CALLS and stage.numbers().cpu_percent >= CPU_PERCENT

    stage.watch(1.8, lambda: stage.mended or is_burning())
    calls = stage.snapshot().counts.would_block - before.would_block
    per_s, cpu_percent = calls / (monotonic() - began_s), stage.numbers().cpu_percent
    for client in clients:
        client.socket.close()
    stage.figure("clients", CLIENTS)
    stage.figure("calls_per_s", per_s)
    stage.figure("cpu_percent", cpu_percent)
    stage.claim("all are connected, and nobody says anything", before.open == CLIENTS)
    if stage.mended:
        stage.claim("the loop asks nobody", calls < 20)
    else:
        stage.claim("the loop asks them thousands of times", calls > CALLS)
        stage.claim("and a processor is at work for that", cpu_percent >= CPU_PERCENT)
        stage.culprit("the process of the loop")


LAB = Lab(
    name="busy-polling",
    title="A loop that asks fifty silent clients, again and again",
    question="Fifty clients are connected and silent. The polling loop asks each of them whether there "
    "is something. What does that cost?",
    choices=(
        "thousands of calls in vain, and the time of a processor",
        "nothing: nobody sends",
        "memory",
    ),
    look="would-block results, and the processor's share",
    answer="In a second {calls_per_s:,.0f} calls of recv() had nothing to take (EAGAIN), at "
    "{cpu_percent:.0f} % of a processor. epoll, for the same {clients} clients: {mended.calls_per_s:,.0f} "
    "calls, {mended.cpu_percent:.0f} %.",
    fix="let the kernel say who is ready: select, poll, epoll",
    play=play,
    models=("polling", "epoll"),
    finding="busy-polling",
)
