"""The columns of a comparison, and its sentences; the same in the terminal, in Markdown and in HTML."""

from collections.abc import Callable

from engine.compare.report import Comparison
from engine.compare.standing import Standing
from engine.compare.sweep import Sweep
from engine.load.figures import HINDERED
from engine.views.rooms import ROOMS
from tui.format import count, milliseconds, rate, size

WAITING = ("syn_retry", "accept_queue", "unread", "app_queue", "handler", "unsent")
"""The rooms in which a request waits for its answer; in the others nobody does."""
TOLD_FROM = 0.1  # of those who wait
LEFT_OUT = "*"

COLUMNS: dict[str, Callable[[Standing], str]] = {
    "requests/s": lambda one: rate(one.requests_per_s),
    "spread": lambda one: spread(one),
    "p50": lambda one: milliseconds(one.p50_ms),
    "p90": lambda one: milliseconds(one.p90_ms),
    "p99": lambda one: milliseconds(one.p99_ms),
    "max": lambda one: milliseconds(one.max_ms),
    "waits in": lambda one: waits_in(one),
    "CPU/request": lambda one: "-" if one.cpu_us is None else f"{one.cpu_us:,.0f} us",
    "memory/conn": lambda one: "-" if one.memory_bytes is None else size(one.memory_bytes),
    "processes": lambda one: str(one.processes),
    "threads": lambda one: str(one.threads),
    "fds": lambda one: "-" if one.descriptors is None else str(one.descriptors),
}


def by_mode(told: Comparison) -> dict[str, list[Standing]]:
    """In the order of the report."""
    modes: dict[str, list[Standing]] = {}
    for one in told.standings:
        modes.setdefault(one.mode, []).append(one)
    return modes


def name(one: Standing) -> str:
    """A star: the verdict leaves it out."""
    return one.model + ("" if one.is_fair else LEFT_OUT)


def spread(one: Standing) -> str:
    """Requests/s of the worst and of the best round that the verdict takes in."""
    least, most = one.spread
    return f"{rate(least)} to {rate(most)}" if one.rounds_per_s else "-"


def shares(one: Standing) -> dict[str, float]:
    """Room -> share of the requests that waited there, most first."""
    means = {room: (one.waits or {}).get(room) or 0.0 for room in WAITING}
    total = sum(means.values())
    told = {room: mean / total for room, mean in means.items() if mean} if total else {}
    return dict(sorted(told.items(), key=lambda pair: -pair[1]))


def waits_in(one: Standing) -> str:
    """`unread 97 %`, and other rooms that matter."""
    told = [
        f"{ROOMS[room].title} {share:.0%}".replace("%", " %")
        for room, share in shares(one).items()
        if share >= TOLD_FROM
    ]
    return ", ".join(told) or "-"


def title(told: Comparison) -> str:
    """What was done."""
    under = told.conditions
    what = f"--app {under.app} {under.path}" if under.app else under.path
    return (
        f"{what}, {count(under.connections)} connections, {under.seconds:g} s, "
        f"{told.rounds} rounds, interleaved"
    )


def terms(told: Comparison) -> str:
    """When, and under which conditions."""
    under = told.conditions
    pinned = "server and client on processors of their own" if under.pin else "not pinned"
    traced = "watched" if under.trace else "not watched"
    made = f"{told.made}, " if told.made else ""
    return f"{made}{traced}, {pinned}, Python {under.python}, {under.system}, {under.processors} processors"


def verdicts(told: Comparison) -> list[str]:
    """A sentence for each."""
    return [f"{each.mode}, {each.figure}: {each.words}" for each in told.verdicts]


def notes(told: Comparison) -> list[str]:
    """What must be known to read the figures."""
    found = [
        f"{one.model}, {one.mode}: {note}"
        for one in told.standings
        for note in ((one.failure,) if one.failure else one.notes)
    ]
    if any(not one.is_fair for one in told.standings):
        found.append(f"{LEFT_OUT} the verdict leaves it out")
    if not told.is_whole:
        found.append("ended early: not all that was asked has been done")
    return found


def knee(one: Sweep) -> str:
    """Where the rate was no longer met."""
    where = f"{one.model}, {one.mode}: "
    if one.failure:
        return where + one.failure
    if one.knee_per_s is None:
        return f"{where}not even the lowest rate was met"
    missed = [point for point in one.points if not point.is_met]
    if not missed:
        limit = ", the highest rate that was tried"
    elif (hindered := missed[0].client) in HINDERED:
        limit = f", and no further for the client's sake ({hindered.partition(':')[0]})"
    elif connections := missed[0].capped_at:
        limit = f" with {count(connections)} connections; more may carry more"
    else:
        limit = ""
    return f"{where}keeps up to {rate(one.knee_per_s)} requests/s{limit}"
