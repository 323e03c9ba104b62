"""The rooms in which requests wait, side by side: where it fills up is where they wait.

WHERE REQUESTS WAIT  now, longest wait, share   unread 249 B   unsent 2.8 MB
y SYN retry  q accept queue  u unread   a app queue  H handler   S unsent   _ idle   t TIME_WAIT  c CLOSE_WAIT
0            12 / 128        3          -            8           1          40       312          0
             402 ms          12 ms                   1.20 s      3.1 s      4 s      12 s
·········    ▇▇▇▇▇▇▇······   ▇▇·······               ▇▇▇▇·····   ▇·······

The name of the room that fills is reversed.
"""

from collections.abc import Sequence

from engine.views.kernel_numbers import KernelNumbers
from engine.views.rooms import ROOMS, RoomMeaning, Rooms
from engine.views.snapshot import Room
from tui.format import Line, Span, brief, count, first_that_fits, plain, size
from tui.words import ROOM_ROLES, longest_wait, waited

TITLE = "WHERE REQUESTS WAIT"
BAR, TRACK = "▇", "·"
FILLS_FROM = 2  # that wait in it,
FILLS_AFTER_MS = 100  # one of them for so long: what only passes through does not flicker
NEARLY = 0.85  # of a limit: said as a warning
LEAST = 10  # columns of a room with its full name,
LEAST_SHORT = 7  # and with its short one
AMPLE = 140  # columns from which on the title says of what a share is
LEFT_WIDTH = 17  # from which on two times have room in it
RESTS = ("idle", "time_wait", "close_wait")  # no request waits there
NAMED_FIRST = ("accept_queue", "unread", "app_queue", "time_wait", "syn_retry", "close_wait")
"""Where there is one line for all: no legend has their letters."""
_SHORT = {"syn_retry": "SYN", "accept_queue": "accept", "app_queue": "app"}
_SHORT |= {"time_wait": "TIME_W", "close_wait": "CLOSE_W"}


def lines(rooms: Rooms, kernel: KernelNumbers, width: int, most: int) -> list[Line]:
    """In 1 line, each with its number; in 3, names, numbers and times; in 5, a title and bars, too; in 6,
    where there is room, how long those waited that have left."""
    if most < 3:
        return [_letters(rooms, width)][:most]
    widths = _widths(width)
    if sum(widths) + len(widths) - 1 > width:
        return [_letters(rooms, width)]
    fullest = _that_fills(rooms)
    names = _spread(
        [_name(name, w, fullest) for name, w in zip(ROOMS, widths, strict=True)], widths
    )
    nows = _spread(
        [_now(name, rooms[name], w) for name, w in zip(ROOMS, widths, strict=True)], widths
    )
    times = [_spread([longest_wait(name, rooms[name]) for name in ROOMS], widths)]
    if most < 5:
        return [names, nows, *times]
    if tells_left := most > 5 and min(widths) >= LEFT_WIDTH:
        times.append(_spread([_left(name, rooms[name]) for name in ROOMS], widths))
    title = _title(kernel, width, tells_left=tells_left)
    return [title, names, nows, *times, _in_columns(_bars(rooms, widths), widths)]


def _widths(width: int) -> list[int]:
    """Of the rooms, with one column between them; what is left goes to all alike."""
    full = [max(len(meaning.title) + 2, LEAST) for meaning in ROOMS.values()]
    short = [max(len(_short(name, told)) + 2, LEAST_SHORT) for name, told in ROOMS.items()]
    gaps = len(ROOMS) - 1
    widths = full if sum(full) + gaps <= width else short
    more = max(width - sum(widths) - gaps, 0) // len(widths)
    return [each + min(more, LEAST) for each in widths]


def _short(name: str, told: RoomMeaning) -> str:
    return _SHORT.get(name, told.title)


def _spread(cells: Sequence[Span], widths: Sequence[int]) -> Line:
    """The cells of one line, each in its column."""
    return _in_columns([(cell,) for cell in cells], widths)


def _in_columns(cells: Sequence[Line], widths: Sequence[int]) -> Line:
    spans: list[Span] = []
    for cell, width in zip(cells, widths, strict=True):
        spans += [*cell, (" " * (width + 1 - len(plain(cell))), "text")]
    return tuple(spans[:-1])


# --- cells ------------------------------------------------------------------------------------------


