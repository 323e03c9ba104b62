"""Eight clients of a pool of four threads: four wait in the handler, four in the queue of the server."""

import os
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from engine.events import QUEUE
from tests.client_clock import CLOSE_MS, TRIES, Doing, look, now, off_ms
from tests.plain_client import Client
from tests.serve_driver import Serve
from tests.support import wait_until

WAIT_MS = 500
EXACT_MS = 0.01  # two ways to the same figure: it is rounded on the way
Moments = dict[str, float]
"""`put`, `take` of the queue, `request`, `response` -> when, in ms."""


def moments(server: Serve, client: Client) -> Moments:
    """As the server's events have them."""
    (conn,) = [e["conn"] for e in server.events if e["note"] == client.name]
    found: Moments = {}
    for event in server.events:
        if event["conn"] == conn:
            is_of_queue = event["note"].startswith(QUEUE)
            what = event["note"].split()[1] if is_of_queue else event["kind"]
            found[what] = event["at_ns"] / 1e6
    return found


def starved_ms(*pids: int) -> float:
    """For how long their threads have been ready to run and had no processor, together
    (Documentation/scheduler/sched-stats.rst)."""
    tasks = [task for pid in pids for task in Path(f"/proc/{pid}/task").iterdir()]
    return sum(int((task / "schedstat").read_text().split()[1]) for task in tasks) / 1e6


def at(ms: float) -> Doing:
    """An instant."""
    instant = Doing()
    instant.from_s = instant.to_s = ms / 1e3
    return instant


def half_in_each(server: Serve) -> tuple[list[dict[str, Any]], Doing] | None:
    """Handler and queue with four in each, and when that was seen; None: on a busy machine, too late."""
    inside: list[dict[str, Any]] = []
    while [room["now"] for room in inside] != [4, 4]:
        shot, looks = look(server)
        if shot["responses"]:
            return None
        rooms = shot["rooms"]
        inside = [rooms[name] for name in ("handler", "app_queue") if rooms[name]]
    return inside, looks


def are_seen_and_told_right() -> bool:
    """Against what the clients measured, and what events tell; False: the machine was too busy."""
    with Serve("thread-pool", "--threads", "4", "--events", "-") as server, ExitStack() as stack:
        pids = os.getpid(), server.snapshot()["engine_pid"]
        before_ms = starved_ms(*pids)
        clients: list[Client] = []
        asked: list[Doing] = []
        for _ in range(8):
            with Doing() as asks:
                clients.append(stack.enter_context(Client(server.port)))
                clients[-1].ask(f"/wait/{WAIT_MS}", close=True)
            asked.append(asks)
        seen = half_in_each(server)
        answered = [now() for client in clients if client.answer().status == 200]
        late_ms = starved_ms(*pids) - before_ms
        wait_until(lambda: server.snapshot()["closed"] == 8, what="the end of all")
        all_of_them = [moments(server, client) for client in clients]

    handled = [one["response"] - one["request"] for one in all_of_them]
    queued = [one["take"] - one["put"] for one in all_of_them]
    assert min(handled) >= WAIT_MS
    totals = [since.wait_ms(until.to_s * 1e3) for since, until in zip(asked, answered, strict=True)]
    rest = [
        longest - (queue + handler)
        for (_, longest), queue, handler in zip(totals, queued, handled, strict=True)
    ]
    assert max(map(abs, rest)) <= CLOSE_MS + late_ms
    if seen is None:
        return False
    (handler, queue), looks = seen
    assert off_ms(handler["longest_ms"], at(all_of_them[0]["request"]), looks) < EXACT_MS
    assert off_ms(queue["longest_ms"], at(all_of_them[4]["put"]), looks) < EXACT_MS
    return True


def test_half_of_the_clients_wait_in_the_handler_and_half_in_the_queue() -> None:
    assert any(are_seen_and_told_right() for _ in range(TRIES))
