"""The rooms in which requests wait, from the SYN to TIME_WAIT: who tells of which. Pure.

The kernel knows those outside of the server, events those inside.
"""

from dataclasses import dataclass, replace

from engine.views.kernel_numbers import KernelNumbers
from engine.views.snapshot import ProcessNumbers, Room, Snapshot


@dataclass(frozen=True, slots=True)
class RoomMeaning:
    """How a room is told to people."""

    title: str
    letter: str
    meaning: str


ROOMS = {
    "syn_retry": RoomMeaning("SYN retry", "y", "the client repeats its SYN: nothing took it"),
    "accept_queue": RoomMeaning("accept queue", "q", "connected, and nobody has accepted it"),
    "unread": RoomMeaning("unread", "u", "bytes have come that the server has not read"),
    "app_queue": RoomMeaning("app queue", "a", "a request waits for a free worker"),
    "handler": RoomMeaning("handler", "H", "a request is being answered"),
    "unsent": RoomMeaning("unsent", "S", "an answer is not all handed to the kernel"),
    "idle": RoomMeaning("idle", "_", "open, and the client asks for nothing"),
    "time_wait": RoomMeaning("TIME_WAIT", "t", "closed by the server first, and kept for a minute"),
    "close_wait": RoomMeaning("CLOSE_WAIT", "c", "closed by the client, and not by the server"),
}
"""In the order in which a request comes through them."""

OF_THE_KERNEL = ("syn_retry", "accept_queue", "unread", "time_wait", "close_wait")
"""Those outside of the server: no event tells who is there."""

LEFT = (
    "accept_queue",
    "unread",
)  # events tell how long those waited that have left it, and no more

OF_ALL = ("app_queue",)
"""Each that comes into it or leaves it tells how many wait then, be it told in detail or not."""

Rooms = dict[str, Room | None]
"""All ROOMS; None: it cannot be known."""


def rooms_of(
    snapshot: Snapshot, numbers: ProcessNumbers, kernel: KernelNumbers, *, is_traced: bool
) -> Rooms:
    """What each room holds. `is_traced` False: events tell of no or not of all connections."""
    told = {name: room for name, room in snapshot.rooms.items() if is_traced or name in OF_ALL}
    rooms: Rooms = {name: kernel.rooms.get(name, told.get(name)) for name in ROOMS}
    rooms["accept_queue"] = _accept_queue(numbers, kernel)
    rooms["unread"] = kernel.rooms.get("unread")
    for name in LEFT:
        room, finished = rooms[name], told.get(name)
        if room is not None and finished is not None:
            rooms[name] = replace(room, p50_ms=finished.p50_ms, p99_ms=finished.p99_ms)
    return rooms


def _accept_queue(numbers: ProcessNumbers, kernel: KernelNumbers) -> Room | None:
    """The table of sockets tells how many wait and since when, as the findings have it; the listener how
    many may, and how many do where there is no table. Where several sockets listen it is all of their
    queues together, though one may be full and the others empty."""
    if numbers.accept_queue is None:
        return None
    waiting, limit = kernel.rooms.get("accept_queue"), numbers.accept_queue_limit
    if waiting is None:
        return Room(numbers.accept_queue, longest_ms=None, limit=limit)
    if len(kernel.queues) > 1:
        limit = sum(queue.limit for queue in kernel.queues)
    return replace(waiting, limit=limit)
