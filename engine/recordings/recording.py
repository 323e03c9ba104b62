"""Events to a file and back: a header line, then an event a line (JSON).

Readable up to the last whole line, whatever ended the writer. What is no event stands between the
events in the same form (Recording.tell). A reader trusts nothing in a file, which may come from
anybody: whatever is odd in it ends as one sentence, a RecordingError.
"""

import json
import os
import stat
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import count
from operator import itemgetter
from pathlib import Path
from sys import intern
from typing import Any, BinaryIO

from engine.events import KIND_NAMES, Event, Kind, printable
from engine.models import MODELS, edition_of
from engine.output import Output
from engine.recordings.told import (
    LONG,
    MODES,
    TELLER,
    TEXT_MOST,
    MalformedError,
    mode_of,
    sound,
    told,
)

VERSION = 1
LINE_MOST = 65_536  # bytes: an event takes some 200, what is told of a burst some 400
NOTE_MOST = 255  # as on the wire


class RecordingError(ValueError):
    """A file that cannot be read as a recording; the message is one line: what, why, what to do."""


@dataclass(frozen=True, slots=True)
class Header:
    """What the first line tells: model and mode at the beginning. All texts are printable."""

    model: str
    command: tuple[str, ...]
    url: str = ""
    """Empty: not told."""
    mode: str = MODES[0]
    pages: Mapping[str, str] = field(default_factory=dict)
    """Model -> edition_of it when it was recorded; none of a recording from before that was told."""
    began_ns: int = 0
    """When it began, of one that begins with what had happened before; 0: with its first event."""


# --- out ------------------------------------------------------------------------------------------


class Recording:
    """A recording being written."""

    def __init__(
        self,
        path: Path,
        model: str,
        command: list[str],
        give_up_at_s: Callable[[], float] = lambda: float("inf"),
        *,
        url: str = "",
        mode: str = "",
        began_ns: int = 0,
    ) -> None:
        """Replaces what the file held. Raises OSError when it cannot be made.

        `give_up_at_s` as in Output: the file may be a pipe whose reader stalls. `url`, `mode` (one
        of MODES) and `began_ns` are left out of the header where they are empty.
        """
        # Opening a pipe that nobody reads would wait for a reader; so it is refused (ENXIO).
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NONBLOCK
        self._fd = os.open(path, flags, 0o666)
        os.set_blocking(self._fd, True)
        self._output = Output(self._fd, give_up_at_s)
        self._seq = 0
        header = {"servetui": VERSION, "model": model, "command": command}
        header["pages"] = {name: edition for name in MODELS if (edition := edition_of(name))}
        told_too = {"url": url, "mode": mode, "began_ns": began_ns}
        header |= {name: value for name, value in told_too.items() if value}
        try:
            self._output.write(json.dumps(header) + "\n")
        except OSError:
            self.close()
            raise

    def write(self, events: Iterable[Event]) -> None:
        """Append events; they are in the file when this returns. Raises OSError as Output does."""
        self._output.write("".join(event.to_json() + "\n" for event in events))

    def tell(self, at_ns: int, what: str, values: Mapping[str, Any]) -> None:
        """Append what is no event, as a tick of the task `servetui`. What and its values:

        - `mode`: {"mode": one of MODES}, from now on;
        - `numbers`: the fields of ProcessNumbers;
        - `burst`: {"index": its number} and the fields of BurstView, ever anew;
        - `unreported`: unreported_values(), the totals so far.

        Raises OSError as write does; ValueError for what no reader would take.
        """
        note = f"{what} {json.dumps(values, separators=(',', ':'), allow_nan=False)}"
        event = Event(self._seq, at_ns, Kind.TICK, 0, -1, os.getpid(), TELLER, 0, 0, note)
        if told(event) is None or len(event.to_json()) >= LINE_MOST:
            raise ValueError(f"nobody reads {what!r}, or it is too long for a line")
        self.write([event])
        self._seq += 1

    def close(self) -> None:
        """End the recording."""
        os.close(self._fd)


# --- back: lines ----------------------------------------------------------------------------------


def read(path: Path) -> tuple[Header, Iterator[Event]]:
    """The header, and the lines after it: each an Event with printable texts, those that were told
    (is_told) among them. Event number n, from 0, stands in line n + 2.

    Raises RecordingError, also while the events are walked through. A last line that is cut off, as
    by the writer's end, is left out.
    """
    lines = _lines(path)
    _, first = next(lines, (1, b""))
    if not first:
        raise refused(path, "it is empty, or cut off in its first line", "record it again")
    return _header(path, first), (_event(path, number, line) for number, line in lines)


