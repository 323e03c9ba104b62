"""Events to a file: a header line with version, model and command, then an event a line (JSON).

Readable up to the last whole line, whatever ended the writer.
"""

import json
import os
from collections.abc import Callable, Iterable
from pathlib import Path

from engine.events import Event
from engine.output import Output

VERSION = 1


class Recording:
    """A recording being written."""

    def __init__(
        self,
        path: Path,
        model: str,
        command: list[str],
        give_up_at_s: Callable[[], float] = lambda: float("inf"),
    ) -> None:
        """Replaces what the file held. Raises OSError when it cannot be made.

        `give_up_at_s` as in Output: the file may be a pipe whose reader stalls.
        """
        # Opening a pipe that nobody reads would wait for a reader; so it is refused (ENXIO).
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NONBLOCK
        self._fd = os.open(path, flags, 0o666)
        os.set_blocking(self._fd, True)
        self._output = Output(self._fd, give_up_at_s)
        header = {"servetui": VERSION, "model": model, "command": command}
        try:
            self._output.write(json.dumps(header) + "\n")
        except OSError:
            self.close()
            raise

    def write(self, events: Iterable[Event]) -> None:
        """Append events; they are in the file when this returns. Raises OSError as Output does."""
        self._output.write("".join(event.to_json() + "\n" for event in events))

    def close(self) -> None:
        """End the recording."""
        os.close(self._fd)
