"""A run without a server: events are put in by hand, and time stands still until it is moved."""

import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import replace

from engine.events import Event, Kind, Unreported
from engine.findings.finding import Finding
from engine.findings.moment import Moment
from engine.fold.state import ServerState
from engine.load.plan import Plan
from engine.running.run_settings import RunSettings
from engine.views.detail import ConnectionDetail
from engine.views.kernel_numbers import KernelNumbers
from engine.views.order import BY_PLACE, Order
from engine.views.snapshot import BurstView, ProcessNumbers, Room, RunStatus, Snapshot
from engine.views.worker_view import Descriptors, WorkerDetail

SECOND_NS = 1_000_000_000
START_NS = 1_000 * SECOND_NS
ENGINE_PID = 4120
KERNEL_ROOMS = ("syn_retry", "accept_queue", "unread", "time_wait", "close_wait")


class FakeSlowMotion:
    """The pace that keys have asked for."""

    def __init__(self, calls: list[str]) -> None:
        self._calls = calls
        self.is_stepping = False
        self.tick_s = 0.0

    def step(self) -> None:
        self._calls.append("step" if self.is_stepping else "hold")
        self.is_stepping = True

    def go_on(self) -> None:
        self._calls.append("go on")
        self.is_stepping = False

    def change_tick(self, steps: int) -> None:
        self._calls.append(f"tick {steps}")
        self.tick_s = 0.2 if steps > 0 else 0.0


class FakeRun:
    """A sibling of engine.running.run.Run. `calls` holds what keys have asked for, in order."""

    def __init__(self, model: str = "thread", port: int = 7890) -> None:
        self.pages: dict[str, str] = {}
        self.short = self.whole = self.is_behind = False
        self.refusal = ""
        self.settings = RunSettings(model=model)
        self._first = model  # of ENGINE_PID
        self.calls: list[str] = []
        self.now_ns = START_NS
        self.snapshots_taken = 0
        self.state = ServerState()
        self._waiting: list[Event] = []
        self._seq = 0
        self.given_numbers = ProcessNumbers(
            processes=1,
            threads=3,
            descriptors=9,
            children_descriptors=0,
            descriptor_limit=20_000,
            cpu_percent=12.4,
            memory_bytes=34_100_000,
            accept_queue=0,
            accept_queue_limit=128,
        )
        self.given_descriptors: Descriptors | None = None
        self.slow_motion = FakeSlowMotion(self.calls)
        self.given_unread_ns: dict[int, int] = {}
        self.given_said: tuple[str, ...] = ()
        self.given_kernel = KernelNumbers(
            rooms={name: Room(0, 0.0) for name in KERNEL_ROOMS},
            unread_bytes=0,
            unsent_bytes=0,
            client_time_wait=0,
            client_close_wait=0,
            listen_overflows=0,
            listen_drops=0,
        )
        self.given_status = RunStatus(
            model=model,
            url=f"http://127.0.0.1:{port}",
            mode="keep-alive",
            engine_pid=ENGINE_PID,
            phase="serving",
        )
        self.given_bursts: list[BurstView] = []
        self.looked = Moment()
        self.given_findings: tuple[Finding, ...] = ()

    # --- what the dashboard sees ----------------------------------------------------------------

    @property
    def said(self) -> tuple[str, ...]:
        return self.given_said

    @property
    def bursts(self) -> tuple[BurstView, ...]:
        return tuple(self.given_bursts)

    def poll(self, *, within_s: float = math.inf) -> list[Event]:
        events, self._waiting = self._waiting, []
        self.state.fold(events)
        return events

    def snapshot(self, first_row: int = 0, rows: int = 1_000, order: Order = BY_PLACE) -> Snapshot:
        self.snapshots_taken += 1
        return self.state.snapshot(self.now_ns, first_row, rows, order)

    def row_of(self, conn: int, order: Order = BY_PLACE) -> int | None:
        return self.state.row_of(conn, self.now_ns, order)

    def neighbour(self, row: int, steps: int, order: Order = BY_PLACE) -> tuple[int, int] | None:
        return self.state.neighbour(row, steps, self.now_ns, order)

    def model_of(self, pid: int) -> str | None:
        return self.state.workers.model_of(pid) or (self._first if pid == ENGINE_PID else None)

    def detail(self, conn: int) -> ConnectionDetail | None:
        return self.state.detail(conn, self.now_ns)

    def worker(self, pid: int, task: str) -> WorkerDetail | None:
        told = self.state.worker(pid, task, self.now_ns)
        return told and replace(told, descriptors=self.given_descriptors)

    def status(self) -> RunStatus:
        return self.given_status

    def numbers(self) -> ProcessNumbers:
        return self.given_numbers

    def kernel(self) -> KernelNumbers:
        return self.given_kernel

    def unread_since_ns(self) -> dict[int, int]:
        return self.given_unread_ns

    def findings(self) -> tuple[Finding, ...]:
        return self.given_findings

    def switch(self, model: str) -> None:
        self.calls.append(f"switch {model}")
        self.given_status = replace(self.given_status, model=model, phase="serving")

    def set_mode(self, *, short: bool) -> None:
        mode = "short" if short else "keep-alive"
        self.calls.append(mode)
        self.short = short
        self.given_status = replace(self.given_status, mode=mode)

    def restart(self) -> None:
        self.calls.append("restart")
        self.given_status = replace(self.given_status, phase="serving", last_words=())

    def start_burst(self, requests: int = 50, connections: int = 10) -> None:
        self.calls.append(f"burst {requests} {connections}")

    def toggle_load(self, plan: Plan) -> None:
        self.calls.append(f"load {plan.connections} {plan.rate}")

    def stop(self) -> list[Event]:
        self.calls.append("stop")
        return []

    # --- what a test puts in --------------------------------------------------------------------

    def tell(
        self,
        kind: Kind,
        conn: int = 0,
        *,
        moved: int = 0,
        note: str = "",
        task: str = "MainThread",
        pid: int = ENGINE_PID,
        line: int = 18,
    ) -> None:
        """An event, now. Its descriptor follows from the connection."""
        fd = conn + 5 if conn else -1
        self._waiting.append(
            Event(self._seq, self.now_ns, kind, conn, fd, pid, task, moved, line, note)
        )
        self._seq += 1

    def wait(self, seconds: float) -> None:
        """Time goes on."""
        self.now_ns += round(seconds * SECOND_NS)

    def accept(self, conns: Iterable[int]) -> None:
        """Clients come, and have sent nothing yet."""
        for conn in conns:
            note = f"127.0.0.1:{50_000 + conn}"
            self.tell(Kind.ACCEPT, conn, note=note, task=f"Thread-{conn}")

    def serve(self, conn: int, target: str = "/", *, finish: bool = True) -> None:
        """One request, and its answer."""
        task = f"Thread-{conn}"
        self.tell(Kind.RECV, conn, moved=83, task=task)
        self.tell(Kind.REQUEST, conn, note=f"GET {target}", task=task)
        if finish:
            self.wait(0.002)
            self.tell(Kind.RESPONSE, conn, moved=1_583, note="200", task=task)
            self.tell(Kind.SEND, conn, moved=1_583, task=task)

    def close(self, conn: int, by: str = "client") -> None:
        """The connection ends."""
        self.tell(Kind.CLOSE, conn, note=f"{by} closed first", task=f"Thread-{conn}")

    def die(self) -> None:
        """The engine is killed; what it served is cut."""
        self.tell(Kind.EXIT, note=f"process {ENGINE_PID} killed by signal 9")
        words = (f"the engine (thread, pid {ENGINE_PID}) killed by signal 9", "MemoryError")
        self.given_status = replace(
            self.given_status, phase="dead", engine_pid=None, last_words=words
        )
        self.given_numbers = ProcessNumbers(accept_queue=3, accept_queue_limit=128)
        rooms = {**self.given_kernel.rooms, "accept_queue": Room(3, 800.0)}
        self.given_kernel = replace(self.given_kernel, rooms=rooms)

    def drop(self, lost: int) -> None:
        """The queue was full: so many recv events were counted but not reported."""
        self.state.note_unreported(Unreported(dropped=Counter({Kind.RECV: lost})))


