"""One connection told whole: its events, and the requests that they add up to. Pure."""

from dataclasses import dataclass

from engine.events import Event
from engine.kernel_numbers import KernelView
from engine.request_life import Request, Split
from engine.snapshot import ConnectionView


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


def life_of(request: Request) -> RequestLife:
    """It, frozen."""
    answered_ns, split = request.answered_ns, request.split
    is_answered = answered_ns is not None
    return RequestLife(
        title=request.title,
        asked_ns=request.asked_ns,
        answered_ns=answered_ns,
        sent_ns=answered_ns + split.unsent if answered_ns is not None and split else None,
        status=request.status if is_answered else "",
        length=request.length if is_answered else 0,
        unsent=request.unsent if is_answered else 0,
        accept_queue_ns=request.accept_queue_ns,
        unread_ns=request.unread_ns,
        app_queue_ns=request.app_queue_ns,
        split=split,
    )
