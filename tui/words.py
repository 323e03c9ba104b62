"""How states and events are told, wherever they are: their words, and the roles that colour them."""

from engine.events import Event, Kind
from engine.views.snapshot import STATE_MEANINGS, ConnectionView, Room, State
from tui.format import Span, age, milliseconds, size

STATE_ROLES = {
    State.ACCEPTED: "accepted",
    State.READING: "reading",
    State.HANDLER: "handler",
    State.UNSENT: "unsent",
    State.IDLE: "idle",
    State.CLOSED: "closed",
}
LETTER_ROLES = {
    "A": "accepted",
    "r": "reading",
    "H": "handler",
    "s": "sent",
    "S": "unsent",
    "_": "idle",
    "X": "text",
    "x": "text",
    "~": "torn",
    " ": "text",
    "q": "accepted",
    "u": "reading",
    "a": "reading",
    ":": "closed",
}
KIND_ROLES = {
    Kind.ACCEPT: "accepted",
    Kind.RECV: "reading",
    Kind.REQUEST: "handler",
    Kind.RESPONSE: "sent",
    Kind.SEND: "sent",
    Kind.ERROR: "warning",
    Kind.TICK: "torn",
}
ROOM_ROLES = {
    "syn_retry": "warning",
    "accept_queue": "accepted",
    "unread": "reading",
    "app_queue": "reading",
    "handler": "handler",
    "unsent": "unsent",
    "idle": "idle",
    "time_wait": "closed",
    "close_wait": "torn",
}
CUT = "cut"  # closed by nobody: the process that served it was killed
ONLY_COUNTED = "only counted"  # under so much load that one cannot say what it does now
RESTING = ("idle", "time_wait", "close_wait")  # for long, in whole seconds: so seldom painted anew
IN_JIFFIES = ("accept_queue", "unread")  # the kernel counts their waits so
SHORTER = {"client reset the connection": "reset by client"}
KILLED, KILLED_SHORTER = " killed by signal ", " killed, signal "


def what(event: Event) -> str:
    """An event's bytes and note in words."""
    if event.kind is Kind.TICK:
        return _unreported(event.note.split())
    words = []
    if event.kind is Kind.RECV and not event.bytes:
        words.append("end of stream")
    elif event.bytes:
        words.append(size(event.bytes))
    if event.unread_us:
        words.append(f"unread for {milliseconds(event.unread_us / 1e3)}")
    elif event.note:
        words.append(SHORTER.get(event.note, event.note).replace(KILLED, KILLED_SHORTER))
    return "  ".join(words)


def _unreported(words: list[str]) -> str:
    """The note of a tick in words: `thinned requests 76 in 3040 out 126616`, or `lost 3`."""
    match words:
        case ["thinned", "requests", number, *_]:
            return f"{number} requests counted without detail"
        case ["queue", "put", number]:
            return f"into the app queue, {number} wait"
        case ["queue", "take", *number]:
            return f"out of the app queue, {number[0] if number else 0} wait"
        case ["lost", number]:
            return f"{number} events lost"
    return " ".join(words)


def state_of(view: ConnectionView) -> Span:
    """The state of a connection, as far as its own events tell it."""
    if view.closed_by == CUT:
        return "! cut", "warning"
    if view.last == ONLY_COUNTED:
        return "~ counted", "torn"
    return f"{view.letter} {STATE_MEANINGS[view.state].name}", STATE_ROLES[view.state]


def longest_wait(name: str, room: Room | None) -> Span:
    """The longest wait of those in it; empty: there is none, or it is not known."""
    if room is None or not room.now or room.longest_ms is None:
        return "", "text"
    if name in RESTING or room.longest_ms >= 100_000:
        return age(int(room.longest_ms / 1e3)), "text"
    return waited(name, room.longest_ms), "text"


def waited(name: str, ms: float | None) -> str:
    """How long something was in a room. Of some the kernel tells in whole jiffies, of up to 10 ms."""
    return "< 10 ms" if ms == 0 and name in IN_JIFFIES else milliseconds(ms)
