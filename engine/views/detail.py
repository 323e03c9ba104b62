"""One connection told whole, frozen: its events, and the requests that they add up to. Pure."""

from dataclasses import dataclass
from typing import NamedTuple

from engine.events import Event
from engine.views.kernel_numbers import KernelView
from engine.views.snapshot import ConnectionView


class Split(NamedTuple):
    """The time of a finished request by rooms, in ns; they follow each other, and together are all of it.
    None: there is no such room for it, or nobody told."""

    accept_queue: int | None
    """Of the first request of a connection; at least, since before it came the client was silent."""
    unread: int | None
    """What it was made of had been received by the kernel, and not by the server; at least, since of
    what is read at once only the last packet has its time told."""
    app_queue: int | None
    handler: int
    unsent: int
    """Until the last byte of the answer was handed to the kernel."""


@dataclass(frozen=True, slots=True)
class RequestLife:
    """One request as its events tell it. Times are those of the events; None: not yet."""

    title: str
    """Method and target."""
    asked_ns: int
    """When the bytes that completed it had been received."""
    answered_ns: int | None
    """When its answer was made."""
    sent_ns: int | None
    """When the last byte of the answer was handed to the kernel."""
    status: str
    length: int
    """Bytes of the answer, head included."""
    unsent: int
    """Of those, not yet handed to the kernel."""
    accept_queue_ns: int | None
    """How long it waited in the rooms before the handler, as in Split."""
    unread_ns: int | None
    app_queue_ns: int | None
    split: Split | None
    """None: not finished."""


@dataclass(frozen=True, slots=True)
class ConnectionDetail:
    """What is known of one connection."""

    view: ConnectionView
    events: tuple[Event, ...]
    """The last ones that were kept, oldest first."""
    forgotten: int
    """Events before those, which were not kept."""
    requests: tuple[RequestLife, ...]
    """Those that began in `events`, and earlier ones that are not finished."""
    moved: tuple[Event, ...] = ()
    """Ticks with the first bytes of what was received and sent (Event.tells_bytes), oldest first."""
    kernel: KernelView | None = None
    """None: the kernel tells nothing of it, or not any more."""
