"""Records how pre-forked workers share their clients, for the pictures of tests/tui/test_fairness_page.py.

`python -m tests.make_fairness` makes the recordings anew: real servers, whose clients come one after
another, each with a connection of its own.
"""

import asyncio

from engine.pool import Pool
from engine.running.run import Run
from engine.running.run_settings import RunSettings
from tests.make_screenshots import PORT, record, until
from tests.plain_client import Client

CLIENTS = 160
WORKERS = 8
SHARING = {
    "fair-accept": ("prefork", False),
    "fair-exclusive": ("prefork-epoll", True),
    "fair-reuseport": ("reuseport", False),
}
"""Recording -> the model, and whether with EPOLLEXCLUSIVE: in turn, one hot worker, by hash."""


async def clients_come(run: Run) -> None:
    """One after another, once all the workers wait for them."""
    await until(lambda: run.status().phase == "serving")
    await until(lambda: run.snapshot().workers == 1 + WORKERS)
    await asyncio.sleep(0.5)  # until all of them sleep
    await asyncio.to_thread(_come, PORT)
    await until(lambda: run.snapshot().counts.closed == CLIENTS)
    await asyncio.sleep(1.9)  # as in make_screenshots: a recording ends with a whole second


def _come(port: int) -> None:
    for _ in range(CLIENTS):
        with Client(port) as client:
            client.get("/style.css", close=True)
            client.rest()


def main() -> None:
    """Record all three."""
    for name, (model, exclusive) in SHARING.items():
        settings = RunSettings(
            model=model, port=PORT, whole=True, pool=Pool(WORKERS, exclusive=exclusive)
        )
        asyncio.run(record(name, settings, clients_come))
        print(f"tests/recordings/{name}.jsonl")


if __name__ == "__main__":
    main()