def a_burst(
    mode: str = "keep-alive",
    *,
    opened: int = 10,
    is_running: bool = False,
    failure: str = "",
    number: int = 1,
) -> BurstView:
    """A burst of 50 requests."""
    return BurstView(
        model="thread",
        mode=mode,
        done=32 if is_running else 50,
        total=50,
        is_running=is_running,
        connections_opened=opened,
        requests_per_s=0.0 if is_running else 8_412.0,
        p50_ms=1.21,
        p99_ms=None,  # of so few
        max_ms=12.8,
        retried=0,
        errors={},
        failure=failure,
        latencies=() if is_running or failure else (0, 0, 0, 12, 30, 7, 0, 1, *[0] * 9),
        number=number,
    )


def a_lively_run() -> FakeRun:
    """Connections in every state: idle, in the handler, unsent, closed by both sides, torn."""
    run = FakeRun()
    run.tell(Kind.SPAWN, note=f"process {ENGINE_PID} engine thread")
    run.tell(Kind.LISTEN, note="127.0.0.1:7890")
    run.wait(0.5)
    run.accept(range(1, 9))
    run.wait(0.3)
    for conn in range(1, 8):
        run.serve(conn, f"/page/{conn}")
        run.wait(0.15)
    run.serve(3, "/wait/1500", finish=False)
    run.wait(0.4)
    run.tell(Kind.REQUEST, 4, note="GET /bytes/10000000", task="Thread-4")
    run.tell(Kind.RESPONSE, 4, moved=10_000_000, note="200", task="Thread-4")
    run.tell(Kind.SEND, 4, moved=2_100_000, task="Thread-4")
    run.close(5)
    run.close(6, by="server")
    run.tell(Kind.TICK, 7, note="lost 3")
    run.wait(0.62)
    run.given_bursts = [
        a_burst(),
        a_burst("short", opened=50, number=2),
        a_burst(is_running=True, number=3),
    ]
    return run
