"""The vocabulary: one flat Event, and its wire format.

Everything speaks Event: the queue, the fold, recordings, tests, JSON output. It is one flat record
rather than a class for each kind, since it crosses processes and is counted by the hundred thousand.
No socket, no clock, no thread here.

On the wire an event, or a pair of them, is a record of 44 bytes. Texts (task, note) travel once for
each writer (a process), in records of their own before the first event that needs them; events carry
their number.
"""

import json
import re
import struct
from collections import Counter
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any, NamedTuple


class Kind(IntEnum):
    """What happened. The number is the one on the wire."""

    LISTEN = 1
    ACCEPT = 2
    RECV = 3
    REQUEST = 4
    RESPONSE = 5
    SEND = 6
    RELEASE = 7
    CLOSE = 8
    SPAWN = 9
    EXIT = 10
    ERROR = 11
    TICK = 12


# Until Python 3.12 a look at a member by its name takes a quarter of a microsecond.
_RECV, _TICK = Kind.RECV, Kind.TICK

QUEUED = "in the accept queue for "
"""How the note of such a tick begins; milliseconds follow."""

UNREAD = "unread for "
"""How the note of a recv begins whose bytes the kernel had before; microseconds follow."""
QUEUE = "queue "
"""How the note of a tick begins that tells of the queue of the server: `queue put 3`, `queue take 2`."""
TURN = "turn"
"""How the note of a tick begins that tells of a wake-up of an event loop: `turn 812`; without a number:
those that follow are not told."""
READY = "ready"
"""Before the number in a tick of a process: the longest list of ready sockets that a wait has returned."""
LONGEST_TURN = "longest-turn-us"
"""Before the number in a tick of a process: of the turns of its loop that have ended, in microseconds."""
GAUGE = "="
"""How the name of a number begins that a model gives (Service.gauge): `=runnable 3`."""
LISTENS = "listens"
"""How the note of a tick begins by which a worker tells of a listening socket of its own: `listens 4711`, the
socket's cookie."""

LIFE = frozenset(
    {Kind.LISTEN, Kind.ACCEPT, Kind.RELEASE, Kind.CLOSE, Kind.SPAWN, Kind.EXIT, Kind.ERROR}
)
"""Kinds that are never dropped to make room. The others are detail."""

KIND_NAMES = {kind: kind.name.lower() for kind in Kind}


class Event(NamedTuple):
    """One thing that a server did.

    A gap in `seq` within one thread of a process means loss; across threads order is `at_ns`.
    """

    seq: int
    """Of its thread, from 0."""
    at_ns: int
    """time.monotonic_ns() at the source: one clock for all processes of a host."""
    kind: Kind
    conn: int
    """The kernel's socket cookie; 0 where no connection is concerned."""
    fd: int
    pid: int
    task: str
    """The thread, greenlet or coroutine that did it."""
    bytes: int
    """recv, send: bytes moved (0 received is the client's end of stream); response: its length; close:
    what the client had sent and nobody read, as far as that is told."""
    line: int
    """The line of the model's source that did it; 0 where none did."""
    note: str
    """Short, escaped text: peer, method and target, status, errno name, who closed first."""

    def as_dict(self) -> dict[str, Any]:
        """The fields by name, `kind` in lower case: the form of JSON output and recordings."""
        return {**self._asdict(), "kind": KIND_NAMES[self.kind]}

    def to_json(self) -> str:
        """One line without its line end."""
        return json.dumps(self.as_dict(), separators=(",", ":"))

    @property
    def tells_bytes(self) -> bool:
        """Its note holds bytes that were received or sent; nothing has happened besides."""
        return self.kind is _TICK and self.note.startswith(BYTES_BEGIN)

    @property
    def queued_ms(self) -> int:
        """For how long a connection had been in the accept queue, which a tick tells; else 0."""
        if self.kind is not _TICK or not self.note.startswith(QUEUED):
            return 0
        told = self.note.removeprefix(QUEUED).partition(" ")[0]
        return int(told) if told.isdecimal() else 0

    @property
    def unread_us(self) -> int:
        """For how long the kernel had had the bytes of a recv; 0: that is not told."""
        if self.kind is not _RECV or not self.note.startswith(UNREAD):
            return 0
        told = self.note.removeprefix(UNREAD).partition(" ")[0]
        return int(told) if told.isdecimal() else 0

    @property
    def is_of_connection(self) -> bool:
        """Of a tick: it says something of its connection, and not only of bytes or of a queue."""
        return bool(self.conn) and not self.tells_bytes and not self.note.startswith(QUEUE)

    @classmethod
    def from_json(cls, line: str) -> "Event":
        """Read what `to_json` wrote. Raises ValueError on anything else."""
        try:
            fields = json.loads(line)
            return cls(**{**fields, "kind": Kind[fields["kind"].upper()]})
        except (AttributeError, KeyError, TypeError) as error:
            raise ValueError(f"no event: {line[:80]!r}") from error


@dataclass(frozen=True, slots=True)
class Unreported:
    """Events that were counted only, by kind: those with no room (or lost), those thinned out."""

    dropped: Counter[Kind] = field(default_factory=Counter)
    thinned: Counter[Kind] = field(default_factory=Counter)
    bytes: Counter[Kind] = field(default_factory=Counter)
    """Of both together."""
    life_lost: int = 0
    """Of those dropped, life events: connections may be missing or seem open."""

    def count(self, kind: Kind) -> int:
        """Events of a kind, dropped or thinned."""
        return self.dropped[kind] + self.thinned[kind]

    def total(self) -> int:
        """Events of all kinds."""
        return self.dropped.total() + self.thinned.total()

    def __add__(self, other: "Unreported") -> "Unreported":
        return Unreported(
            self.dropped + other.dropped,
            self.thinned + other.thinned,
            self.bytes + other.bytes,
            self.life_lost + other.life_lost,
        )

    def __sub__(self, other: "Unreported") -> "Unreported":
        """What has come since `other`, an earlier state of the same totals."""
        return Unreported(
            self.dropped - other.dropped,
            self.thinned - other.thinned,
            self.bytes - other.bytes,
            self.life_lost - other.life_lost,
        )


