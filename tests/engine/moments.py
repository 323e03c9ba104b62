"""Moments of servers that are well and that are not, made by hand: what findings are tested with."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from engine.events import Event, Kind
from engine.findings.finding import Finding
from engine.findings.moment import MS, Copy, Dropped, Held, Moment, Reset
from engine.findings.watching import Findings
from engine.views.kernel_numbers import KernelNumbers, KernelView
from engine.views.snapshot import Counts, ProcessNumbers, Room, RunStatus, Snapshot, State
from engine.views.worker_view import WorkerState, WorkerView

PID = 4120
STEP_MS = 100
STATUS = RunStatus("epoll", "http://127.0.0.1:7890", "keep-alive", PID, "serving")
NUMBERS = ProcessNumbers(
    processes=1, threads=1, descriptors=12, descriptor_limit=1_000, cpu_percent=5.0,
    memory_bytes=20_000_000, accept_queue=0, accept_queue_limit=128,
)  # fmt: skip
VIEW = KernelView("ESTABLISHED", 0, 0, 50, 0)
HELD = Held(1, 1, PID, "MainThread", State.IDLE, 10.0, 10.0, 1, "GET /", 0, VIEW)


@dataclass
class Story:
    """A server over two seconds: what is so at each step, from what is usual."""

    status: RunStatus = STATUS
    numbers: Callable[[int], ProcessNumbers] = lambda step: replace(NUMBERS)
    kernel: Callable[[int], KernelNumbers] = lambda step: KernelNumbers()
    counts: Callable[[int], Counts] = lambda step: Counts()
    snapshot: Callable[[Snapshot, int], Snapshot] = lambda snapshot, step: snapshot
    held: Callable[[int], tuple[Held, ...]] = lambda step: ()
    copies: Callable[[int], tuple[Copy, ...]] = lambda step: ()
    lost: tuple[int, ...] = ()
    resets: tuple[Reset, ...] = ()
    dropped: tuple[Dropped, ...] = ()
    errors: tuple[Event, ...] = ()

    def moment(self, step: int) -> Moment:
        """How it stands after so many steps."""
        now_ns = (step + 1) * STEP_MS * MS
        snapshot = Snapshot(now_ns=now_ns, counts=self.counts(step))
        return Moment(
            now_ns=now_ns,
            snapshot=self.snapshot(snapshot, step),
            numbers=self.numbers(step),
            kernel=self.kernel(step),
            status=self.status,
            held=self.held(step),
            copies=self.copies(step),
            lost=self.lost,
            resets=self.resets,
            dropped=self.dropped,
            errors=self.errors,
        )

    def told(self, steps: int = 20) -> dict[str, Finding]:
        """All that was found in so many steps."""
        findings = Findings()
        told: dict[str, Finding] = {}
        for step in range(steps):
            told |= {one.id: one for one in findings.look(self.moment(step))}
        return told


def held(state: State, for_ms: float, *, conn: int = 1, **other: Any) -> Held:
    """A connection that has been in a state for so long."""
    usual = HELD._replace(conn=conn, number=conn, state=state, for_ms=for_ms, silent_ms=for_ms)
    return usual._replace(**other)


def waiting(room: str, now: int, longest_ms: float) -> KernelNumbers:
    """So many in one of the kernel's rooms."""
    return KernelNumbers(rooms={room: Room(now, longest_ms)})


def error(name: str, conn: int = 0) -> Event:
    """A failed call."""
    return Event(0, 1, Kind.ERROR, conn, 9, PID, "Thread-1", 0, 18, name)


def workers(accepts: list[int]) -> tuple[WorkerView, ...]:
    """Worker processes below the engine, and how many each has accepted."""
    engine = WorkerView(PID, "", 0, WorkerState.WAITING, 0, 0, 0, 0, "")
    below = [
        WorkerView(PID + 1 + number, "", 1, WorkerState.ACCEPTING, 0, done, 0, 0, "")
        for number, done in enumerate(accepts)
    ]
    return (engine, *below)


def shared(shares: list[int], woken: int) -> Story:
    """Worker processes that accept so many at each step, and are woken so often in all."""
    return Story(
        snapshot=lambda now, step: replace(
            now, worker_views=workers([share * step for share in shares])
        ),
        counts=lambda step: Counts(requests=sum(shares) * step),
        numbers=lambda step: replace(
            NUMBERS, processes=5, threads=5, children_switches=woken * step
        ),
    )


def asks(calls: int, requests: int) -> Story:
    """A loop that makes so many calls in vain at each step."""
    return Story(
        counts=lambda step: Counts(would_block=calls * step, requests=requests * step),
        snapshot=lambda now, step: replace(now, worker_views=workers([])),
    )