def _title(kernel: KernelNumbers, width: int, *, tells_left: bool) -> Line:
    left = "p50 / p99 of those that have left, " if tells_left else ""
    told = f"  now, longest wait, {left}share{' of those that wait' if width >= AMPLE else ''}"
    if not kernel.rooms:
        told += "   -: not told by the kernel"
    for name, number in _of_no_room(kernel):
        addition = f"   {name} {number}"
        if len(TITLE) + len(told) + len(addition) <= width:
            told += addition
    return ((TITLE, "title"), (first_that_fits((told, ""), width - len(TITLE)), "name"))


def _of_no_room(kernel: KernelNumbers) -> list[tuple[str, str]]:
    """What has a name of its own, unless it is none or not known. What comes and goes in each frame stands
    last, so that it moves nothing."""
    counts = (
        ("listen overflows of the machine", kernel.listen_overflows),
        ("listen drops of the machine", kernel.listen_drops),
        ("TIME_WAIT of clients", kernel.client_time_wait),
        ("CLOSE_WAIT of clients", kernel.client_close_wait),
    )
    sizes = (
        ("unread", kernel.unread_bytes),
        ("app queue", kernel.queued_bytes),
        ("unsent", kernel.unsent_bytes),
    )
    told = [(name, count(number)) for name, number in counts if number]
    return told + [(name, size(number)) for name, number in sizes if number]


def _that_fills(rooms: Rooms) -> str:
    """The one in which most wait, and not for a moment only; empty: there is none."""
    held = {
        name: room.now
        for name, room in rooms.items()
        if room
        and name not in RESTS
        and room.now >= FILLS_FROM
        and (room.longest_ms is None or room.longest_ms >= FILLS_AFTER_MS)
    }
    return max(held, key=held.__getitem__, default="")


def _name(name: str, width: int, fullest: str) -> Span:
    told = ROOMS[name]
    title = told.title if len(told.title) + 2 <= width else _short(name, told)
    return f"{told.letter} {title}", "chosen" if name == fullest else "name"


def _now(name: str, room: Room | None, width: int) -> Span:
    if room is None:
        return "-", "name"
    texts = [brief(room.now)]
    if room.limit is not None:
        texts = [f"{room.now:,} / {room.limit:,}", f"{room.now}/{room.limit}", *texts]
    return first_that_fits(texts, width), _role(name, room)


def _role(name: str, room: Room) -> str:
    if room.limit is not None and room.now >= room.limit * NEARLY:
        return "warning"
    return ROOM_ROLES[name] if room.now else "name"


def _left(name: str, room: Room | None) -> Span:
    if room is None or room.p50_ms is None:
        return "", "text"
    return f"{waited(name, room.p50_ms)} / {waited(name, room.p99_ms)}", "name"


def _bars(rooms: Rooms, widths: Sequence[int]) -> list[Line]:
    """The share of each room in all that wait: a whole column is all of them."""
    waiting = {name: room.now for name, room in rooms.items() if room and name not in RESTS}
    total = sum(waiting.values())
    cells: list[Line] = []
    for name, width in zip(ROOMS, widths, strict=True):
        full = (width - 1) * (name in waiting and total > 0)
        bar = -(-waiting.get(name, 0) * full // max(total, 1))
        cells.append(((BAR * bar, ROOM_ROLES[name]), (TRACK * (full - bar), "closed")))
    return cells


def _letters(rooms: Rooms, width: int) -> Line:
    """`SYN 0 accept 12/128 unread 3 app - H8 S1 _40 TIME_W 312 c0`: names as far as there is room."""
    told = {name: _now(name, rooms[name], LEAST_SHORT) for name in ROOMS}
    told = {name: (now.replace(" / ", "/"), role) for name, (now, role) in told.items()}
    room = width + 1 - sum(len(now) + 2 for now, _ in told.values())
    heads = {name: meaning.letter for name, meaning in ROOMS.items()}
    for name in NAMED_FIRST:
        named = _short(name, ROOMS[name])
        if len(named) <= room:
            heads[name] = named
            room -= len(named)
    spans: list[Span] = []
    used = 0
    fullest = _that_fills(rooms)
    for name, (now, role) in told.items():
        parts = [(heads[name], "chosen" if name == fullest else "name"), (now, role)]
        if len(heads[name]) > 1:
            parts[1:1] = [(" ", "text")]
        used += len(plain(tuple(parts))) + 1
        if used > width + 1:
            break
        spans += [*parts, (" ", "text")]
    return tuple(spans[:-1])
