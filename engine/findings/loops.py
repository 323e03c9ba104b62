"""Findings about event loops and other only threads: what holds them up, or never lets them rest. Pure."""

from statistics import mean

from engine.findings.finding import Level, Said
from engine.findings.moment import Held, Moment, Trail
from engine.findings.rule import Rule
from engine.findings.words import conns, many, names, pids, span
from engine.views.snapshot import State

BLOCKED_MS = 300.0  # in the handler; on a busy machine a process may get no processor for 200 ms
BEHIND_MS = 150.0
COMPUTES_PERCENT = 60  # of a core: then it works, else it sleeps
RESTS_PERCENT = 50
CALLS_PER_S = 2_000  # that had nothing to do: a loop that sleeps makes some hundred at most
POLLED_MS = 800.0  # the breath between two loads is shorter
CALLS_EACH = (
    1_000  # for each request; polling sixteen clients takes ten, on a crowded machine hundreds
)
ASK_BY_NATURE = ("polling",)  # models whose loop never rests: that is how they work, and no failure
SILENT_MANY = (
    20  # clients whom such a loop asks in vain; a browser keeps six connections, `wrk` sixteen
)
SILENT_MS = 1_000.0  # on a crowded machine clients that have much to ask may be silent for less
BURNS_PERCENT = (
    12  # of a core, as a mean: with less, the machine has no processor for it, nor for them
)
PAUSED_MS = 20.0  # between two rounds
PAUSED_SHARE = 0.6  # of the looks of
PAUSED_LOOKS_MS = 500.0
HALF_READ_MS = 400.0


def head_of_line(trail: Trail) -> Said | None:
    """The only thread is in one request, and others wait behind it."""
    blocker = _blocker(trail.now)
    if blocker is None or _kind_of(blocker):
        return None
    return _blocked(trail.now, blocker, "")


def loop_blocked(trail: Trail) -> Said | None:
    """A coroutine blocks its loop; or a loop sleeps between its rounds."""
    blocker = _blocker(trail.now)
    if blocker is None:
        return _paused(trail)
    is_busy = trail.now.numbers.cpu_percent >= COMPUTES_PERCENT
    if _kind_of(blocker) == "Task" or (_kind_of(blocker) == "greenlet" and is_busy):
        how = "computes" if is_busy else "blocks instead of awaiting"
        return _blocked(trail.now, blocker, f" and {how}")
    return None


def unpatched(trail: Trail) -> Said | None:
    """A greenlet is in a call that gevent has not patched: no other one runs."""
    blocker = _blocker(trail.now)
    if blocker is None or _kind_of(blocker) != "greenlet":
        return None
    if trail.now.numbers.cpu_percent >= COMPUTES_PERCENT:
        return None
    return _blocked(trail.now, blocker, " in a call that blocks the thread of all greenlets")


def _blocker(now: Moment) -> Held | None:
    """The request that the only thread of a process is in while others wait for that thread."""
    if not now.has_one_thread or not now.waiting(BEHIND_MS):
        return None
    busy = now.holding(State.HANDLER, at_least_ms=BLOCKED_MS)
    for one in busy:
        if now.numbers.processes == 1 and one.pid == now.status.engine_pid:
            return one
        if any(other.pid == one.pid and _has_unread(other) for other in now.held):
            return one
    return None


def _blocked(now: Moment, blocker: Held, how: str) -> Said:
    behind = now.waiting(BEHIND_MS)
    of = f" of process {blocker.pid}" if now.numbers.processes > 1 else ""
    text = (
        f"The only thread{of} has been in {blocker.path or 'a request'} (#{blocker.number}) for "
        f"{span(blocker.for_ms)}{how}; {many(behind, 'waits', 'wait')} behind it"
    )
    waiters = [one.conn for one in now.held if _has_unread(one) and one.conn != blocker.conn]
    return Said(Level.WARN, text, (blocker.conn, *waiters), (blocker.pid,))


def _kind_of(blocker: Held) -> str:
    """`Task` of a coroutine, `greenlet`; empty: it has a thread of its own."""
    kind = blocker.task.partition("-")[0]
    return kind if kind in ("Task", "greenlet") else ""


def _has_unread(one: Held) -> bool:
    """Its client waits."""
    return _lies_unread(one) and one.kernel is not None and one.kernel.state == "ESTABLISHED"


def _lies_unread(one: Held) -> bool:
    return one.kernel is not None and one.kernel.receive_queue > 0


