"""What a recording tells beside the events, in their form: modes, numbers, bursts, totals.

A reader trusts none of it, since a file may come from anybody. Pure.
"""

import json
from collections import Counter
from collections.abc import Callable
from dataclasses import fields, replace
from typing import Any

from engine.events import KIND_NAMES, Event, Kind, Unreported, printable
from engine.kernel_numbers import KernelNumbers
from engine.rooms import ROOMS
from engine.snapshot import BurstView, ProcessNumbers, Room

MODES = ("keep-alive", "short")
TELLER = "servetui"  # the task of what is told beside the events; no model calls a thread so
TEXT_MOST = 400  # letters of a text that is no event's: a word of the command, a path
LONG = 2**64 - 1
_KINDS = {name: kind for kind, name in KIND_NAMES.items()}

Told = str | BurstView | ProcessNumbers | KernelNumbers | Unreported
"""The mode from now on; how far a burst has got; numbers; totals."""


class MalformedError(ValueError):
    """A value that nothing of ours writes."""


def unreported_values(unreported: Unreported) -> dict[str, Any]:
    """In the form in which it is told: `{"dropped": {"send": 5}, ..., "life_lost": 0}`."""
    values: dict[str, Any] = {"life_lost": unreported.life_lost}
    for name in _COUNTERS:
        counter = getattr(unreported, name)
        values[name] = {KIND_NAMES[kind]: number for kind, number in counter.items()}
    return values


def is_told(event: Event) -> bool:
    """Whether it is no event of the server, but a line of Recording.tell."""
    return event.task == TELLER and event.kind is Kind.TICK and event.fd == -1 and not event.conn


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


_JSON_TYPES: dict[Any, tuple[type, ...]] = {one: (one,) for one in (str, bool, int, dict)}
_JSON_TYPES |= {float: (float, int), int | None: (int, type(None)), dict[str, int]: (dict,)}
_JSON_TYPES[float | None] = (float, int, type(None))
_JSON_TYPES[tuple[int, ...]] = (list, tuple)
"""How a field of a record is declared -> what it may be when it comes out of JSON."""


def sound(value: Any, declared: Any) -> Any:
    """The value, if it is what it is declared to be; texts are made printable."""
    if type(value) not in _JSON_TYPES[declared]:
        raise MalformedError("a value of the wrong type")
    if declared == tuple[int, ...]:
        return tuple(sound(number, int) for number in value)
    if declared == dict[str, int]:
        return {sound(name, str): sound(number, int) for name, number in value.items()}
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
}