def _lines(path: Path) -> Iterator[tuple[int, bytes]]:
    """The whole lines, each with its number from 1."""
    try:
        with _open(path) as file:
            for number in count(1):
                line = file.readline(LINE_MOST)
                if not line.endswith(b"\n"):
                    if len(line) == LINE_MOST:
                        raise _damaged(path, number, f"longer than {LINE_MOST:,} bytes")
                    return
                yield number, line
    except OSError as error:
        why = (error.strerror or str(error)).lower()
        raise refused(path, why, "name a file that servetui has recorded") from error


def _open(path: Path) -> BinaryIO:
    """Raises OSError and RecordingError."""
    try:
        # Without O_NONBLOCK, opening a pipe that nobody writes would wait for a writer.
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except ValueError as error:
        raise refused(path, str(error), "no file can have that name") from error
    mode = os.fstat(fd).st_mode
    if stat.S_ISREG(mode):
        return os.fdopen(fd, "rb")
    os.close(fd)
    what = "a folder" if stat.S_ISDIR(mode) else "a pipe or a device"
    raise refused(path, f"it is {what}", "name a file that servetui has recorded")


def _header(path: Path, line: bytes) -> Header:
    try:
        values = json.loads(line.decode())
        version = values["servetui"]
    except (ValueError, KeyError, TypeError, RecursionError):
        raise _damaged(path, 1, "no header of ours") from None
    if type(version) is int and version > VERSION:
        why = f"a newer servetui wrote it (format {printable(str(version), 20)}, not {VERSION})"
        raise refused(path, why, "update servetui")
    try:
        if type(version) is not int or version < 1 or type(values["command"]) is not list:
            raise MalformedError("no version or no command")
        command = tuple(sound(word, str) for word in values["command"])
        model, url = sound(values["model"], str), sound(values.get("url", ""), str)
        pages = values.get("pages", {})
        if type(pages) is not dict:
            raise MalformedError("no editions of pages")
        editions = {sound(name, str): sound(edition, str) for name, edition in pages.items()}
        began_ns = min(sound(values.get("began_ns", 0), int), _TIME)
        mode = mode_of(values.get("mode", MODES[0]))
        return Header(model, command, url, mode, editions, began_ns)
    except (ValueError, KeyError):
        raise refused(path, "its header (line 1) is damaged", "record it again") from None


_KINDS = {name: kind for kind, name in KIND_NAMES.items()}
_VALUES = itemgetter(*Event._fields)
_TYPES = (int, int, str, int, int, int, str, int, int, str)
_SHORT, _INT, _TIME = 2**16 - 1, 2**31 - 1, 2**63 - 1
_parse = json.JSONDecoder().raw_decode  # json.loads spends a third of its time around this


def _event(path: Path, number: int, line: bytes) -> Event:
    """Called by the million; so texts are shared (intern)."""
    try:
        by_name, end = _parse(whole := line.decode())
        if not whole[end:].isspace():
            raise MalformedError("more than an event")
        values = _VALUES(by_name)
        if tuple(map(type, values)) != _TYPES or len(by_name) != len(_TYPES):
            raise MalformedError("a field of the wrong type")
        seq, at_ns, kind, conn, fd, pid, task, moved, source_line, note = values
        are_long = 0 <= seq <= LONG and 0 <= conn <= LONG and 0 <= moved <= LONG
        are_short = -1 <= fd <= _INT and 0 <= pid <= _INT and 0 <= source_line <= _SHORT
        if not (are_long and are_short and 0 <= at_ns <= _TIME and kind in _KINDS):
            raise MalformedError("a number out of range, or an unknown kind")
        if task == TELLER:
            event = Event(seq, at_ns, _KINDS[kind], conn, fd, pid, task, moved, source_line, note)
            if told(event) is not None:
                return event
        by, words = intern(printable(task)), intern(printable(note, NOTE_MOST))
        return Event(seq, at_ns, _KINDS[kind], conn, fd, pid, by, moved, source_line, words)
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        why = str(error) if isinstance(error, MalformedError) else "no event"
        raise _damaged(path, number, why) from None


def _damaged(path: Path, number: int, why: str) -> RecordingError:
    if number == 1:
        why = f"it is no recording (its first line is {why})"
        return refused(path, why, "servetui serve --events FILE makes one")
    remedy = f"head -n {number - 1} makes a file of what is before it"
    return refused(path, f"line {number} is damaged ({why})", remedy)


def refused(path: Path, why: str, remedy: str) -> RecordingError:
    """The error to raise: one line, whatever the path holds."""
    return RecordingError(f"cannot read {printable(str(path), TEXT_MOST)}: {why}; {remedy}")
