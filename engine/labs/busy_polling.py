"""A loop that asks fifty silent clients, again and again."""

from engine.labs.lab import Lab
from engine.labs.stage import Stage

CLIENTS = 50
CALLS = 5_000


def play(stage: Stage) -> None:
    """Fifty clients that say nothing."""
    clients = [stage.connect() for _ in range(CLIENTS)]
    stage.until(lambda: stage.snapshot().counts.open == CLIENTS)
    before = stage.snapshot().counts

    def is_burning() -> bool:
        calls = stage.snapshot().counts.would_block - before.would_block
        return calls > CALLS and stage.numbers().cpu_percent >= 1

    stage.watch(1.2, lambda: stage.mended or is_burning())
    counts, numbers = stage.snapshot().counts, stage.numbers()
    calls = counts.would_block - before.would_block
    for client in clients:
        client.socket.close()
    stage.figure("clients", CLIENTS)
    stage.figure("calls", calls)
    stage.figure("cpu_percent", numbers.cpu_percent)
    stage.claim("all are connected, and nobody says anything", before.open == CLIENTS)
    if stage.mended:
        stage.claim("the loop asks nobody", calls < 20)
    else:
        stage.claim("the loop asks them thousands of times", calls > CALLS)


LAB = Lab(
    name="busy-polling",
    title="A loop that asks fifty silent clients, again and again",
    question="Fifty clients are connected and silent. The polling loop asks each of them whether there "
    "is something. What does that cost?",
    choices=("a whole processor", "nothing: nobody sends", "memory"),
    look="would-block results, and the processor's share",
    answer="In a second {calls:,} calls of recv() had nothing to take (EAGAIN), at {cpu_percent:.0f} % of "
    "a processor. epoll, for the same {clients} clients: {mended.calls:,} calls, "
    "{mended.cpu_percent:.0f} %.",
    fix="let the kernel say who is ready: select, poll, epoll",
    play=play,
    models=("polling", "epoll"),
    finding="busy-polling",
)
