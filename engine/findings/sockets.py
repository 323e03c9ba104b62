"""Findings about sockets: who keeps them open, what lies in them, and in front of the listener. Pure."""

from collections.abc import Sequence

from engine.findings.finding import Level, Said
from engine.findings.moment import MS, Dropped, Held, Moment, Reset, Trail
from engine.findings.rule import Rule
from engine.findings.words import NAMED_MOST, conns, many, names, pids, size, span
from engine.views.kernel_numbers import KernelView
from engine.views.queues import queue_of_each
from engine.views.snapshot import State

COPY_MS = 300.0  # a parent gives its copy up in less
FULL, NEARLY_FULL = 1.0, 0.8  # of the accept queue
LEFT_MS, LEFT = 500.0, 3  # in CLOSE_WAIT; one alone may be late
LEFT_ALONE_MS = 3_000.0
UNSENT_MS = 1_000.0  # without a byte taken
LOST_MS, LOST_BYTES = 400.0, 100  # of an answer that was made: no more than a line of its head
EPHEMERAL_PORTS = 28_232  # ip(7): net.ipv4.ip_local_port_range, 32768 to 60999; where nobody tells
PORTS_NEAR = 0.5
SEGMENT_BYTES = 65_483  # of the loopback; Nagle's algorithm holds back less than one
NAGLE_MS = 250.0
NAGLE_SHARE = 0.6  # of the looks


def stranger_closed(trail: Trail) -> Said | None:
    """A thread's descriptor was closed by somebody else."""
    found = [event for event in trail.now.errors if event.note == "EBADF" and event.conn]
    if not found:
        return None
    text = (
        f"{found[-1].task} met EBADF: its descriptor {found[-1].fd} was closed by somebody else, who "
        "closed by a number"
    )
    told = dict.fromkeys(event.conn for event in reversed(found))
    return Said(Level.WARN, text, tuple(told), (found[-1].pid,))


def shared_descriptor(trail: Trail) -> Said | None:
    """A connection was closed, and another process still has a copy: no FIN is sent."""
    found = [copy for copy in trail.now.copies if copy.for_ms >= COPY_MS]
    if not found:
        return None
    worst = max(found, key=lambda copy: copy.for_ms)
    holders = tuple(dict.fromkeys(pid for copy in found for pid in copy.pids))
    who = " and ".join(map(str, worst.pids)) or "another process"
    text = (
        f"#{worst.number} was closed {span(worst.for_ms)} ago, and {who} still holds a copy of its "
        "descriptor: no FIN is sent, and the client waits"
    )
    if len(found) > 1:
        text += f"; so do {len(found) - 1} more"
    return Said(Level.WARN, text, tuple(copy.conn for copy in found), holders)


def accept_queue(trail: Trail) -> Said | None:
    """The accept queue is full: further clients are not even connected."""
    waiting, limit, whose = _fullest_queue(trail.now)
    if waiting is None or not limit or waiting < NEARLY_FULL * limit:
        return None
    retry = trail.now.kernel.rooms.get("syn_retry")
    of = f", that of pid {whose[0]} alone" if whose else ""
    text = f"{waiting:,} clients wait in an accept queue for {limit:,}{of}"
    if retry and retry.now:
        text += f", and {many(retry.now, 'repeats its SYN', 'repeat their SYN')}"
    is_full = waiting >= FULL * limit
    if is_full:
        text += ": the kernel drops each further SYN, and a client repeats it after a second"
    return Said(Level.WARN if is_full else Level.WATCH, text, pids=whose)


def _fullest_queue(now: Moment) -> tuple[int | None, int | None, tuple[int, ...]]:
    """Its length, its limit, and the worker that takes from it, if it is its own. What is full lets nobody
    in, though there be room in the queues of other sockets of the port."""
    numbers, queues = now.numbers, now.kernel.queues
    if len(queues) < 2:
        return numbers.accept_queue, numbers.accept_queue_limit, ()
    fullest = max(queues, key=lambda one: one.length / max(one.limit, 1))
    owners = queue_of_each(now.snapshot.worker_views, queues)
    whose = tuple(pid for pid, one in owners.items() if one == fullest)
    return fullest.length, fullest.limit, whose


