"""What a recording tells beside the events, in their form: modes, numbers, bursts, totals, looks.

A reader trusts none of it, since a file may come from anybody. Pure.
"""

import json
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from typing import Any

from engine.events import KIND_NAMES, Event, Kind, Unreported, printable
from engine.findings.moment import Copy
from engine.recordings.told_look import COPIES_MOST, HOLDERS_MOST, VIEWS_MOST, LookTold, Seen
from engine.views.kernel_numbers import KernelNumbers, KernelView
from engine.views.rooms import ROOMS
from engine.views.snapshot import BurstView, ProcessNumbers, Room, RunStatus

MODES = ("keep-alive", "short")
TELLER = "servetui"  # the task of what is told beside the events; no model calls a thread so
WORDS_MOST = 20  # lines of what an engine said at its end
TEXT_MOST = 400  # letters of a text that is no event's: a word of the command, a path
LONG = 2**64 - 1
_KINDS = {name: kind for kind, name in KIND_NAMES.items()}


@dataclass(frozen=True, slots=True)
class RunTold:
    """What a run knows of itself that no event tells; the fields are those of RunStatus."""

    engine_pid: int | None = None
    thinning: int = 1
    last_words: tuple[str, ...] = ()
    cap: int = 0
    refused: int = 0
    refused_for_lack: int = 0
    restarts: int = 0


Told = str | BurstView | ProcessNumbers | KernelNumbers | Unreported | RunTold | LookTold
"""The mode from now on; how far a burst has got; numbers; totals; how the run goes; a look for findings."""


class MalformedError(ValueError):
    """A value that nothing of ours writes."""


def unreported_values(unreported: Unreported) -> dict[str, Any]:
    """In the form in which it is told: `{"dropped": {"send": 5}, ..., "life_lost": 0}`."""
    values: dict[str, Any] = {"life_lost": unreported.life_lost}
    for name in _COUNTERS:
        counter = getattr(unreported, name)
        values[name] = {KIND_NAMES[kind]: number for kind, number in counter.items()}
    return values


def run_values(status: RunStatus) -> dict[str, Any]:
    """In the form in which it is told. Of many last words, as of a traceback, those at both ends."""
    values = {field.name: getattr(status, field.name) for field in fields(RunTold)}
    words = [printable(word, TEXT_MOST) for word in status.last_words]
    return values | {
        "last_words": words if len(words) <= WORDS_MOST else [words[0], *words[1 - WORDS_MOST :]]
    }


def is_told(event: Event) -> bool:
    """Whether it is no event of the server, but a line of Recording.tell."""
    return event.task == TELLER and event.kind is Kind.TICK and event.fd == -1 and not event.conn


def is_look(event: Event) -> bool:
    """Whether it tells that findings were looked for."""
    return event.kind is Kind.TICK and event.note.startswith("look ") and is_told(event)


def told(event: Event) -> Told | None:
    """What a line of Recording.tell says; None for events of the server, and for words that this
    version does not know. Raises ValueError."""
    what, _, values = event.note.partition(" ")
    if what not in _TOLD or not is_told(event):
        return None
    try:
        return _TOLD[what](sound(json.loads(values), dict))
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise MalformedError(f"what it tells of {what}") from error


_JSON_TYPES: dict[Any, tuple[type, ...]] = {one: (one,) for one in (str, bool, int, dict, list)}
_JSON_TYPES |= {float: (float, int), int | None: (int, type(None))}
_JSON_TYPES[dict[str, int]] = _JSON_TYPES[dict[str, float]] = (dict,)
_JSON_TYPES[float | None] = (float, int, type(None))
_JSON_TYPES[tuple[int, ...]] = _JSON_TYPES[tuple[str, ...]] = (list, tuple)
"""How a field of a record is declared -> what it may be when it comes out of JSON."""


def sound(value: Any, declared: Any) -> Any:
    """The value, if it is what it is declared to be; texts are made printable."""
    if type(value) not in _JSON_TYPES[declared]:
        raise MalformedError("a value of the wrong type")
    if declared in (tuple[int, ...], tuple[str, ...]):
        of = int if declared == tuple[int, ...] else str
        return tuple(sound(one, of) for one in value)
    if declared in (dict[str, int], dict[str, float]):
        figure = int if declared == dict[str, int] else float
        return {sound(name, str): sound(number, figure) for name, number in value.items()}
    if type(value) is str:
        return printable(value, TEXT_MOST)
    if type(value) in (int, float) and not 0 <= value <= LONG:  # so NaN is none either
        raise MalformedError("a number out of range")
    return value


def mode_of(value: Any) -> str:
    """One of MODES. Raises ValueError."""
    return MODES[MODES.index(value)]


def _filled(record: Any, values: dict[str, Any]) -> Any:
    """A record of this class; fields that were not told have their defaults."""
    told_fields = [field for field in fields(record) if field.name in values]
    return record(**{one.name: sound(values[one.name], one.type) for one in told_fields})


def _kernel(values: dict[str, Any]) -> KernelNumbers:
    told_rooms = sound(values["rooms"], dict)
    rooms = {
        name: _filled(Room, sound(told_rooms[name], dict)) for name in ROOMS if name in told_rooms
    }
    numbers = {name: value for name, value in values.items() if name != "rooms"}
    kernel: KernelNumbers = _filled(KernelNumbers, numbers)
    return replace(kernel, rooms=rooms)


def _look(values: dict[str, Any]) -> LookTold:
    seen = _at_most(values.get("seen", {}), dict, VIEWS_MOST).items()
    gone = sound(_at_most(values.get("gone", []), list, VIEWS_MOST), tuple[int, ...])
    copies = _at_most(values.get("copies", []), list, COPIES_MOST)
    return LookTold(
        {sound(int(conn), int): _seen(one) for conn, one in seen}, gone, tuple(map(_copy, copies))
    )


def _at_most(values: Any, kind: type, most: int) -> Any:
    if sound(values, kind) is not values or len(values) > most:
        raise MalformedError("more than a look sees")
    return values


def _seen(values: Any) -> Seen:
    state, *numbers, since_ns = _at_most(values, list, len(fields(KernelView)) + 1)
    view = KernelView(sound(state, str), *(sound(number, int) for number in numbers))
    return view, sound(since_ns, int)


def _copy(values: Any) -> Copy:
    conn, number, for_ms, pids = _at_most(values, list, len(Copy._fields))
    holders = sound(_at_most(pids, list, HOLDERS_MOST), tuple[int, ...])
    return Copy(sound(conn, int), sound(number, int), sound(for_ms, float), holders)


def _unreported(values: dict[str, Any]) -> Unreported:
    tallies = (sound(values[name], dict[str, int]).items() for name in _COUNTERS)
    counters = [Counter({_KINDS[kind]: number for kind, number in each}) for each in tallies]
    return Unreported(counters[0], counters[1], counters[2], sound(values["life_lost"], int))


_COUNTERS = ("dropped", "thinned", "bytes")  # of Unreported
_TOLD: dict[str, Callable[[dict[str, Any]], Told]] = {
    "mode": lambda values: mode_of(values["mode"]),
    "numbers": lambda values: _filled(ProcessNumbers, values),
    "kernel": _kernel,
    "burst": lambda values: _filled(BurstView, {**values, "number": values["index"]}),
    "unreported": _unreported,
    "run": lambda values: _filled(RunTold, values),
    "look": _look,
}
