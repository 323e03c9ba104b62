"""Findings about workers that share a listener: who is woken, and who gets the clients. Pure."""

from engine.findings.finding import Level, Said
from engine.findings.moment import Moment, Trail
from engine.findings.rule import Rule
from engine.findings.words import many

WORKERS = 3  # of two, one is always ahead
WINDOW_MS = 2_000.0
ACCEPTED = 100  # fewer fall as dice do
HOT = 2.5  # times a fair share
HERD_MS = 2_000.0
LASTING_MS = 1_100.0  # when load begins, the workers that sleep are not yet all awake
WOKEN_SHARE = 0.85  # of the workers, for each request; when all are at work fewer sleep


def hot_worker(trail: Trail) -> Said | None:
    """One worker gets far more than its share of the clients."""
    accepts = _accepted_since(_then(trail, WINDOW_MS), trail.now)
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
    then, now = _then(trail, HERD_MS), trail.now
    accepts = _accepted_since(then, now)
    clients = sum(accepts.values())
    requests = now.snapshot.counts.requests - then.snapshot.counts.requests
    woken = now.numbers.children_switches - then.numbers.children_switches
    least = WOKEN_SHARE * len(accepts) * max(clients, requests)
    if len(accepts) < WORKERS or clients < ACCEPTED or woken < least:
        return None
    text = (
        f"{len(accepts)} workers were woken {woken:,} times for {many(clients, 'client')}: "
        f"{woken / clients:.1f} for each, of whom one gets it"
    )
    return Said(Level.WATCH, text, pids=tuple(accepts))


def _accepted_since(then: Moment, now: Moment) -> dict[int, int]:
    """How many each worker process has accepted."""
    before = _accepts(then)
    return {pid: accepts - before.get(pid, 0) for pid, accepts in _accepts(now).items()}


def _then(trail: Trail, ms: float) -> Moment:
    """The moment so long ago, or the first one."""
    return (trail.since(ms) or list(trail.before(0)))[0]


def _accepts(moment: Moment) -> dict[int, int]:
    views = moment.snapshot.worker_views
    return {one.pid: one.accepts for one in views if one.depth and not one.task}


RULES = (
    Rule(
        "hot-worker",
        "a listener for each worker (SO_REUSEPORT), or a blocking accept() in each",
        hot_worker,
        confirm_ms=LASTING_MS,
    ),
    Rule(
        "thundering-herd",
        "EPOLLEXCLUSIVE, or a listener for each worker",
        thundering_herd,
        confirm_ms=LASTING_MS,
    ),
)
