"""A look for findings, as a recording tells it: what the kernel said of the connections that mattered, and
which closed ones were still open. Only what differs from the look before stands in it. Pure.
"""

from collections.abc import Mapping
from dataclasses import astuple, dataclass, field
from typing import Any

from engine.findings.moment import Copy, Moment
from engine.views.kernel_numbers import KernelView

VIEWS_MOST = 400  # in one line, which has a limit; further ones are told with the next look
COPIES_MOST, HOLDERS_MOST = 32, 8

Seen = tuple[KernelView, int]
"""A connection as the kernel saw it, and since when (ns) it has had bytes to read; 0: it has none."""


@dataclass(frozen=True, slots=True)
class LookTold:
    """That findings were looked for, and what had changed since the look before."""

    seen: Mapping[int, Seen] = field(default_factory=dict)
    """By conn."""
    gone: tuple[int, ...] = ()
    """Of these the kernel tells no longer, or it matters no longer."""
    copies: tuple[Copy, ...] = ()
    """All of them, each time."""


def seen_at(moment: Moment, unread_since_ns: Mapping[int, int]) -> dict[int, Seen]:
    """What a look saw, by conn."""
    return {
        one.conn: (one.kernel, unread_since_ns.get(one.conn, 0))
        for one in moment.held
        if one.kernel is not None
    }


def difference(
    before: Mapping[int, Seen], now: Mapping[int, Seen], copies: tuple[Copy, ...]
) -> LookTold:
    """What leads from one look to the next, as far as one line has room for it."""
    fresh = [(conn, seen) for conn, seen in now.items() if before.get(conn) != seen]
    gone = [conn for conn in before if conn not in now]
    told = tuple(copy._replace(pids=copy.pids[:HOLDERS_MOST]) for copy in copies[:COPIES_MOST])
    return LookTold(dict(fresh[:VIEWS_MOST]), tuple(gone[:VIEWS_MOST]), told)


def apply(told: LookTold, seen: dict[int, Seen]) -> None:
    """Lead on what was seen at the look before to this one."""
    seen.update(told.seen)
    for conn in told.gone:
        seen.pop(conn, None)


def look_values(told: LookTold) -> dict[str, Any]:
    """In the form in which it is told; what is empty is left out."""
    values = {
        "seen": {str(conn): [*astuple(view), since] for conn, (view, since) in told.seen.items()},
        "gone": list(told.gone),
        "copies": [[*copy[:3], list(copy.pids)] for copy in told.copies],
    }
    return {name: value for name, value in values.items() if value}