def queue_lost(trail: Trail) -> Said | None:
    """A listener was closed, and with it those that waited in its queue."""
    lost = len(trail.now.lost)
    if not lost:
        return None
    text = (
        f"A listener was closed with {many(lost, 'client')} in its queue, connected and not accepted: the "
        f"kernel resets {'it' if lost == 1 else 'them'}, though other listeners of the port go on"
    )
    engine = trail.now.status.engine_pid
    return Said(Level.WARN, text, pids=(engine,) if engine else ())


def close_wait(trail: Trail) -> Said | None:
    """Clients have closed, and the server does not."""
    now_ns = trail.now.now_ns
    left_ms = {
        one: _left_ms(one, one.kernel, now_ns)
        for one in trail.now.held
        if one.kernel is not None
        and one.kernel.state == "CLOSE_WAIT"
        and one.state not in (State.HANDLER, State.UNSENT)
    }
    left = sorted(
        [one for one in left_ms if left_ms[one] >= LEFT_MS], key=lambda one: -left_ms[one]
    )
    if not left or (len(left) < LEFT and left_ms[left[0]] < LEFT_ALONE_MS):
        return None
    first = left[0].kernel
    known = f", for {span(left_ms[left[0]])}" if first is not None and first.left_ns else ""
    text = (
        f"{many(len(left), 'client has', 'clients have')} closed ({names(left)}), and the server has "
        f"not{known}: CLOSE_WAIT ends only when it closes"
    )
    return Said(Level.WARN if len(left) >= LEFT else Level.WATCH, text, conns(left), pids(left))


def _left_ms(one: Held, kernel: KernelView, now_ns: int) -> float:
    """In CLOSE_WAIT; where the kernel does not tell, as long as nothing was done with it, or less."""
    return (now_ns - kernel.left_ns) / MS if kernel.left_ns else one.silent_ms


def unsent(trail: Trail) -> Said | None:
    """A client does not take its answer."""
    now = trail.now
    slow = [
        one
        for one in now.holding(State.UNSENT, at_least_ms=UNSENT_MS)
        if one.silent_ms >= UNSENT_MS and one.kernel is not None and one.kernel.send_queue
    ]
    if not slow:
        return None
    worst = slow[0]
    text = (
        f"{names(slow)}: nothing of the answer to {worst.path} was taken for {span(worst.silent_ms)}, "
        f"{size(worst.missing_bytes)} are left"
    )
    behind = now.waiting(UNSENT_MS / 3) if now.has_one_thread else 0
    if behind:
        text += f"; {many(behind, 'client waits', 'clients wait')} behind it"
    return Said(Level.WARN if behind else Level.WATCH, text, conns(slow), pids(slow))


def no_length(trail: Trail) -> Said | None:
    """An answer went out shorter than it was made, and nothing of it is left to send."""
    short = [
        one
        for one in trail.now.holding(State.UNSENT, at_least_ms=LOST_MS)
        if one.silent_ms >= LOST_MS
        and 0 < one.missing_bytes <= LOST_BYTES
        and one.kernel is not None
        and one.kernel.state == "ESTABLISHED"
        and not one.kernel.send_queue
    ]
    if not short:
        return None
    worst = short[0]
    text = (
        f"{names(short)}: {worst.missing_bytes} bytes of the answer to {worst.path} were left out, as many "
        f"as a header like Content-Length has, {span(worst.silent_ms)} ago, and the connection stays open: "
        "the client cannot tell where the answer ends"
    )
    return Said(Level.WARN, text, conns(short), pids(short))


