"""How often and how long each line of a model's source ran, as its events tell. Pure.

The time of a line is that from the event before on the same task to this one: what a thread, greenlet or
coroutine waited and worked for until the line had done its call. A loop is one task: to the first line
that runs after its wait, the wait is counted as well.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from engine.events import Event, Kind

TASKS_KEPT = 5_000  # then those that were seen first are forgotten: greenlets do not tell their end
_TICK, _EXIT = Kind.TICK, Kind.EXIT


@dataclass(slots=True)
class LineTimes:
    """One line so far."""

    runs: int = 0
    timed: int = 0
    """Runs whose beginning is known: all but the first event of each task."""
    total_ns: int = 0
    longest_ns: int = 0

    @property
    def mean_ns(self) -> int | None:
        """None: of no run is the time known."""
        return self.total_ns // self.timed if self.timed else None


class LineCounts:
    """The lines of all models that ran since it was made."""

    def __init__(self, model_of: Callable[[int], str | None]) -> None:
        """`model_of` a pid."""
        self._model_of = model_of
        self._by_pid: dict[int, dict[int, LineTimes]] = {}
        self.lines: dict[str, dict[int, LineTimes]] = {}
        """Model -> number of a line -> its times."""
        self.tasks: dict[tuple[int, str], Event] = {}
        """(pid, task) -> its last event, of those that have not ended."""
        self.events = 0

    def take(self, events: Iterable[Event]) -> None:
        """Count the next events."""
        tasks = self.tasks
        for event in events:
            _, at_ns, kind, _, _, pid, task, _, line, _ = event
            if kind is _EXIT:
                self._forget(event)
                continue
            if not line or kind is _TICK:
                continue
            self.events += 1
            lines = self._by_pid.get(pid)
            if lines is None:
                lines = self._lines_of(pid)
            times = lines.get(line)
            if times is None:
                times = lines[line] = LineTimes()
            times.runs += 1
            before = tasks.get((pid, task))
            if before is not None:
                took_ns = max(at_ns - before.at_ns, 0)
                times.timed += 1
                times.total_ns += took_ns
                times.longest_ns = max(times.longest_ns, took_ns)
            tasks[pid, task] = event
        while len(tasks) > TASKS_KEPT:
            del tasks[next(iter(tasks))]

    def here(self, model: str) -> dict[int, list[Event]]:
        """Number of a line -> the last events of the tasks that have not gone on from it."""
        found: dict[int, list[Event]] = {}
        for event in self.tasks.values():
            if self._model_of(event.pid) == model:
                found.setdefault(event.line, []).append(event)
        return found

    def _lines_of(self, pid: int) -> dict[int, LineTimes]:
        if len(self._by_pid) >= TASKS_KEPT:  # a process for each connection
            self._by_pid.clear()
        model = self._model_of(pid) or ""
        lines = self._by_pid[pid] = self.lines.setdefault(model, {})
        return lines

    def _forget(self, event: Event) -> None:
        """A thread tells its own end, the parent that of a process."""
        match event.note.split():
            case ["thread", *_]:
                self.tasks.pop((event.pid, event.task), None)
            case ["process", pid, *_] if pid.isdecimal():
                ended = [one for one in self.tasks if one[0] == int(pid)]
                for one in ended:
                    del self.tasks[one]
