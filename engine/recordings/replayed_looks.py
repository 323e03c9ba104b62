"""The looks for findings of a recording: each where the live run took it, at what that saw.

No socket, no clock.
"""

from engine.findings.finding import Finding
from engine.findings.lost_clients import LostClients
from engine.findings.moment import Moment, moment_of
from engine.findings.watching import Findings
from engine.fold.state import ServerState
from engine.fold.totals import counts_of
from engine.recordings.scene import Scene
from engine.views.kernel_numbers import KernelNumbers, KernelView
from engine.views.snapshot import ProcessNumbers, RunStatus

SECOND_NS = 1_000_000_000
PAST_KEPT_S = 300  # as much as graphs draw


class ReplayedLooks:
    """A sibling of engine.running.watch.Watch, over a recording."""

    def __init__(self, state: ServerState, scene: Scene) -> None:
        self.found: tuple[Finding, ...] = ()
        self.moment = Moment()
        self.begin_ns = 0
        """Looks before that are left out, since a jump has come past them."""
        self.past: dict[int, tuple[int, int | None]] = {}
        """Second of the clock -> the most open connections and descriptors that all looks saw in it."""
        self._state = state
        self._scene = scene
        self._findings = Findings()
        self._lost = LostClients()

    def take(
        self, now_ns: int, numbers: ProcessNumbers, kernel: KernelNumbers, status: RunStatus
    ) -> None:
        """A look was taken then; all that was told before it is folded."""
        self._note(now_ns, numbers)
        if now_ns < self.begin_ns:
            return
        snapshot = self._state.snapshot(now_ns, 0, 0)
        known = self._state.connections
        lost = self._lost.look(kernel, known, snapshot.counts.closed, now_ns)
        told = (numbers, kernel, status, self._view, self._scene.copies, lost)
        self.moment = moment_of(snapshot, self._state.events, known.values(), *told)
        self.found = self._findings.look(self.moment)

    def _note(self, now_ns: int, numbers: ProcessNumbers) -> None:
        opened = counts_of(self._state.counts, self._state.unreported, self._state.server).open
        second = now_ns // SECOND_NS
        before, known = self.past.get(second, (0, None))
        descriptors = [each for each in (known, numbers.descriptors) if each is not None]
        self.past[second] = max(before, opened), max(descriptors, default=None)
        if len(self.past) > PAST_KEPT_S:
            del self.past[next(iter(self.past))]

    def _view(self, conn: int) -> KernelView | None:
        seen = self._scene.seen.get(conn)
        return seen[0] if seen else None
