"""Which processors this process may use, and so who is started by it: threads and forks inherit it.

To pin a server, be on its processors while it is started; then move to the client's.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager


def allowed() -> tuple[int, ...]:
    """Those that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return tuple(sorted(os.sched_getaffinity(0)))
    return tuple(range(os.cpu_count() or 1))


def halves(cores: tuple[int, ...]) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """For the server, and for its client. Raises ValueError: there are not two, or no choice."""
    if not hasattr(os, "sched_setaffinity"):
        raise ValueError("only Linux lets a process choose its processors")
    if len(cores) < 2:
        raise ValueError("one processor cannot be shared out between server and client")
    return cores[: len(cores) // 2], cores[len(cores) // 2 :]


@contextmanager
def on(cores: tuple[int, ...]) -> Iterator[None]:
    """What is started within runs there; empty: anywhere."""
    if not cores:
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cores)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)
