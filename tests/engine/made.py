"""Events made by hand."""

from typing import Any

from engine.events import Event, Kind

MS = 1_000_000
SECOND = 1_000 * MS
EMPTY = Event(0, 0, Kind.TICK, 0, 5, 10, "MainThread", 0, 0, "")


def event(kind: Kind, conn: int, at_ns: int, **fields: Any) -> Event:
    """Of process 10, descriptor 5, unless told otherwise."""
    return EMPTY._replace(kind=kind, conn=conn, at_ns=at_ns, **fields)
