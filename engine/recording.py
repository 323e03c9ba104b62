"""Events to a file: a header line with version, model and command, then an event a line (JSON).

Readable up to the last whole line, whatever ended the writer.
"""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import TextIO

from engine.events import Event

VERSION = 1


class Recording:
    """A recording being written."""

    def __init__(self, path: Path, model: str, command: list[str]) -> None:
        """Raises OSError when the file cannot be made."""
        self._file: TextIO = path.open("w", encoding="utf-8", buffering=1 << 20)
        header = {"servetui": VERSION, "model": model, "command": command}
        self._file.write(json.dumps(header) + "\n")
        self._file.flush()

    def write(self, events: Iterable[Event]) -> None:
        """Append events; they are in the file when this returns."""
        self._file.writelines(event.to_json() + "\n" for event in events)
        self._file.flush()

    def close(self) -> None:
        """End the recording."""
        self._file.close()
