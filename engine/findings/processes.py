"""Findings about processes: one has died, none is waited for, descriptors and memory that run out. Pure."""

from collections.abc import Callable

from engine.findings.finding import Level, Said
from engine.findings.moment import Moment, Trail
from engine.findings.rule import Rule
from engine.findings.words import many, span

ZOMBIES = 3  # a server that waits for its children may be late for one or two
ZOMBIES_MS = 400.0  # the models wait for theirs every 50 ms
NEAR = 0.9  # of the descriptors: the next crowd takes the rest
SPIN_PER_S = 50  # failed calls to accept; with a pause after each there are some 10
LEAKED = 20  # descriptors: more than any model opens besides its connections
LEAKED_SHARE = 0.5  # of the accepted connections: less is a server's own business
ACCEPTED = 20
GROWN_BYTES = 16_000_000  # an interpreter that warms up takes less
GROWN_EACH_BYTES = 100_000  # for each connection that came and went; buffers are given back


def engine_died(trail: Trail) -> Said | None:
    """The server's process has ended by itself."""
    status = trail.now.status
    if status.phase != "dead" and not (status.restarts and status.last_words):
        return None
    what = status.last_words[0] if status.last_words else "the engine has ended"
    why = status.last_words[-1] if len(status.last_words) > 1 else ""
    text = f"{what}{f': {why}' if why else ''}; clients wait in the accept queue"
    return Said(Level.WARN, text)


def zombies(trail: Trail) -> Said | None:
    """Children have ended, and nobody waits for them."""
    sample = trail.now.numbers
    earlier = [one for one in trail.before(ZOMBIES_MS) if one.numbers is not sample]
    if not earlier:
        return None
    left = set(earlier[-1].numbers.zombie_pids) & set(sample.zombie_pids)
    if len(left) < ZOMBIES:
        return None
    text = (
        f"{many(sample.zombies, 'child has', 'children have')} ended and nobody has waited "
        f"for {'it' if len(left) == 1 else 'them'}: each keeps its entry in the process table"
    )
    parent = trail.now.status.engine_pid
    return Said(Level.WARN, text, pids=(*([parent] if parent else []), *sorted(left)))


def descriptor_limit(trail: Trail) -> Said | None:
    """Descriptors are nearly used up, or accept() fails for want of one, again and again."""
    now = trail.now
    used, limit = now.numbers.descriptors, now.numbers.descriptor_limit
    pid = (now.status.engine_pid,) if now.status.engine_pid else ()
    failed = [event for event in now.errors if event.note in ("EMFILE", "ENFILE")]
    moments = trail.since(400)
    if failed and moments:
        errors = now.snapshot.counts.errors - moments[0].snapshot.counts.errors
        per_s = errors / ((now.now_ns - moments[0].now_ns) / 1e9)
        if per_s >= SPIN_PER_S:
            text = (
                f"accept() failed {per_s:,.0f} times a second for want of a descriptor ({used} of "
                f"{limit} are in use): the client stays in the queue, and wakes the loop at once"
            )
            return Said(Level.WARN, text, pids=(failed[-1].pid,))
    if used is None or not limit or used < NEAR * limit:
        return None
    return Said(Level.WATCH, f"{used:,} of {limit:,} descriptors are in use", pids=pid)


def descriptor_leak(trail: Trail) -> Said | None:
    """Connections come and go, and descriptors stay."""
    recent = trail.samples()  # two of them: one may have been taken in the middle of something
    known = [moment.numbers.descriptors for moment in recent]
    used = [number for number in known if number is not None]
    if not used:
        return None
    grown = _grown(trail, recent, min(used), lambda moment: moment.numbers.descriptors)
    if grown is None:
        return None
    more, accepted, ms = grown
    if more < LEAKED or more < LEAKED_SHARE * accepted:
        return None
    text = (
        f"{more:,} descriptors more than {span(ms)} ago, and no more connections are open: "
        f"{accepted:,} came meanwhile"
    )
    return Said(Level.WARN, text, pids=_engine(trail.now))


def memory_growth(trail: Trail) -> Said | None:
    """Connections come and go, and memory stays."""
    recent = trail.samples()
    if not recent:
        return None
    least = min(moment.numbers.memory_bytes for moment in recent)
    grown = _grown(trail, recent, least, lambda moment: moment.numbers.memory_bytes)
    if grown is None:
        return None
    more, accepted, ms = grown
    if more < GROWN_BYTES or more < GROWN_EACH_BYTES * accepted:
        return None
    text = (
        f"{more / 1e6:.0f} MB more than {span(ms)} ago, and no more connections are open: "
        f"{more / accepted / 1e3:,.0f} KB stayed for each of {accepted:,} that came"
    )
    return Said(Level.WARN, text, pids=_engine(trail.now))


def _grown(
    trail: Trail, recent: list[Moment], least: int, of: Callable[[Moment], int | None]
) -> tuple[int, int, float] | None:
    """(how much more, connections accepted meanwhile, ms) since the moment that shows the most growth.
    Only moments count in which as many connections and threads were there as now, and since which no
    process has come or gone: young ones are small."""
    now = trail.now
    is_open = max(moment.snapshot.counts.open for moment in recent)
    best: tuple[int, int, float] | None = None
    for then in reversed(list(trail.before(0))):
        if then.numbers.processes != now.numbers.processes:
            break
        value = of(then)
        accepted = now.snapshot.counts.accepted - then.snapshot.counts.accepted
        as_many = (
            then.snapshot.counts.open >= is_open and then.numbers.threads >= now.numbers.threads
        )
        if value is None or not as_many or accepted < ACCEPTED:
            continue
        if best is None or least - value > best[0]:
            best = (least - value, accepted, (now.now_ns - then.now_ns) / 1e6)
    return best


def _engine(moment: Moment) -> tuple[int, ...]:
    return (moment.status.engine_pid,) if moment.status.engine_pid else ()


RULES = (
    Rule(
        "engine-died",
        "Press R to start it again; catch what one connection may raise where that connection is served",
        engine_died,
        confirm_ms=0,
    ),
    Rule("zombies", "call waitpid() with WNOHANG in a loop, until it names no child", zombies, 0),
    Rule(
        "descriptor-limit",
        "raise the limit (ulimit -n), close idle connections, and pause after EMFILE",
        descriptor_limit,
    ),
    Rule("descriptor-leak", "close in a with block whatever a request opens", descriptor_leak),
    Rule("memory-growth", "bound what is kept of each connection: a cache needs a limit", memory_growth),
)  # fmt: skip
