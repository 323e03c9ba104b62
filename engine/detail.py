"""One connection told whole: its events, and the requests that they add up to. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from engine.events import Event, Kind
from engine.kernel_numbers import KernelView
from engine.snapshot import ConnectionView


@dataclass(slots=True)
class RequestLife:
    """One request as its events tell it. Times are those of the events; None: not yet."""

    title: str
    """Method and target."""
    asked_ns: int
    """When the bytes that completed it had been received."""
    answered_ns: int | None = None
    """When its answer was made."""
    sent_ns: int | None = None
    """When the last byte of the answer was handed to the kernel."""
    status: str = ""
    length: int = 0
    """Bytes of the answer, head included."""
    unsent: int = 0
    """Of those, not yet handed to the kernel."""


@dataclass(frozen=True, slots=True)
class ConnectionDetail:
    """What is known of one connection."""

    view: ConnectionView
    events: tuple[Event, ...]
    """The last ones that were kept, oldest first."""
    forgotten: int
    """Events before those, which were not kept."""
    requests: tuple[RequestLife, ...]
    """Those that began in `events`."""
    moved: tuple[Event, ...] = ()
    """Ticks with the first bytes of what was received and sent (Event.tells_bytes), oldest first."""
    kernel: KernelView | None = None
    """None: the kernel tells nothing of it, or not any more."""


def requests_of(events: Iterable[Event]) -> tuple[RequestLife, ...]:
    """The requests in the events of one connection, oldest first. Answers come in their order."""
    lives: list[RequestLife] = []
    for event in events:
        if event.kind is Kind.REQUEST:
            lives.append(RequestLife(event.note, event.at_ns))
        elif event.kind is Kind.RESPONSE:
            _answer(lives, event)
        elif event.kind is Kind.SEND:
            _send(lives, event)
    return tuple(lives)


def _answer(lives: Sequence[RequestLife], event: Event) -> None:
    for life in lives:
        if life.answered_ns is None:
            life.answered_ns = event.at_ns
            life.status = event.note
            life.length = life.unsent = event.bytes
            return


def _send(lives: Sequence[RequestLife], event: Event) -> None:
    """Bytes go to the oldest answers that are not sent."""
    left = event.bytes
    for life in lives:
        if life.answered_ns is None or not left:
            return
        if life.sent_ns is None:
            taken = min(left, life.unsent)
            life.unsent -= taken
            left -= taken
            if not life.unsent:
                life.sent_ns = event.at_ns
