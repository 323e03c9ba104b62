"""The key `r`: what a run tells from now on, into a file that servetui replay shows again."""

import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from engine.events import Event, Kind, Unreported
from engine.findings.moment import Moment
from engine.recordings.recording import Recording
from engine.recordings.teller import Teller
from engine.views.snapshot import EMPTY_SNAPSHOT, BurstView, ConnectionView, RunStatus, Snapshot

ALL_ROWS = 1_000_000


class Recorder:
    """A recording under way."""

    def __init__(self, path: Path, status: RunStatus, now: Snapshot = EMPTY_SNAPSHOT) -> None:
        """Begin with the connections that are open already. Raises OSError."""
        self.path = path
        self.events = 0
        self._failure: OSError | None = None
        command = ["servetui", *sys.argv[1:]]
        self._file = Recording(path, status.model, command, url=status.url, mode=status.mode)
        self._teller = Teller(self._file, status.mode, now.unreported)
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
        unreported: Unreported,
        bursts: Sequence[BurstView],
        looked: Moment,
        unread_since_ns: Mapping[int, int],
    ) -> None:
        """What is no event. Called while a frame is drawn, right after findings were looked for, so that
        an OSError is raised by the next write()."""
        try:
            self._teller.look(looked, unread_since_ns)
            self._teller.tell(now_ns, status.mode, unreported, bursts)
        except OSError as error:
            self._failure = error

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
