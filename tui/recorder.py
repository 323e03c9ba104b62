"""The key `r`: what a run tells from now on, into a file that servetui replay shows again."""

import sys
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from engine.events import Event, Kind, Unreported
from engine.kernel_numbers import EMPTY_KERNEL, KernelNumbers
from engine.recording import Recording
from engine.snapshot import (
    EMPTY_SNAPSHOT,
    BurstView,
    ConnectionView,
    ProcessNumbers,
    RunStatus,
    Snapshot,
)
from engine.told import unreported_values

ALL_ROWS = 1_000_000
SECOND_NS = 1_000_000_000


class Recorder:
    """A recording under way."""

    def __init__(self, path: Path, status: RunStatus, now: Snapshot = EMPTY_SNAPSHOT) -> None:
        """Begin with the connections that are open already. Raises OSError."""
        self.path = path
        self.events = 0
        self._mode = status.mode
        self._second = 0
        self._failure: OSError | None = None
        self._bursts: dict[int, BurstView] = {}
        # What was not reported before the recording began is no part of it.
        self._unreported = self._unreported_before = now.unreported
        command = ["servetui", *sys.argv[1:]]
        self._file = Recording(path, status.model, command, url=status.url, mode=status.mode)
        self.write([_accept(view) for view in now.connections if not view.closed_ns])

    def write(self, events: Sequence[Event]) -> None:
        """What happened. Raises OSError."""
        if self._failure is not None:
            raise self._failure
        if events:
            self._file.write(events)
            self.events += len(events)

    def look(
        self,
        now_ns: int,
        status: RunStatus,
        numbers: ProcessNumbers,
        bursts: Sequence[BurstView],
        unreported: Unreported,
        kernel: KernelNumbers = EMPTY_KERNEL,
    ) -> None:
        """What is no event: told when it changes, the numbers once a second. Called while a frame is
        drawn, so that an OSError is raised by the next write()."""
        try:
            self._tell(now_ns, status, numbers, bursts, unreported, kernel)
        except OSError as error:
            self._failure = error

    def _tell(
        self,
        now_ns: int,
        status: RunStatus,
        numbers: ProcessNumbers,
        bursts: Sequence[BurstView],
        unreported: Unreported,
        kernel: KernelNumbers,
    ) -> None:
        if status.mode != self._mode:
            self._mode = status.mode
            self._file.tell(now_ns, "mode", {"mode": status.mode})
        if now_ns // SECOND_NS != self._second:
            self._second = now_ns // SECOND_NS
            self._file.tell(now_ns, "numbers", asdict(numbers))
            self._file.tell(now_ns, "kernel", asdict(kernel))
        for view in bursts:
            if self._bursts.get(view.number) != view:
                self._bursts[view.number] = view
                self._file.tell(now_ns, "burst", {"index": view.number, **asdict(view)})
        if unreported != self._unreported:
            self._unreported = unreported
            values = unreported_values(unreported - self._unreported_before)
            self._file.tell(now_ns, "unreported", values)

    def close(self) -> None:
        """End the file."""
        self._file.close()


def new_path() -> Path:
    """In the current folder, named after the time."""
    return Path(time.strftime("servetui-%Y%m%d-%H%M%S.jsonl"))


def _accept(view: ConnectionView) -> Event:
    """As if it were accepted with the recording's beginning: what came before is not told."""
    return Event(
        0,
        view.opened_ns,
        Kind.ACCEPT,
        view.conn,
        view.fd,
        view.acceptor,
        view.task,
        0,
        0,
        view.peer,
    )
