"""The key `r`: what a run tells from now on, into a file that servetui replay shows again."""

import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from engine.events import GAUGE, LISTENS, Event, Kind, Unreported
from engine.findings.moment import Moment
from engine.recordings.recording import Recording
from engine.recordings.teller import Teller
from engine.views.snapshot import EMPTY_SNAPSHOT, BurstView, ConnectionView, RunStatus, Snapshot
from engine.views.worker_view import WorkerView

ALL_ROWS = 1_000_000


class Recorder:
    """A recording under way."""

    def __init__(
        self,
        path: Path,
        status: RunStatus,
        now: Snapshot = EMPTY_SNAPSHOT,
        model_of: Callable[[int], str | None] = lambda pid: None,
    ) -> None:
        """Begin with the connections that are open already, and with the processes and threads, whose
        models `model_of` tells. Raises OSError."""
        self.path = path
        self.events = 0
        self._failure: OSError | None = None
        command = ["servetui", *sys.argv[1:]]
        self._file = Recording(
            path, status.model, command, url=status.url, mode=status.mode, began_ns=now.now_ns
        )
        self._teller = Teller(self._file, status.mode, now.unreported)
        before = [view for view in now.connections if not view.closed_ns]
        self.write([_accept(view) for view in sorted(before, key=lambda view: view.opened_ns)])
        self.write(list(_workers(now, lambda pid: model_of(pid) or status.model)))

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


def _workers(now: Snapshot, model_of: Callable[[int], str]) -> Iterator[Event]:
    """As if each were started with the recording's beginning. The engine that serves comes first in the
    picture, and listens last."""
    parents: dict[int, int] = {}  # by depth in the tree
    engines: list[WorkerView] = []
    for view in now.worker_views:
        parents[view.depth] = view.pid
        if not view.depth:
            engines.append(view)
            words = f"process {view.pid} engine {model_of(view.pid)}"
            yield _of_worker(now, Kind.SPAWN, os.getpid(), words)
        elif view.task:
            yield _of_worker(now, Kind.SPAWN, view.pid, "thread", view.task)
        else:
            yield _of_worker(now, Kind.SPAWN, parents[view.depth - 1], f"process {view.pid}")
        if view.listener:
            yield _of_worker(now, Kind.TICK, view.pid, f"{LISTENS} {view.listener}")
        if view.gauges:  # told when they change
            words = " ".join(f"{GAUGE}{name} {number}" for name, number in view.gauges.items())
            yield _of_worker(now, Kind.TICK, view.pid, words)
    for view in reversed(engines):
        yield _of_worker(now, Kind.LISTEN, view.pid, "before the recording began")


def _of_worker(now: Snapshot, kind: Kind, pid: int, note: str, task: str = "MainThread") -> Event:
    return Event(0, now.now_ns, kind, 0, -1, pid, task, 0, 0, note)


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
