"""The processes and threads of a server, as its events tell them: who started whom, serves, has ended.

Changed only by the fold (state.py). Pure.
"""

from collections import deque
from collections.abc import Collection, Mapping
from typing import NamedTuple

from engine.events import GAUGE, LISTENS, LONGEST_TURN, READY, TURN, Event, Kind
from engine.fold.turns import Turns
from engine.views.snapshot import STRIP_CELL_NS, STRIP_CELLS

Worker = tuple[int, str]
"""(pid, task) of a thread; (pid, "") of a process, which stands for its first thread, too."""
_LISTEN, _SPAWN, _EXIT, _TICK = Kind.LISTEN, Kind.SPAWN, Kind.EXIT, Kind.TICK
MODELS_KEPT = 5_000  # processes, also ended ones; a model may start one for each connection
TICKS_KEPT = 40  # of each process: there are ten a second, and a strip is three seconds long


class Ended(NamedTuple):
    """A process has ended."""

    pid: int
    killed: frozenset[int]
    """It, if it was killed, and what it had started, which is killed with it (dying.py). The kernel has
    closed what they held, and nobody could report it."""
    was_engine: bool


class Done:
    """What a process has done so far."""

    __slots__ = ("_ready", "_turns_us", "accepts", "gauges", "listener", "wakeups", "would_block")

    def __init__(self) -> None:
        self.accepts = self.wakeups = self.would_block = 0
        self.listener = 0
        """The cookie of a listening socket that it has opened itself; 0: it has opened none."""
        self.gauges: dict[str, int] = {}
        """What its model has in hand, by its own account, and how many of each."""
        self._ready: deque[tuple[int, int]] = deque(maxlen=TICKS_KEPT)
        self._turns_us: deque[tuple[int, int]] = deque(maxlen=TICKS_KEPT)

    def take(self, at_ns: int, figures: Mapping[str, int]) -> None:
        """What a tick tells."""
        self.wakeups += figures.get("wakeups", 0)
        self.would_block += figures.get("would-block", 0)
        self.listener = figures.get(LISTENS, self.listener)
        cell = at_ns // STRIP_CELL_NS
        if READY in figures:
            self._ready.append((cell, figures[READY]))
        if LONGEST_TURN in figures:
            self._turns_us.append((cell, figures[LONGEST_TURN]))
        gauges = {name: number for name, number in figures.items() if name.startswith(GAUGE)}
        if gauges:
            self.gauges = {name.removeprefix(GAUGE): number for name, number in gauges.items()}

    def longest_ready(self, cell: int) -> int | None:
        """Of the lists that its loop was told of in the cells of a strip that ends with `cell`; None: no
        loop was ever told of any."""
        return _most(self._ready, cell)

    def longest_turn_ms(self, cell: int) -> float | None:
        """Of those of its loop that ended meanwhile."""
        longest_us = _most(self._turns_us, cell)
        return None if longest_us is None else longest_us / 1_000


def _most(told: Collection[tuple[int, int]], cell: int) -> int | None:
    """Of the numbers of a strip that ends with `cell`; None: none was ever told."""
    if not told:
        return None
    begins = cell - STRIP_CELLS
    return max((number for at, number in told if at > begins), default=0)


