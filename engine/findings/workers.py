"""Findings about workers that share a listener: who is woken, and who gets the clients. Pure."""

from engine.findings.finding import Level, Said
from engine.findings.moment import Moment, Trail
from engine.findings.rule import Rule
from engine.findings.words import many

WORKERS = 3  # of two, one is always ahead
WINDOW_MS = 2_000.0
ACCEPTED = 100  # fewer fall as dice do
HOT_SHARE = 0.5  # more than all the others together; a hand-over by epoll alone gives three in ten
# epoll wakes the worker that fell asleep last, so models that wait so for clients lean to one. As long as it
# has one of two processors to itself, it gets half of the clients by nobody's fault.
LEAN_BY_NATURE, LEANING_SHARE = ("prefork-epoll",), 0.8
# With fewer clients the workers that look up by themselves, twenty times a second each, would weigh too much.
HERD_MS, HERD_CLIENTS = 2_000.0, 70
LASTING_MS = (
    700.0  # when load begins, the workers that sleep are not yet all awake; one that is ahead
)
HOT_LASTING_MS = 500.0  # of all the others together stays so for less
WAKE_ALL_BY_NATURE = ("prefork-epoll",)  # models that wake all workers for each client
WORKERS_MANY = 16  # from so many on it is a failure there, too
WOKEN_SHARE = 0.85  # of the workers, for each request; when all are at work fewer sleep


def hot_worker(trail: Trail) -> Said | None:
    """One worker gets most of the clients."""
    accepts = _accepted_since(_then(trail, WINDOW_MS), trail.now)
    total = sum(accepts.values())
    if len(accepts) < WORKERS or total < ACCEPTED:
        return None
    pid, most = max(accepts.items(), key=lambda item: item[1])
    leans = trail.now.status.model in LEAN_BY_NATURE
    if most <= (LEANING_SHARE if leans else HOT_SHARE) * total:
        return None
    text = f"Worker {pid} took {most:,} of the last {total:,} clients; {len(accepts)} share the listener"
    return Said(Level.WATCH, text, pids=(pid,))


def thundering_herd(trail: Trail) -> Said | None:
    """Many workers are woken for each client, and one of them gets it. Of a model that does so by its
    nature it is said when they are a crowd."""
    then, now = _then(trail, HERD_MS), trail.now
    accepts = _accepted_since(then, now)
    clients = sum(accepts.values())
    requests = now.snapshot.counts.requests - then.snapshot.counts.requests
    woken = now.numbers.children_switches - then.numbers.children_switches
    least = WOKEN_SHARE * len(accepts) * max(clients, requests)
    if len(accepts) < WORKERS or clients < HERD_CLIENTS or woken < least:
        return None
    if trail.now.status.model in WAKE_ALL_BY_NATURE and len(accepts) < WORKERS_MANY:
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
        confirm_ms=HOT_LASTING_MS,
    ),
    Rule(
        "thundering-herd",
        "EPOLLEXCLUSIVE, or a listener for each worker",
        thundering_herd,
        confirm_ms=LASTING_MS,
    ),
)
