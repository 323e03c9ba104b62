"""What is known of a recorded run beside the fold: engines, the mode, numbers, bursts.

No socket, no clock.
"""

from dataclasses import asdict, dataclass, field

from engine.events import Event, Kind, Unreported
from engine.findings.moment import Copy
from engine.labs import server_of
from engine.models import MODELS
from engine.recordings.told import RunTold, is_told, told
from engine.recordings.told_look import LookTold, Seen, apply
from engine.views.kernel_numbers import EMPTY_KERNEL, KernelNumbers
from engine.views.snapshot import BurstView, ProcessNumbers, RunStatus

BURSTS_KEPT = 8  # as many as a run keeps


def is_known(model: str) -> bool:
    """Whether it is one of ours: a model, or a lab's own server."""
    return model in MODELS or server_of(model) is not None


@dataclass(slots=True)
class Scene:
    """What is known beside the fold, at a moment."""

    model: str
    mode: str
    engine_pid: int | None = None
    """Of the engine that has listened last."""
    coming: int = 0
    """The pid of the engine that was started last, until it listens."""
    alive: dict[int, str] = field(default_factory=dict)
    """pid -> model of the engines that have not ended."""
    is_untold: bool = True
    """An engine serves that was there before the recording."""
    model_before: str = ""
    """Of that engine: processes whose start was not told are its own. Empty when there was none."""
    is_first: bool = True
    """Nothing was taken in yet."""
    numbers: ProcessNumbers | None = None
    kernel: KernelNumbers = EMPTY_KERNEL
    unreported: Unreported = field(default_factory=Unreported)
    bursts: dict[int, BurstView] = field(default_factory=dict)
    run: RunTold = field(default_factory=RunTold)
    seen: dict[int, Seen] = field(default_factory=dict)
    """What the kernel said at the last look, of the connections that mattered."""
    copies: tuple[Copy, ...] = ()
    """And which closed ones were still open."""

    def __post_init__(self) -> None:
        self.model_before = self.model

    def take(self, event: Event) -> None:
        """Take in a line: what was told beside the events, and what events tell of engines."""
        if is_told(event):
            self._take_told(event)
        elif event.kind in (Kind.SPAWN, Kind.LISTEN, Kind.EXIT):
            self._take_engine(event)
        self.is_first = False

    def status(self, url: str) -> RunStatus:
        """What ran then."""
        serving = self.alive.get(self.engine_pid or 0)
        coming = self.alive.get(self.coming)
        phase = "serving" if serving or self.is_untold else "dead"
        if coming:
            phase = f"switching to {coming}" if phase == "serving" else "starting"
        told = asdict(self.run)
        return RunStatus(
            model=coming or serving or self.model,
            url=url,
            mode=self.mode,
            engine_pid=self.engine_pid
            if serving
            else told["engine_pid"]
            if self.is_untold
            else None,
            phase=phase,
            draining=len(self.alive.keys() - {self.coming, self.engine_pid}),
            **{name: value for name, value in told.items() if name != "engine_pid"},
        )

    def _take_engine(self, event: Event) -> None:
        """An engine is started by the terminal's process, and serves from when it listens."""
        match event.kind, event.note.split():
            case Kind.SPAWN, ["process", pid, "engine", *name] if pid.isdecimal() and is_known(
                " ".join(name)
            ):
                self.coming = int(pid)
                self.alive[self.coming] = " ".join(name)
                if self.is_first:
                    self.is_untold, self.model_before = False, ""
            case Kind.LISTEN, _ if event.pid in self.alive or self.engine_pid not in self.alive:
                self.engine_pid, self.is_untold = event.pid, False
                self.model = self.alive.setdefault(event.pid, self.model)
                self.coming = 0 if self.coming == event.pid else self.coming
            case Kind.EXIT, ["process", pid, *_] if pid.isdecimal():
                self.alive.pop(int(pid), None)

    def _take_told(self, event: Event) -> None:
        match told(event):
            case str(mode):
                self.mode = mode
            case ProcessNumbers() as numbers:
                self.numbers = numbers
            case KernelNumbers() as kernel:
                self.kernel = kernel
            case RunTold() as run:
                self.run = run
            case LookTold() as look:
                apply(look, self.seen)
                self.copies = look.copies
            case Unreported() as unreported:
                self.unreported = unreported
            case BurstView() as view:
                self.bursts[view.number] = view
                if len(self.bursts) > BURSTS_KEPT:
                    del self.bursts[min(self.bursts)]
