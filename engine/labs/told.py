"""What is asked of the process that plays a lab, and what it tells, a line of JSON each. Pure.

Both ends are ours: a parent and its child, of the same version.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from types import SimpleNamespace
from typing import Any, Self

from engine.events import Event, Kind
from engine.findings.finding import Finding, Level
from engine.labs.lab import Act, Claim, Figure, Lab
from engine.views.kernel_numbers import EMPTY_KERNEL, AcceptQueue, KernelNumbers
from engine.views.snapshot import (
    EMPTY_NUMBERS,
    EMPTY_SNAPSHOT,
    ConnectionView,
    Counts,
    ProcessNumbers,
    Room,
    RunStatus,
    Snapshot,
    State,
)
from engine.views.worker_view import WorkerState, WorkerView

ROWS = 60  # of the table, in a scene: more than a screen has room for
EVENTS, WORKERS = 30, 20
NO_STATUS = RunStatus("", "", "", None, "starting")


@dataclass(frozen=True, slots=True)
class Asked:
    """Which lab, which acts of it, and whether somebody looks on."""

    name: str
    acts: tuple[bool, ...] = (False, True)
    """`mended` of each."""
    parent_pid: int | None = None
    shows: bool = False
    """Tell a scene now and then."""

    def to_json(self) -> str:
        """One line, for `from_json`."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Raises ValueError or TypeError for what is no such line."""
        values = json.loads(text)
        return cls(**values | {"acts": tuple(values["acts"])})


@dataclass(frozen=True, slots=True)
class Scene:
    """The lab's server at a moment, as a dashboard would show it, and what the script has said so far."""

    seconds: float = 0.0
    """Since the script began."""
    claims: tuple[Claim, ...] = ()
    figures: dict[str, Figure] = field(default_factory=dict)
    findings: tuple[Finding, ...] = ()
    status: RunStatus = NO_STATUS
    snapshot: Snapshot = EMPTY_SNAPSHOT
    """With a window of rows, the last events and the first workers."""
    numbers: ProcessNumbers = EMPTY_NUMBERS
    kernel: KernelNumbers = EMPTY_KERNEL


@dataclass(frozen=True, slots=True)
class Told:
    """How far it is."""

    acts: tuple[Act, ...] = ()
    """Those that have been played."""
    scene: Scene | None = None
    """Of the one that is played now; None: nobody looks on, or it has not begun."""
    is_final: bool = False

    def to_json(self) -> str:
        """One line, for `from_json`."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Raises ValueError, KeyError or TypeError for what is no such line."""
        values = json.loads(text)
        acts = tuple(_act(each) for each in values["acts"])
        scene = values["scene"] and _scene(values["scene"])
        return cls(acts, scene, values["is_final"])


def bare(snapshot: Snapshot) -> Snapshot:
    """Without what a scene leaves out."""
    events = snapshot.events[-EVENTS:]
    known = {one.conn for one in events}
    return replace(
        snapshot,
        events=events,
        numbers={conn: number for conn, number in snapshot.numbers.items() if conn in known},
        worker_views=snapshot.worker_views[:WORKERS],
        unreported=_NOTHING,
    )


def answer_of(lab: Lab, acts: tuple[Act, ...]) -> str:
    """The answer, with the figures of both acts in it."""
    first, second = acts
    return lab.answer.format(**first.figures, mended=SimpleNamespace(**second.figures))


_NOTHING = EMPTY_SNAPSHOT.unreported


def _act(values: dict[str, Any]) -> Act:
    told = {name: _finding(each) for name, each in values["told"].items()}
    return Act(**values | {"claims": _claims(values), "told": told})


def _claims(values: dict[str, Any]) -> tuple[Claim, ...]:
    return tuple(Claim(**each) for each in values["claims"])


def _scene(values: dict[str, Any]) -> Scene:
    return Scene(
        values["seconds"],
        _claims(values),
        values["figures"],
        tuple(map(_finding, values["findings"])),
        RunStatus(**values["status"] | _tuples(values["status"])),
        _snapshot(values["snapshot"]),
        ProcessNumbers(**values["numbers"] | _tuples(values["numbers"])),
        _kernel(values["kernel"]),
    )


def _finding(values: dict[str, Any]) -> Finding:
    return Finding(**values | {"level": Level(values["level"]), **_tuples(values)})


def _kernel(values: dict[str, Any]) -> KernelNumbers:
    queues = tuple(AcceptQueue(**each) for each in values["queues"])
    told = {"rooms": _rooms(values), "queues": queues}
    return KernelNumbers(**values | _tuples(values) | told)


def _snapshot(values: dict[str, Any]) -> Snapshot:
    connections = tuple(
        ConnectionView(**each | {"state": State(each["state"])}) for each in values["connections"]
    )
    told = {"counts": Counts(**values["counts"]), "rooms": _rooms(values)}
    told |= {"connections": connections, "unreported": _NOTHING}
    told["numbers"] = {int(conn): number for conn, number in values["numbers"].items()}
    told["events"] = tuple(Event(*each)._replace(kind=Kind(each[2])) for each in values["events"])
    told["worker_views"] = tuple(
        WorkerView(**each | {"state": WorkerState(each["state"])})
        for each in values["worker_views"]
    )
    return Snapshot(**values | _tuples(values) | told)


def _rooms(values: dict[str, Any]) -> dict[str, Room]:
    return {name: Room(**each) for name, each in values["rooms"].items()}


def _tuples(values: Mapping[str, Any]) -> dict[str, Any]:
    """JSON has lists only."""
    return {name: tuple(value) for name, value in values.items() if isinstance(value, list)}
