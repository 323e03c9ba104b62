"""What a model has in hand by its own account, and how many of each: told now and then, if it has changed."""

from collections.abc import Callable
from contextlib import suppress
from time import monotonic_ns

from engine.events import GAUGE

SHARE = 100  # one part in so many of the time may go into asking
MOST = 6  # of one process: the text of a tick has room for these, with six digits each
NAME_CHARS = 16


class Gauges:
    """Those of this process."""

    def __init__(self) -> None:
        self._counts: dict[str, Callable[[], int]] = {}
        self._last: dict[str, int] = {}
        self._asked_from_ns = 0

    def add(self, name: str, count: Callable[[], int]) -> None:
        """`count` says how many; the newest of a name counts. Raises ValueError: the name is no short word
        of letters and hyphens, or there are too many names."""
        if not name.replace("-", "").isalpha() or not name.isascii() or len(name) > NAME_CHARS:
            raise ValueError(f"{name!r} is no word of at most {NAME_CHARS} letters and hyphens")
        if len(self._counts) >= MOST and name not in self._counts:
            raise ValueError(f"{name!r} is one gauge too many: there is room for {MOST}")
        self._counts[name] = count

    def told(self, now_ns: int) -> str:
        """` =runnable 3 =asleep 1` if that has changed, and to ask does not cost too much."""
        if not self._counts or now_ns < self._asked_from_ns:
            return ""
        figures = {}
        for name, count in self._counts.items():
            with suppress(
                Exception
            ):  # a model's mistake here would end its wait, and only if watched
                figures[name] = int(count())
        self._asked_from_ns = now_ns + (monotonic_ns() - now_ns) * SHARE
        if figures == self._last:
            return ""
        self._last = figures
        return "".join(f" {GAUGE}{name} {number}" for name, number in figures.items())
