"""Which connections a table shows, and in which order."""

from dataclasses import dataclass

COLUMNS = (
    "#", "fd", "by", "peer", "state", "in state", "requests", "in", "out", "age", "last event",
)  # fmt: skip
"""What a table can be sorted by, named as its columns are."""


@dataclass(frozen=True, slots=True)
class Order:
    """A wish for the rows of the connection table."""

    column: str = ""
    """What to sort by, one of COLUMNS; empty: each row keeps its place."""
    descending: bool = False
    needle: str = ""
    """Words, parted by blanks, that a connection must all have in its path, state, owner or peer, in
    any case of letters; a word after `!` it must not have. Empty: all connections."""


BY_PLACE = Order()
