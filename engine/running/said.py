"""What the engines write on stdout and stderr, an application's tracebacks and prints among it."""

from collections import deque

SAID_LINES = 1_000  # kept; the same mistake at each request must not fill a memory


class Said:
    """The last lines, and how many there were."""

    def __init__(self) -> None:
        self.lines: deque[str] = deque(maxlen=SAID_LINES)
        self.count = 0

    def add(self, line: str) -> None:
        """One more."""
        self.lines.append(line)
        self.count += 1

    def since(self, count: int) -> list[str]:
        """Those that came after the first `count`, as far as they are kept."""
        new = min(self.count - count, len(self.lines))
        return list(self.lines)[len(self.lines) - new :]