def nagle(trail: Trail) -> Said | None:
    """Small rests of answers are held back again and again until the client acknowledges."""
    moments = trail.since(NAGLE_MS)
    if len(moments) < 3:
        return None
    seen: dict[int, list[Held]] = {}
    for moment in moments:
        for one in _held_back(moment):
            seen.setdefault(one.conn, []).append(one)
    found = [
        one[-1]
        for one in seen.values()
        if len(one) >= NAGLE_SHARE * len(moments) and one[-1].requests > one[0].requests + 1
    ]
    if not found or not found[0].kernel:
        return None
    per_s = (seen[found[0].conn][-1].requests - seen[found[0].conn][0].requests) / (
        (trail.now.now_ns - moments[0].now_ns) / 1e9
    )
    text = (
        f"{names(found)}: {found[0].kernel.not_sent:,} bytes of an answer are held back until the client "
        f"acknowledges those before (Nagle, delayed ACK): {1e3 / per_s:.0f} ms for each request"
    )
    return Said(Level.WATCH, text, conns(found), pids(found))


def _held_back(moment: Moment) -> list[Held]:
    """Whose last answer is all handed to the kernel, and not all sent."""
    return [
        one
        for one in moment.held
        if one.state is State.IDLE and one.kernel and 0 < one.kernel.not_sent < SEGMENT_BYTES
    ]


def reset_on_close(trail: Trail) -> Said | None:
    """The server has closed while bytes of its client lay unread."""
    found = trail.now.resets
    if not found:
        return None
    text = (
        f"closed by the server with {size(found[-1].unread_bytes)} unread that the client had sent: "
        "the kernel sends a reset, and an answer that is on its way may be lost"
    )
    return _of_closed(Level.WARN, found, text)


def half_close(trail: Trail) -> Said | None:
    """The server took the end of a client's stream for the client's end, and did not answer."""
    found = trail.now.dropped
    if not found:
        return None
    text = (
        f"closed without an answer to {found[-1].path}, since the client had ended its half of the "
        "connection: who sends no more may still be reading"
    )
    return _of_closed(Level.WATCH, found, text)


def _of_closed(level: Level, found: Sequence[Reset | Dropped], text: str) -> Said:
    """Of connections that are closed, the last of them named."""
    named = ", ".join(f"#{one.number}" for one in found[-NAMED_MOST:])
    more = f"; so were {len(found) - NAMED_MOST} more" if len(found) > NAMED_MOST else ""
    pids = tuple(dict.fromkeys(one.pid for one in found))
    return Said(level, f"{named}: {text}{more}", tuple(one.conn for one in reversed(found)), pids)


def time_wait(trail: Trail) -> Said | None:
    """Clients on this machine close first, and their ports run out."""
    kernel = trail.now.kernel
    there, ports = kernel.client_time_wait, kernel.client_ports or EPHEMERAL_PORTS
    if there is None or there < PORTS_NEAR * ports:
        return None
    text = (
        f"{there:,} ports of clients on this machine are in TIME_WAIT, for a minute each, of "
        f"{ports:,}: no port, no connection (EADDRNOTAVAIL)"
    )
    return Said(Level.WARN, text)


RULES = (
    Rule(
        "stranger-closed",
        "let one owner close each descriptor, by its object and never by its number",
        stranger_closed,
        confirm_ms=0,
    ),
    Rule(
        "shared-descriptor",
        "close the parent's copy right after fork()",
        shared_descriptor,
    ),
    Rule(
        "accept-queue",
        "a larger backlog (--backlog, net.core.somaxconn), and accept faster",
        accept_queue,
        confirm_ms=0,
    ),
    Rule(
        "queue-lost",
        "steer new clients away (SO_ATTACH_REUSEPORT_CBPF), accept those that are queued, then close",
        queue_lost,
        confirm_ms=0,
    ),
    Rule("close-wait", "close when recv() returns nothing; a with block does it", close_wait),
    Rule(
        "unsent",
        "a send time-out, and never a blocking send in a thread that others wait for",
        unsent,
    ),
    Rule("no-length", "send Content-Length, or close after the answer", no_length),
    Rule(
        "nagle",
        "send head and body in one call, or set TCP_NODELAY",
        nagle,
        confirm_ms=0,
    ),
    Rule(
        "reset-on-close",
        "shutdown(SHUT_WR), read what is on its way (for a second at most), then close",
        reset_on_close,
        confirm_ms=0,
    ),
    Rule(
        "half-close",
        "answer what was asked before the end of the stream, then close",
        half_close,
        confirm_ms=0,
    ),
    Rule("time-wait", "keep connections alive, and let the server close first", time_wait),
)
