"""Findings about threads and processes that clients hold: silent ones, idle ones, and the lock. Pure."""

from engine.findings.finding import Level, Said
from engine.findings.moment import Held, Moment, Trail
from engine.findings.rule import Rule
from engine.findings.words import conns, many, names, pids, span
from engine.views.snapshot import State

WAITED_MS = 400.0  # by a client that nobody turns to
SILENT_MS = 400.0  # of those that hold the workers
DESCRIPTORS_NEAR = 0.9
# A call that waits for the lock once: sys.getswitchinterval() is 5 ms, more where the machine is crowded.
CONVOY_MS = (4.5, 20.0)
CONVOY_PERCENT = 20  # of a core: somebody computes, also where others want the processor
CONVOY_REQUESTS = (
    5,
    250,
)  # a second: fewer tell nothing, and the lock changes hands 200 times at most
SMALL_BYTES = 65_536  # of an answer: one that fits into the send buffer is handed over at once


def pool_starved(trail: Trail) -> Said | None:
    """Clients that send nothing whole hold the workers, and others wait."""
    holders, waiting = _holders(trail.now, State.ACCEPTED, State.READING)
    if not holders:
        return None
    text = (
        f"{many(len(holders), 'client that has', 'clients that have')} sent no whole request "
        f"({names(holders)}) for {span(holders[0].silent_ms)} {_hold(holders)}; "
        f"{many(waiting, 'other waits', 'others wait')}"
    )
    return Said(Level.WARN, text, conns(holders), pids(holders))


def keep_alive_pins(trail: Trail) -> Said | None:
    """Connections that are kept alive hold the workers, and others wait."""
    holders, waiting = _holders(trail.now, State.IDLE)
    if not holders:
        return None
    text = (
        f"{many(len(holders), 'idle connection', 'idle connections')} ({names(holders)}), kept alive for "
        f"{span(holders[0].silent_ms)}, {_hold(holders)}; {many(waiting, 'client waits', 'clients wait')}"
    )
    return Said(Level.WARN, text, conns(holders), pids(holders))


def _hold(holders: list[Held]) -> str:
    return "hold the workers" if len(holders) > 1 else "holds the worker"


def _holders(now: Moment, *states: State) -> tuple[list[Held], int]:
    """Those in these states that hold the workers, if most do that are open and nobody works; and how
    many wait for a worker."""
    waiting = now.waiting(WAITED_MS)
    used, limit = now.numbers.descriptors, now.numbers.descriptor_limit
    if used is not None and used >= DESCRIPTORS_NEAR * limit:
        return [], 0  # it is for want of descriptors that they wait
    if not waiting or now.holding(State.HANDLER, State.UNSENT, at_least_ms=0):
        return [], 0
    quiet = [
        one
        for one in now.held
        if one.silent_ms >= SILENT_MS and one.kernel is not None and not one.kernel.receive_queue
    ]
    found = [one for one in quiet if one.state in states]
    if not found or 2 * len(found) <= len(quiet) or 2 * len(quiet) < _taken_up(now):
        return [], 0
    return sorted(found, key=lambda one: -one.silent_ms), waiting


def _taken_up(now: Moment) -> int:
    """Open connections but those that wait inside for a worker. Who waits in the queue of the server may
    be among the unread, too, where there is too much to tell of each."""
    waits = (now.kernel.rooms.get("unread"), now.snapshot.rooms.get("app_queue"))
    return now.snapshot.counts.open - max(room.now if room is not None else 0 for room in waits)


def lock_convoy(trail: Trail) -> Said | None:
    """A thread computes, and each of the others waits for the interpreter's lock at each call."""
    now = trail.now
    rooms = [now.snapshot.rooms.get(name) for name in ("handler", "unsent")]
    p50_ms = max([room.p50_ms or 0.0 for room in rooms if room], default=0.0)
    least, most = CONVOY_MS
    if not least <= p50_ms <= most or now.numbers.threads <= now.numbers.processes:
        return None
    per_s = now.snapshot.requests_per_s
    is_small = now.snapshot.bytes_out_per_s < SMALL_BYTES * per_s
    is_busy = now.numbers.cpu_percent >= CONVOY_PERCENT and not now.is_starved
    fewest, most = CONVOY_REQUESTS
    if not (is_small and is_busy and fewest <= per_s <= most):
        return None
    text = (
        f"Half of the answers take {p50_ms:.1f} ms, {per_s:.0f} a second, while threads use "
        f"{now.numbers.cpu_percent:.0f} % of a core: one computes, and the others wait for the "
        "interpreter's lock at each call"
    )
    engine = now.status.engine_pid
    return Said(Level.WARN, text, pids=(engine,) if engine else ())


RULES = (
    Rule(
        "pool-starved",
        "a short time-out for a request's head, more workers, or a loop in front of them",
        pool_starved,
    ),
    Rule(
        "keep-alive-pins",
        "short connections, a short idle time-out, or a loop that keeps the idle ones",
        keep_alive_pins,
    ),
    Rule("lock-convoy", "compute in a process of its own", lock_convoy, confirm_ms=0),
)
