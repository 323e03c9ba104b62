"""What each process and thread of a server has in its hands: now, and in the last seconds.

Changed only by the fold (state.py). Pure.
"""

from collections.abc import Collection, Iterable
from heapq import nlargest
from itertools import chain, islice
from operator import attrgetter
from typing import NamedTuple

from engine.events import Event, Kind
from engine.fold.connection import Connection
from engine.fold.strip_letters import letter_of
from engine.fold.workers import Worker, Workers
from engine.views.snapshot import STATE_MEANINGS, STRIP_CELLS, State
from engine.views.worker_view import NOT_TOLD, Held, WorkerDetail, WorkerState, WorkerView

MOST_SHOWN = 64
MOST_LOOKED_AT = 5_000  # for one that is told whole
HELD_TOLD = 100  # of the connections of that one
LOGS_READ = 100  # of its connections, the last that did anything: their events are told, too
HISTORY_CELLS = 400  # of each: 60 s
MANY = 1_000  # connections: a walk over more takes a millisecond and more, and each frame wants one
_BUSIEST_FIRST = (State.HANDLER, State.UNSENT, State.READING, State.ACCEPTED, State.IDLE)
"""Of all that a worker has, it does what ranks highest here."""
_DOES = {
    State.HANDLER: WorkerState.HANDLING,
    State.UNSENT: WorkerState.WRITING,
    State.READING: WorkerState.READING,
    State.ACCEPTED: WorkerState.READING,
    State.IDLE: WorkerState.IDLE,
}


class Load(NamedTuple):
    """The connections of one worker."""

    open: int
    state: State | None
    """What the busiest of them waits for; None: it has none, or what most of them do is not told."""
    happened: int
    """Bits of what happened in the running cell (connection.py)."""


_AT_NS = attrgetter("at_ns")
_STATES = len(State)
NO_LOAD = Load(0, None, 0)


class WorkerViews:
    """The strips of the workers, and how all of that is told."""

    def __init__(self, workers: Workers) -> None:
        self._workers = workers
        self._strips: dict[Worker, str] = {}
        self._before: dict[Worker, Load] = {}

    def roll(self, connections: Collection[Connection], cell: int, cells: int) -> None:
        """Cell `cell` is over, and so are `cells` - 1 after it in which nothing was told."""
        loads = self._before = self._loads(connections, cell)
        strips = {}
        for _, worker in self._workers.tree(MOST_SHOWN):
            load = loads.get(worker, NO_LOAD)
            letters = _letter(load) + _letter(load._replace(happened=0)) * min(
                cells - 1, HISTORY_CELLS
            )
            strips[worker] = (self._strips.get(worker, "") + letters)[-HISTORY_CELLS:]
        self._strips = strips

    def take(self, connections: Collection[Connection], cell: int) -> tuple[WorkerView, ...]:
        """The first of them, frozen: each process, and below it what it has started. Of many
        connections as they were when the running cell began."""
        if len(connections) > MANY:
            loads = {worker: load._replace(happened=0) for worker, load in self._before.items()}
        else:
            loads = self._loads(connections, cell)
        return tuple(
            self._view(depth, worker, loads.get(worker, NO_LOAD), cell)
            for depth, worker in self._workers.tree(MOST_SHOWN)
        )

    def detail(
        self,
        worker: Worker,
        connections: Iterable[Connection],
        events: Iterable[Event],
        now_ns: int,
        cell: int,
    ) -> WorkerDetail | None:
        """One of them with what it has and what it did last; None when it has ended, or never was."""
        depths = {one: depth for depth, one in self._workers.tree(MOST_LOOKED_AT)}
        if worker not in depths:
            return None
        connections = list(connections)
        load = self._loads(connections, cell).get(worker, NO_LOAD)
        threads = self._workers.named_threads()
        its = [one for one in connections if _worker_of(one.pid, one.task, threads) == worker]
        last = nlargest(LOGS_READ, its, key=lambda one: one.last_ns)
        kept = chain(events, *(one.log for one in last))
        done = {
            id(event): event
            for event in kept
            if event.kind is not Kind.TICK and _worker_of(event.pid, event.task, threads) == worker
        }
        return WorkerDetail(
            view=self._view(depths[worker], worker, load, cell),
            held=tuple(map(_held, islice((one for one in its if not one.closed_ns), HELD_TOLD))),
            events=tuple(sorted(done.values(), key=_AT_NS)),
            history=self._history(worker, load).lstrip(),
        )

    def _view(self, depth: int, worker: Worker, load: Load, cell: int) -> WorkerView:
        pid, task = worker
        done = self._workers.done(pid) if not task else None
        accepts = done.accepts if done else 0
        is_parent = self._workers.has_children(pid) and not accepts
        rests = WorkerState.WAITING if task or is_parent else WorkerState.ACCEPTING
        if load.open:
            rests = WorkerState.COUNTED
        return WorkerView(
            pid=pid,
            task=task,
            depth=depth,
            state=_DOES[load.state] if load.state is not None else rests,
            connections=load.open,
            accepts=accepts,
            wakeups=done.wakeups if done else 0,
            would_block=done.would_block if done else 0,
            strip=self._history(worker, load)[-STRIP_CELLS:].rjust(STRIP_CELLS),
            ready=done.longest_ready(cell) if done else None,
            listener=done.listener if done else 0,
            longest_turn_ms=done.longest_turn_ms(cell) if done else None,
            gauges=dict(done.gauges) if done else {},
        )

    def _history(self, worker: Worker, load: Load) -> str:
        return self._strips.get(worker, "") + _letter(load)

    def _loads(self, connections: Iterable[Connection], cell: int) -> dict[Worker, Load]:
        threads = self._workers.named_threads()
        sums: dict[Worker, _Sum] = {}
        sum_of: dict[tuple[int, str], _Sum] = {}  # by who has it, a greenlet perhaps
        for one in connections:  # thousands, in each frame: one look-up for each
            if one.closed_ns and one.cell != cell:
                continue  # closed in an earlier cell; of a process for each connection most are
            its = sum_of.get((one.pid, one.task))
            if its is None:
                worker = _worker_of(one.pid, one.task, threads)
                its = sum_of[one.pid, one.task] = sums.setdefault(worker, _Sum())
            if one.cell == cell:
                its.happened |= one.happened
            if one.closed_ns:
                continue
            if one.is_only_counted:
                its.counted += 1
            else:
                its.states[one.state] += 1
        return {worker: its.load() for worker, its in sums.items()}


class _Sum:
    """What the connections of one worker add up to."""

    __slots__ = ("counted", "happened", "states")

    def __init__(self) -> None:
        self.happened = 0
        self.states = [0] * _STATES
        """How many are in each;"""
        self.counted = 0
        """and of how many that is not told."""

    def load(self) -> Load:
        """The busiest of them stands for all."""
        state = next((state for state in _BUSIEST_FIRST if self.states[state]), None)
        if state is State.IDLE and self.counted:
            state = None  # those of which it is not told are not idle, as a rule
        return Load(sum(self.states) + self.counted, state, self.happened)


def _worker_of(pid: int, task: str, threads: set[Worker]) -> Worker:
    """The process stands for its first thread, and for its greenlets and coroutines."""
    return (pid, task) if (pid, task) in threads else (pid, "")


def _letter(load: Load) -> str:
    letter = letter_of(load.happened, load.state)
    return NOT_TOLD if letter == " " and load.open else letter


def _held(one: Connection) -> Held:
    letter = NOT_TOLD if one.is_only_counted else STATE_MEANINGS[one.state].letter
    return Held(one.number, letter, one.path, one.since_ns)
