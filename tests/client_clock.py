"""What clients measure, against what a snapshot tells: all by CLOCK_MONOTONIC, which processes share.

A client knows of each thing that it did only that it was between two looks at its clock: it, too, may lose
the processor in between. So each time that it measures is a shortest and a longest one.
"""

import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

from tests.serve_driver import Json, Serve
from tests.support import wait_until

_MONOTONIC_COARSE = 6  # of clock_getres(2), for which `time` has no name
JIFFY_MS = time.clock_getres(_MONOTONIC_COARSE) * 1e3
"""The grain of the times in TCP_INFO: that clock moves once in a jiffy. 1 to 10 ms, as Linux was built; not
what SC_CLK_TCK says, which is 100 a second whatever the kernel counts in."""
CLOSE_MS = max(10.0, JIFFY_MS)
"""How far a wait may be from the client's: 10 ms, or that grain, where it is coarser."""
TRIES = 8


class Doing:
    """What a client does, between two looks at its clock."""

    from_s = to_s = 0.0

    def __enter__(self) -> "Doing":
        self.from_s = time.monotonic()
        return self

    def __exit__(self, *_: object) -> None:
        self.to_s = time.monotonic()

    def misses_ms(self, at_ms: float) -> float:
        """How far a time lies outside of it."""
        return max(self.from_s * 1e3 - at_ms, at_ms - self.to_s * 1e3, 0.0)

    def wait_ms(self, until_ms: float) -> tuple[float, float]:
        """From then on: the shortest and the longest that it can have been."""
        return until_ms - self.to_s * 1e3, until_ms - self.from_s * 1e3


def now() -> Doing:
    """This instant."""
    with Doing() as instant:
        pass
    return instant


def off_ms(told_ms: float, since: Doing, until: Doing) -> float:
    """How far a wait that was told lies outside of what it can have been."""
    shortest_ms, _ = since.wait_ms(until.from_s * 1e3)
    _, longest_ms = since.wait_ms(until.to_s * 1e3)
    return max(shortest_ms - told_ms, told_ms - longest_ms, 0.0)


def look(server: Serve) -> tuple[Json, Doing]:
    """A snapshot, and when it was taken."""
    with Doing() as looks:
        shot = server.snapshot()
    return shot, looks


def room_of(server: Serve, name: str, since: Doing) -> dict[str, Any]:
    """A room of the kernel, in which the first has waited since then. The kernel takes the time itself:
    however busy the machine is, it is not late."""
    shot, looks = look(server)
    room: dict[str, Any] = shot["rooms"][name]
    assert off_ms(room["longest_ms"], since, looks) <= CLOSE_MS
    return room


def holds(server: Serve, name: str, number: int) -> Callable[[], bool]:
    """Whether so many are in a room."""
    return lambda: bool(server.snapshot()["rooms"][name]["now"] == number)


def alone_off_ms(
    server: Serve, name: str, since: Doing, client: AbstractContextManager[object]
) -> float:
    """By how much that is wrong for which a client has been in a room, alone. It leaves."""
    with client:
        wait_until(holds(server, name, 1), what=name)
        shot, looks = look(server)
        assert shot["rooms"][name]["now"] == 1
    wait_until(holds(server, name, 0), what=f"nobody in {name}")
    return off_ms(shot["rooms"][name]["longest_ms"], since, looks)


def is_close(off: Callable[[], float]) -> bool:
    """Whether what is told is as long as what the client measured, at the best of some tries. A server that
    loses the processor sees later what a client has done, and says so: that is no error of its clock, which
    would be there each time."""
    return any(off() <= CLOSE_MS for _ in range(TRIES))