class Workers:
    """Who works for the server, and what its loop does."""

    def __init__(self) -> None:
        self.wakeups = self.would_block = 0
        """Of all engines, while they served."""
        self._before = (0, 0)  # the same, when the running engine began
        self._started: dict[
            int, dict[Worker, None]
        ] = {}  # by the process that started them, in order
        self._done: dict[int, Done] = {}
        self._engines: list[int] = []  # those that listened and have not ended; the last one serves
        self._last_child: dict[int, int] = {}  # process -> the child that it forked last
        self._models: dict[int, str] = {}  # process -> the model that it belongs to
        self._turns = Turns()

    def __len__(self) -> int:
        """Processes and threads that were started and have not ended."""
        return sum(map(len, self._started.values()))

    def threads(self) -> list[str]:
        """Their names, those of one process in no order; for a process an empty one."""
        return [task for tasks in self._started.values() for _, task in tasks]

    def of_running_engine(self) -> tuple[int, int]:
        """Wake-ups, and results that would have blocked."""
        return self.wakeups - self._before[0], self.would_block - self._before[1]

    def named_threads(self) -> set[Worker]:
        """Those that are known by a name of their own."""
        return {one for started in self._started.values() for one in started if one[1]}

    def has_children(self, pid: int) -> bool:
        """Whether it has started processes that have not ended."""
        return any(not task for _, task in self._started.get(pid, ()))

    def tree(self, most: int) -> list[tuple[int, Worker]]:
        """The engines, the one that serves first, and below each what it has started, `most` in all;
        with the depth of each, from 0."""
        found: dict[Worker, int] = {}  # a worker that is said to have started itself stands once
        rest = [(0, (engine, "")) for engine in self._engines]
        while rest and len(found) < most:
            depth, worker = rest.pop()
            if worker not in found:
                found[worker] = depth
                below = {} if worker[1] else self._started.get(worker[0], {})
                rest += [(depth + 1, one) for one in reversed(below)]
        return [(depth, worker) for worker, depth in found.items()]

    def done(self, pid: int) -> Done:
        """What a process has done."""
        return self._done.get(pid) or Done()

    def accepted(self, pid: int, connections: int = 1) -> None:
        """A process has accepted so many."""
        done = self._done.get(pid)
        if done is None:
            done = self._done[pid] = Done()
        done.accepts += connections

    def model_of(self, pid: int) -> str | None:
        """The model whose code a process runs: an engine's own, or that of the engine it descends from.
        Told on after its end; None for a process whose start was not told, and for one of long ago."""
        return self._models.get(pid)

    def turn_of(self, event: Event) -> int:
        """The turn of its process's loop in which something was done; 0: it was not done by a loop, or that
        is not told."""
        if (event.pid, event.task) in self._started.get(event.pid, ()):
            return 0  # a thread beside the loop
        return self._turns.at(event.pid, event.at_ns)

    def heir(self, pid: int) -> int:
        """Who serves on when a process gives up its copy of a socket: the child that it has just made;
        itself, if it made none."""
        return self._last_child.get(pid, pid)

    def take(self, event: Event) -> Ended | None:
        """An event that speaks of no connection; what has ended with it. Raises ValueError and
        IndexError: a note that no writer of ours makes."""
        kind, words = event.kind, event.note.split()
        if kind is _LISTEN:
            self._before = (self.wakeups, self.would_block)
            for engine in self._engines:  # which retire, and are not listened to any more
                self.done(engine).gauges = {}
            self._engines.append(event.pid)
        elif kind is _SPAWN:
            self._started.setdefault(event.pid, {})[_worker(event, words)] = None
            if words[0] == "process":
                self._last_child[event.pid] = int(words[1])
                self._keep_model(event.pid, words)
        elif kind is _EXIT:
            self._started.get(event.pid, {}).pop(_worker(event, words), None)
            if words[0] == "process":
                return self._end(int(words[1]), is_clean=words[2:] == ["exit", "0"])
        elif kind is _TICK and words[:1] == [TURN]:
            self._turns.begin(event, words)
        elif kind is _TICK and event.pid not in self._engines[:-1]:
            figures = dict(zip(words[::2], map(int, words[1::2]), strict=False))
            self.wakeups += figures.get("wakeups", 0)
            self.would_block += figures.get("would-block", 0)
            self._done.setdefault(event.pid, Done()).take(event.at_ns, figures)
        return None

    def _keep_model(self, parent: int, words: list[str]) -> None:
        """Of a process that `parent` has started: `process PID`, or `process PID engine MODEL`."""
        if len(self._models) > MODELS_KEPT:
            living = {pid for tasks in self._started.values() for pid, _ in tasks}
            self._models = {pid: model for pid, model in self._models.items() if pid in living}
        pid = int(words[1])
        # Pids are used again: what an earlier process was says nothing of this one.
        model = words[3] if words[2:3] == ["engine"] else self._models.get(parent)
        self._models.pop(pid, None)
        if model:
            self._models[pid] = model

    def _end(self, pid: int, *, is_clean: bool) -> Ended:
        ended = [pid]
        for one in ended:
            ended += [child for child, _ in self._started.pop(one, ()) if child not in ended]
            self._last_child.pop(one, None)
            self._done.pop(one, None)
            self._turns.forget(one)
        was_engine = pid in self._engines
        if was_engine:
            self._engines.remove(pid)
        return Ended(pid, frozenset(ended[1:] if is_clean else ended), was_engine)


def _worker(event: Event, words: list[str]) -> tuple[int, str]:
    """(pid, task) of the process or thread that a spawn or exit event speaks of."""
    return (int(words[1]), "") if words[0] == "process" else (event.pid, event.task)
