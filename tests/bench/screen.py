"""A terminal of a given size: a pseudo-terminal, and a grid that remembers what was painted.

It knows the control sequences that Textual writes (cursor position, erase, colours), treats every
character as one cell wide, and ignores the rest.
"""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import struct
import termios
import time
from collections.abc import Callable

COLUMNS, ROWS = 120, 40
_TOKENS = re.compile(
    r"\x1b\[(?P<args>[0-9;:?<=>]*)[ -/]*(?P<final>[@-~])"  # CSI
    r"|\x1b[\]P_^X].*?(?:\x07|\x1b\\)"  # OSC, DCS and their kind
    r"|\x1b(?![\[\]P_^X])[ -/]*[0-~]"  # one that is cut after its ESC [ is none of these
    r"|(?P<control>[\r\n\b])"
    r"|(?P<text>[^\x00-\x1f\x7f]+)"
    r"|[\x00-\x1a\x1c-\x1f\x7f]",
    re.DOTALL,
)
_LONGEST_SEQUENCE = 64  # characters: a longer rest that begins with ESC is not waited for


class Grid:
    """Characters by row and column, from 0."""

    def __init__(self) -> None:
        self.cells = [[" "] * COLUMNS for _ in range(ROWS)]
        self.row = self.column = 0
        self._is_reversed = False
        self._begins_reversed = [False] * ROWS
        self._rest = ""

    def reversed_row(self) -> int | None:
        """The first row that begins in reverse video: what is chosen in a table."""
        return next((row for row, is_so in enumerate(self._begins_reversed) if is_so), None)

    def line(self, row: int) -> str:
        """The text of a row, without trailing blanks."""
        return "".join(self.cells[row]).rstrip()

    def feed(self, data: str) -> None:
        """Paint; a sequence that is cut waits for its other half."""
        data = self._rest + data
        cut = data.rfind("\x1b", -_LONGEST_SEQUENCE)
        if cut >= 0 and not _TOKENS.match(data, cut):
            data, self._rest = data[:cut], data[cut:]
        else:
            self._rest = ""
        for token in _TOKENS.finditer(data):
            if text := token["text"]:
                self._write(text)
            elif final := token["final"]:
                self._control(token["args"], final)
            elif control := token["control"]:
                self._move(control)

    def _write(self, text: str) -> None:
        line = self.cells[self.row]
        if self.column == 0:
            self._begins_reversed[self.row] = self._is_reversed
        room = COLUMNS - self.column
        line[self.column : self.column + len(text)] = text[:room]
        self.column = min(self.column + len(text), COLUMNS)

    def _move(self, control: str) -> None:
        if control == "\n":
            self.row, self.column = min(self.row + 1, ROWS - 1), 0
        elif control == "\r":
            self.column = 0
        else:
            self.column = max(self.column - 1, 0)

    def _control(self, args: str, final: str) -> None:
        numbers = [int(part) if part.isdigit() else 0 for part in args.split(";")]
        if final in "Hf":
            row, column = [*numbers, 1][:2]
            self.row = min(max(row, 1), ROWS) - 1
            self.column = min(max(column, 1), COLUMNS) - 1
        elif final == "m":
            self._style(numbers)
        elif final == "J" and numbers[0] >= 2:
            self.cells = [[" "] * COLUMNS for _ in range(ROWS)]
            self._begins_reversed = [False] * ROWS
        elif final == "K" and numbers[0] == 0:
            self.cells[self.row][self.column :] = [" "] * (COLUMNS - self.column)
        elif final == "C":
            self.column = min(self.column + max(numbers[0], 1), COLUMNS)

    def _style(self, numbers: list[int]) -> None:
        while numbers:
            number = numbers.pop(0)
            if number in (38, 48):  # a colour follows: 5;N or 2;R;G;B
                del numbers[: 2 if numbers[:1] == [5] else 4]
            elif number in (0, 7, 27):
                self._is_reversed = number == 7


class Terminal:
    """The side of the terminal: keys go in, what is painted comes out. One thread."""

    def __init__(self) -> None:
        self.master, self.slave = pty.openpty()
        fcntl.ioctl(self.slave, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
        os.set_blocking(self.master, False)
        self.grid = Grid()
        self.painted_bytes = 0
        self.last_paint_s = 0.0  # time.monotonic of the last bytes

    def close(self) -> None:
        """Both ends."""
        os.close(self.master)
        os.close(self.slave)

    def press(self, key: str) -> float:
        """Type; returns time.monotonic at which it was written."""
        at = time.monotonic()
        os.write(self.master, key.encode())
        return at

    def drain_until(self, condition: Callable[[Grid], bool], within_s: float) -> float | None:
        """Paint until the condition holds; the time when the bytes came, or None if too late."""
        deadline = time.monotonic() + within_s
        while not condition(self.grid):
            left_s = deadline - time.monotonic()
            if left_s <= 0:
                return None
            self._drain_once(left_s)
        return self.last_paint_s

    def drain_for(self, seconds: float) -> None:
        """Paint what comes in this time."""
        self.drain_until(lambda _: False, seconds)

    def _drain_once(self, within_s: float) -> None:
        ready, _, _ = select.select([self.master], [], [], within_s)
        if not ready:
            return
        try:
            data = os.read(self.master, 65_536)
        except BlockingIOError:
            return
        self.last_paint_s = time.monotonic()
        self.painted_bytes += len(data)
        self.grid.feed(data.decode("utf-8", "replace"))
