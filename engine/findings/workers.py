"""Findings about workers that share a listener: who is woken, and who gets the clients. Pure."""

from engine.findings.finding import Level, Said
from engine.findings.moment import Moment, Trail
from engine.findings.rule import Rule
from engine.findings.words import many

WORKERS = 3  # of two, one is always ahead
WINDOW_MS = 2_000.0
ACCEPTED = 100  # fewer fall as dice do
HOT = 2.5  # times a fair share
WASTED = 3.2  # wake-ups for each client, for nothing


def hot_worker(trail: Trail) -> Said | None:
    """One worker gets far more than its share of the clients."""
    accepts, _ = _done_meanwhile(trail)
    total = sum(accepts.values())
    if len(accepts) < WORKERS or total < ACCEPTED:
        return None
    pid, most = max(accepts.items(), key=lambda item: item[1])
    if most <= HOT * total / len(accepts):
        return None
    text = f"Worker {pid} took {most:,} of the last {total:,} clients; {len(accepts)} share the listener"
    return Said(Level.WATCH, text, pids=(pid,))


def thundering_herd(trail: Trail) -> Said | None:
    """Many workers are woken for each client, and one of them gets it."""
    accepts, wasted = _done_meanwhile(trail)
    total, in_vain = sum(accepts.values()), sum(wasted.values())
    if len(accepts) < WORKERS or total < ACCEPTED or in_vain < WASTED * total:
        return None
    text = (
        f"{many(in_vain, 'call', 'calls')} of {len(accepts)} workers found nothing, for {total:,} clients: "
        f"{in_vain / total:.1f} wake-ups in vain for each"
    )
    return Said(Level.WATCH, text, pids=tuple(sorted(wasted, key=lambda pid: -wasted[pid])))


def _done_meanwhile(trail: Trail) -> tuple[dict[int, int], dict[int, int]]:
    """What each worker process has accepted, and its calls in vain, in the last two seconds or less."""
    moments = trail.since(WINDOW_MS) or list(trail.before(0))
    then, now = _done(moments[0]), _done(trail.now)
    accepts = {pid: done[0] - then.get(pid, (0, 0))[0] for pid, done in now.items()}
    wasted = {pid: done[1] - then.get(pid, (0, 0))[1] for pid, done in now.items()}
    return accepts, wasted


def _done(moment: Moment) -> dict[int, tuple[int, int]]:
    return {
        one.pid: (one.accepts, one.would_block)
        for one in moment.snapshot.worker_views
        if one.depth and not one.task
    }


RULES = (
    Rule(
        "hot-worker",
        "a listener for each worker (SO_REUSEPORT), or a blocking accept() in each",
        hot_worker,
        confirm_ms=0,
    ),
    Rule(
        "thundering-herd", "EPOLLEXCLUSIVE, or a listener for each worker", thundering_herd, confirm_ms=0
    ),
)  # fmt: skip
