"""What a terminal shows from the command on until the screen is taken: on a busy machine, for seconds.

The line is taken back before anything else is written, so that nothing of it is left.
"""

import contextlib
import os
import sys

TAKEN_BACK = (
    "\r\x1b[K"  # the cursor goes to the beginning of the line, and all after it is erased (ECMA-48)
)


class FirstWord:
    """One line without its end; the cursor stays in it."""

    def __init__(self) -> None:
        self._stands = False

    def tell(self, text: str) -> None:
        """As much of it as one line of the terminal has room for."""
        with contextlib.suppress(OSError):
            columns = os.get_terminal_size(sys.stdout.fileno()).columns
            self._stands = True
            self._write(text[: max(columns - 1, 0)])

    def take_back(self) -> None:
        """Nothing if there is none."""
        if self._stands:
            self._stands = False
            with contextlib.suppress(OSError):
                self._write(TAKEN_BACK)

    def _write(self, text: str) -> None:
        sys.stdout.write(text)
        sys.stdout.flush()


first_word = FirstWord()


def terminal_lack() -> str | None:
    """What keeps the dashboard from being drawn, as the end of a sentence; None: nothing."""
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        return ""
    if os.environ.get("TERM") in ("dumb", "unknown"):  # an editor's shell: no cursor to be moved
        return f" with a cursor, which TERM={os.environ['TERM']} lacks"
    return None
