"""Numbers in the sentences of findings. Pure."""

from collections.abc import Sequence

from engine.findings.moment import Held

NAMED_MOST = 3


def span(ms: float) -> str:
    """`340 ms`, `1.2 s`."""
    return f"{ms:.0f} ms" if ms < 1_000 else f"{ms / 1_000:.1f} s"


def many(number: int, one: str, several: str = "") -> str:
    """`1 client`, `2 clients`."""
    return f"{number:,} {one if number == 1 else several or one + 's'}"


def size(number: int) -> str:
    """`512 bytes`, `9.1 MB`."""
    return f"{number:,} bytes" if number < 10_000 else f"{number / 1e6:.1f} MB"


def names(held: Sequence[Held]) -> str:
    """`#3`, `#3, #7, #9 and 4 more`."""
    named = ", ".join(f"#{one.number}" for one in held[:NAMED_MOST])
    rest = len(held) - NAMED_MOST
    return f"{named} and {rest} more" if rest > 0 else named


def conns(held: Sequence[Held]) -> tuple[int, ...]:
    """The cookies of them."""
    return tuple(one.conn for one in held)


def pids(held: Sequence[Held]) -> tuple[int, ...]:
    """Their processes, each once."""
    return tuple(dict.fromkeys(one.pid for one in held))
