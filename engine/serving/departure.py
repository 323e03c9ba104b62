"""That a client sends no more, told to the application that is making its answer."""

from collections.abc import Callable


def _tell_nobody() -> None:
    pass


class Departure:
    """Of one connection. The model says so; who makes the answer may have it told.

    The client may still be reading: a half-close is not its end (RFC 9112, 9.6).
    """

    __slots__ = ("has_come", "tell")

    def __init__(self) -> None:
        self.has_come = False
        self.tell: Callable[[], None] = _tell_nobody

    def come(self) -> None:
        """The client has ended its side of the connection, or reset it."""
        self.has_come = True
        self.tell()