# --- the wire -----------------------------------------------------------------------------------

RECORD = struct.Struct("<BxHHHH2xiIIIQQ")
"""kind, line, second line, task and note (numbers of texts), fd, events dropped before by this writer,
bytes, second bytes, at_ns, conn. Of a recv the second bytes are for how many microseconds the kernel had
had the first; 0: that is not told."""
RECORD_BYTES = RECORD.size  # 44

# What a server does most often is two events at once, and one record: bytes that complete a request,
# an answer that is handed to send. The second line and bytes are those of the second event, the note
# is the request's or the response's.
RECV_REQUEST = 20
RESPONSE_SEND = 21
# The same of a connection that had waited to be accepted: the second line is for how many milliseconds.
ACCEPT_QUEUED = 22
QUEUED_MOST_MS = 2**16 - 1
# And what was received or sent, where that is told: the bytes themselves, escaped, as the note of a tick.
BYTES_IN, BYTES_OUT = 18, 19
PAIRS = {
    RECV_REQUEST: (Kind.RECV, Kind.REQUEST),
    RESPONSE_SEND: (Kind.RESPONSE, Kind.SEND),
    ACCEPT_QUEUED: (Kind.ACCEPT, Kind.TICK),
    BYTES_IN: (Kind.TICK,),
    BYTES_OUT: (Kind.TICK,),
}
BYTES_NOTES = {BYTES_IN: "received: ", BYTES_OUT: "sent: "}
"""How the note of such a tick begins; then the first bytes follow."""
BYTES_TOLD = 240  # of one recv or send; escaped, they may be longer, and are cut again

TEXT = struct.Struct("<BBH40s")
"""kind 0, bytes still to come (this piece included), the text's number, a piece of the text."""
TEXT_KIND = 0
TEXT_PIECE_BYTES = 40

WRITER_KIND = 255
"""A new writer begins on this ring: `fd` holds its pid, `line` whether its tasks are greenlets; and no
text is known any more."""
HEIR_KIND = 254
"""A child writes on where the one before it ended: `fd` holds its pid. Texts stay known."""
THREAD_KIND = 253
"""The spawn of a thread that Python named `Thread-7`: `bytes` holds the 7. From here on its task number
stands for that name, which so need not travel as a text."""
SPECIAL_KINDS = THREAD_KIND
"""From this one on no record is just an event."""

NOTE_CHARS = 120  # a longer note is cut; a path of that length still fits a wide terminal
TEXTS_PER_WRITER = 1024  # then all are forgotten, so that hostile paths cannot grow a table
TEXT_NUMBERS = 32 * TEXTS_PER_WRITER  # then numbers are used again
THREAD_TASKS = 1 << 15  # the task numbers of threads: from here on, and as many

BYTES_BEGIN = tuple(BYTES_NOTES.values())
_UNPRINTABLE = re.compile(r"[^\x20-\x7e]")


Put = tuple[int, int, int, int, int, str, int, int, int]
"""A record as it is put: kind, conn, fd, bytes, line, note, second bytes, second line, at_ns."""


def apart(put: Put) -> tuple[Put, ...]:
    """The records that say the same, none of which is a life event and another in one."""
    kind, conn, fd, moved, line, note, moved2, line2, at_ns = put
    if kind != ACCEPT_QUEUED:
        return (put,)
    told = f"{QUEUED}{line2} ms"
    return (
        (Kind.ACCEPT, conn, fd, moved, line, note, moved2, 0, at_ns),
        (Kind.TICK, conn, fd, 0, line, told, 0, 0, at_ns),
    )


def bytes_of(kind: int, moved: int, moved2: int) -> list[tuple[int, int]]:
    """The kinds of the events that a record of this kind stands for, each with its bytes."""
    if kind == RESPONSE_SEND:
        return [(Kind.RESPONSE, moved), (Kind.SEND, moved2)]
    first, *second = PAIRS.get(kind, (kind,))
    return [(first, moved), *((each, 0) for each in second)]


def printable(text: str, most: int = NOTE_CHARS) -> str:
    r"""`text` in printable ASCII (the rest as \x1b, \u20ac, \n), cut to `most` characters.

    Text from the network may hold terminal control sequences; after this it cannot.
    """
    if len(text) <= most and text.isascii() and text.isprintable():
        return text
    escaped = _UNPRINTABLE.sub(_escape, text[:most])
    return escaped if len(escaped) <= most else escaped[: most - 3] + "..."


def _escape(match: re.Match[str]) -> str:
    return match.group().encode("unicode_escape").decode("ascii")


def text_records(number: int, text: str) -> list[bytes]:
    """The records that carry one text of at most 255 bytes."""
    data = text.encode("ascii", "replace")[:255]
    starts = range(0, max(len(data), 1), TEXT_PIECE_BYTES)
    return [
        TEXT.pack(TEXT_KIND, len(data) - start, number, data[start : start + TEXT_PIECE_BYTES])
        for start in starts
    ]