def _paused(trail: Trail) -> Said | None:
    looks = {id(one.kernel): one for one in trail.since(PAUSED_LOOKS_MS)}
    moments = list(looks.values())
    if len(moments) < 3:
        return None
    now = trail.now
    requests = now.snapshot.counts.requests - moments[0].snapshot.counts.requests
    waits = [room.longest_ms or 0 for one in moments if (room := one.kernel.rooms.get("unread"))]
    late = [ms for ms in waits if ms >= PAUSED_MS]
    is_resting = all(
        one.has_one_thread
        and not any(worker.depth for worker in one.snapshot.worker_views)  # who come and go
        and not one.is_starved
        and one.numbers.cpu_percent < RESTS_PERCENT
        and not one.holding(State.HANDLER, State.UNSENT, at_least_ms=0)
        for one in moments
    )
    told = [one for moment in moments for one in moment.held]
    if any(one.state is State.READING and _lies_unread(one) for one in told):
        return None  # it is not told of these: half_read_edge()
    if not requests or not is_resting or len(late) < PAUSED_SHARE * len(moments):
        return None
    text = (
        f"The loop rests while bytes wait for it, up to {span(max(late))}: nothing is in its handler, and "
        f"it uses {now.numbers.cpu_percent:.0f} % of a core"
    )
    # Not only those of this moment, in which it may have just read them.
    unread = {one.conn: one for one in told if _has_unread(one)}
    return Said(Level.WATCH, text, tuple(unread), pids(tuple(unread.values())))


def busy_polling(trail: Trail) -> Said | None:
    """A loop asks, or is woken, without end, and there is nothing to do. One that asks by its nature is
    spoken of only when a crowd says nothing: then each answer waits for all of them to be asked."""
    is_natural = trail.now.status.model in ASK_BY_NATURE
    moments = trail.since(SILENT_MS if is_natural else POLLED_MS)
    if not moments:
        return None
    then, now = moments[0].snapshot.counts, trail.now.snapshot.counts
    seconds = (trail.now.now_ns - moments[0].now_ns) / 1e9
    calls = now.wakeups + now.would_block - then.wakeups - then.would_block
    requests = now.requests - then.requests
    if calls < CALLS_PER_S * seconds or calls < CALLS_EACH * requests:
        return None
    is_burning = mean(one.numbers.cpu_percent for one in moments) >= BURNS_PERCENT
    if is_natural and not (is_burning and now.open >= SILENT_MANY):
        return None
    text = (
        f"{calls / seconds:,.0f} calls a second had nothing to do, for {requests / seconds:,.0f} "
        f"requests, at {trail.now.numbers.cpu_percent:.0f} % of a core"
    )
    busiest = max(trail.now.snapshot.worker_views, key=lambda one: one.wakeups + one.would_block)
    return Said(Level.WARN, text, pids=(busiest.pid,))


def half_read_edge(trail: Trail) -> Said | None:
    """A part of a request was read, the rest lies in the socket, and the loop does nothing."""
    now = trail.now
    is_idle = not now.holding(State.HANDLER, State.UNSENT, at_least_ms=0) and not now.is_starved
    if not now.has_one_thread or not is_idle:
        return None
    stuck = [
        one for one in now.holding(State.READING, at_least_ms=HALF_READ_MS) if _has_unread(one)
    ]
    stuck = [one for one in stuck if one.silent_ms >= HALF_READ_MS]
    if not stuck:
        return None
    worst = stuck[0]
    assert worst.kernel is not None
    text = (
        f"{names(stuck)}: a part of a request was read, {worst.kernel.receive_queue:,} bytes more lie "
        f"unread, for {span(worst.silent_ms)}, and the loop is not told of them again"
    )
    return Said(Level.WARN, text, conns(stuck), pids(stuck))


RULES = (
    Rule(
        "head-of-line",
        "never block in a loop: wait by its clock, or hand slow work to a thread or process",
        head_of_line,
        confirm_ms=0,
    ),
    Rule(
        "loop-blocked",
        "await what waits (asyncio.sleep, to_thread), and let the kernel end the loop's sleep",
        loop_blocked,
        confirm_ms=0,
    ),
    Rule(
        "unpatched",
        "gevent.monkey.patch_all() before anything else is imported; no calls that it does not patch",
        unpatched,
        confirm_ms=0,
    ),
    Rule("half-read-edge", "edge-triggered: read until EAGAIN, each time", half_read_edge),
    Rule(
        "busy-polling",
        "let the kernel say who is ready (select, poll, epoll), and unregister before close()",
        busy_polling,
    ),
)
