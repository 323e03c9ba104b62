"""A descriptor that is written to, whose reader may stall: that holds up its writer, but not for ever."""

import errno
import os
import select
import time
from collections.abc import Callable

LOOK_S = 0.05  # between two looks at the clock while nothing can be written


class Output:
    """Writes all that it is given, or raises."""

    def __init__(self, fd: int, give_up_at_s: Callable[[], float] = lambda: float("inf")) -> None:
        """`give_up_at_s`: until when (time.monotonic) a reader that stalls is waited for; asked
        again and again, since a signal may change it meanwhile."""
        self._fd = fd
        self._give_up_at_s = give_up_at_s

    def write(self, text: str) -> None:
        """Write; it is with the kernel when this returns. Raises OSError: BrokenPipeError when
        nobody reads any more, TimeoutError when the reader stalls."""
        rest = memoryview(text.encode())
        while rest:
            # What can be selected takes PIPE_BUF bytes without blocking: pipe(7).
            left_s = self._give_up_at_s() - time.monotonic()
            if select.select([], [self._fd], [], max(min(left_s, LOOK_S), 0))[1]:
                rest = rest[os.write(self._fd, rest[: select.PIPE_BUF]) :]
            elif left_s <= 0:
                raise TimeoutError(errno.ETIMEDOUT, "its reader has stalled")
