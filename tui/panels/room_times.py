"""The rooms below one another, with how long those waited that have left, and who tells of them.

ROOMS  where requests wait; p50 and p99 of the last that have left
room           now   limit    longest       p50       p99 what it is
q accept queue  12     128     402 ms   < 10 ms    380 ms connected, and nobody has accepted it
y SYN retry      -       -          -         -         - not known: clients may be on other machines
of the machine: listen overflows 0, listen drops 2  of clients: TIME_WAIT 7, CLOSE_WAIT 0
Of those outside of the server the kernel tells.

IN THE ACCEPT QUEUE  the 8 of 12 that wait longest
127.0.0.1:40112  402 ms   127.0.0.1:40114  365 ms
"""

from engine.views.kernel_numbers import KernelNumbers
from engine.views.rooms import OF_THE_KERNEL, ROOMS, Rooms
from engine.views.snapshot import Room
from tui.format import (
    Column,
    Line,
    Span,
    choose,
    count,
    first_that_fits,
    flowed,
    heading,
    table_row,
    wrapped,
)
from tui.words import ROOM_ROLES, longest_wait, waited

WHAT_WIDTH = 56  # of the longest
NOTE = "Of those outside of the server the kernel tells."
IN_QUEUE = "IN THE ACCEPT QUEUE"
IN_QUEUE_GAP = 3  # cells between two who wait there
WAIT_WIDTH = 7  # `1.20 s`, `0.85 ms`
Row = tuple[str, Room | None, str]
"""Its name, what it holds, and what is said of it."""


def lines(rooms: Rooms, kernel: KernelNumbers, width: int) -> list[Line]:
    """A title, headings, and a line for each room."""
    chosen = choose(_COLUMNS, width)
    told = "  where requests wait; p50 and p99 of the last that have left", "  where requests wait"
    rows = [(name, room, _said(name, room, kernel)) for name, room in rooms.items()]
    return [
        (),
        (("ROOMS", "title"), (first_that_fits(told, width - len("ROOMS")), "name")),
        heading(chosen),
        *(table_row(chosen, row, None) for row in rows),
        (),
        *(_apart(row) for row in rows if row[1] is None and len(chosen) < len(_COLUMNS)),
        *flowed(_of_no_room(kernel), width),
        *(((part, "hint"),) for part in wrapped(NOTE, width)),
        *_in_the_queue(kernel, width),
    ]


def _in_the_queue(kernel: KernelNumbers, width: int) -> list[Line]:
    """Who waits to be accepted, the longest wait first, in as many columns as fit."""
    waits, room = kernel.accept_queue_ms, kernel.rooms.get("accept_queue")
    if not waits or room is None:
        return []
    some = f"the {len(waits)} of {count(room.now)} that wait longest"
    told = some if room.now > len(waits) else "who waits there"
    peer_width = max(map(len, waits)) + 1
    columns = max((width + IN_QUEUE_GAP) // (peer_width + WAIT_WIDTH + IN_QUEUE_GAP), 1)
    cells: list[Line] = [
        (
            (" " * IN_QUEUE_GAP * (number % columns > 0), "text"),
            (peer.ljust(peer_width), "text"),
            (waited("accept_queue", ms).rjust(WAIT_WIDTH), "value"),
        )
        for number, (peer, ms) in enumerate(waits.items())
    ]
    rows = [sum(cells[at : at + columns], ()) for at in range(0, len(cells), columns)]
    return [(), ((IN_QUEUE, "title"), (f"  {told}", "name")), *rows]


def _said(name: str, room: Room | None, kernel: KernelNumbers) -> str:
    if room is not None:
        return ROOMS[name].meaning
    if name in OF_THE_KERNEL:
        if not kernel.rooms:
            return "not known: the kernel does not tell of its sockets"
        return "not known: clients may be on other machines"
    if name == "app_queue":
        return "this model has none"
    return "not known: connections are only counted, or not watched"


def _of_no_room(kernel: KernelNumbers) -> list[Span]:
    overflows, drops = _told(kernel.listen_overflows), _told(kernel.listen_drops)
    time_wait, close_wait = _told(kernel.client_time_wait), _told(kernel.client_close_wait)
    return [
        (f"of the machine: listen overflows {overflows}, listen drops {drops}", "text"),
        (f"of clients: TIME_WAIT {time_wait}, CLOSE_WAIT {close_wait}", "text"),
    ]


def _told(number: int | None) -> str:
    return "-" if number is None else count(number)


def _apart(row: Row) -> Line:
    """Why a room is not known, where there is no column for it."""
    return ((f"{ROOMS[row[0]].title}: ", "name"), (row[2], "name"))


def _room(row: Row, _: None) -> Line:
    told = ROOMS[row[0]]
    return (
        (f"{told.letter} {told.title}", ROOM_ROLES[row[0]] if row[1] and row[1].now else "text"),
    )


def _now(row: Row, _: None) -> Line:
    return ((count(row[1].now), "value") if row[1] else ("-", "name"),)


def _limit(row: Row, _: None) -> Line:
    limit = row[1].limit if row[1] else None
    return (("-", "name") if limit is None else (count(limit), "text"),)


def _longest(row: Row, _: None) -> Line:
    text, role = longest_wait(row[0], row[1])
    return ((text or "-", role if text else "name"),)


def _p50(row: Row, _: None) -> Line:
    return _percentile(row[0], row[1].p50_ms if row[1] else None)


def _p99(row: Row, _: None) -> Line:
    return _percentile(row[0], row[1].p99_ms if row[1] else None)


def _percentile(name: str, ms: float | None) -> Line:
    return ((waited(name, ms), "name" if ms is None else "text"),)


def _what(row: Row, _: None) -> Line:
    return ((row[2], "name"),)


_COLUMNS: tuple[tuple[int, Column], ...] = (
    (0, Column("room", 14, 14, _room)),
    (1, Column("now", 7, 7, _now, is_right=True)),
    (5, Column("limit", 7, 7, _limit, is_right=True)),
    (2, Column("longest", 9, 9, _longest, is_right=True)),
    (3, Column("p50", 9, 9, _p50, is_right=True)),
    (4, Column("p99", 9, 9, _p99, is_right=True)),
    (6, Column("what it is", WHAT_WIDTH, WHAT_WIDTH, _what)),
)
