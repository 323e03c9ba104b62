"""One connection told whole: who it is, its requests with their times, its events.

#132  127.0.0.1:51322  H handler 1.2 s  open 4.1 s  descriptor 11 of pid 4120  by thread-7  cookie 5001
KERNEL  ESTABLISHED  Recv-Q 0 B  Send-Q 0 B  rtt 0.05 ms  retransmits 0  in the accept queue less than 10 ms
REQUESTS  2 told
   # request       status accept queue   unread app queue         handler          unsent
   1 GET /            200      0.12 ms  0.05 ms         -         0.30 ms         0.40 ms
   2 GET /wait/500      -            -  0.06 ms         -   420 ms so far               -
EVENTS  31, here 4–31
       time     later by kind     what                by          line
  +0.000 ms              accept   127.0.0.1:51322     MainThread  thread.py:28
"""

from collections.abc import Callable

from engine.events import KIND_NAMES, Event
from engine.views.detail import ConnectionDetail, RequestLife
from tui.format import (
    Column,
    Line,
    Span,
    age,
    choose,
    count,
    flowed,
    heading,
    milliseconds,
    no_room,
    plain,
    precise,
    size,
    table_row,
)
from tui.words import KIND_ROLES, state_of, what

Place = Callable[[Event], str]
Row = tuple[Event, int, int]
"""An event, and when the first one and the one before it happened."""
REQUESTS_SHOWN = 8
MOVED_LEAST = 4  # lines, below which bytes are left out
TITLE_LEAST = 24  # of a request that is longer
LAST = 100  # added to the rank of a column in which nothing stands
EVENT_HEADINGS = 2
SECOND_NS = 1_000_000_000


def lines(
    detail: ConnectionDetail, now_ns: int, place: Place, width: int, height: int, back: int = 0
) -> list[Line]:
    """In `height` lines: who, the last requests, and as many events as have room, up to the one that
    is `back` before the last."""
    who = [*_who(detail, now_ns, width), *_kernel(detail, width)]
    room = height - len(who) - 2 - EVENT_HEADINGS
    requests = _requests(detail, now_ns, width, max(min(REQUESTS_SHOWN, room // 3), 1))
    moved = _moved(detail, width, (room - len(requests)) // 2)
    rows = max(room - len(requests) - len(moved), 1)
    return [*who, (), *requests, (), *moved, *_events(detail, place, width, rows, back)]


def event_rows(detail: ConnectionDetail, now_ns: int, place: Place, width: int, height: int) -> int:
    """How many events `lines` has room for."""
    told = lines(detail, now_ns, place, width, height, 10**9)
    return height - len(told) + 1


def _who(detail: ConnectionDetail, now_ns: int, width: int) -> list[Line]:
    view = detail.view
    end_ns = view.closed_ns or now_ns
    told: list[Span] = [
        (f"#{view.number}", "title"),
        (view.peer or "peer not known", "text"),
        state_of(view),
        (f"open {_age(end_ns - view.opened_ns)}", "text"),
        (f"descriptor {view.fd} of pid {view.pid}", "text"),
        (f"by {view.task}", "text"),
        (f"requests {count(view.requests)}", "text"),
        (f"in {size(view.bytes_in)}", "text"),
        (f"out {size(view.bytes_out)}", "text"),
        (f"cookie {view.conn}", "name"),
    ]
    if view.silent_ns:
        told.append((f"closed by the server: client silent for {_age(view.silent_ns)}", "text"))
    elif view.closed_ns:
        told.append((view.last, "text"))
    if view.torn:
        told.append(("~ some of its events were not reported", "torn"))
    return flowed(told, width)


def _kernel(detail: ConnectionDetail, width: int) -> list[Line]:
    """What the kernel says of it now, and how long it was in the accept queue."""
    told: list[Span] = [("KERNEL", "title")]
    kernel, queued_ms = detail.kernel, detail.view.queued_ms
    if kernel is None:
        told.append(("tells nothing of it", "name"))
    else:
        told += [
            (kernel.state, "text"),
            (f"Recv-Q {size(kernel.receive_queue)}", "reading" if kernel.receive_queue else "text"),
            (f"Send-Q {size(kernel.send_queue)}", "unsent" if kernel.send_queue else "text"),
            (f"rtt {milliseconds(kernel.rtt_us / 1e3)}", "text"),
            (f"retransmits {count(kernel.retransmits)}", "text"),
        ]
    queued = " less than 10 ms" if kernel else ": not known"  # 0 says either
    if queued_ms:
        queued = f" {milliseconds(queued_ms)} or longer"
    told.append((f"in the accept queue{queued}", "text"))
    return flowed(told, width)


def _age(ns: int) -> str:
    return milliseconds(ns / 1e6) if ns < 60 * SECOND_NS else age(ns // SECOND_NS)


# --- requests ---------------------------------------------------------------------------------------


def _requests(detail: ConnectionDetail, now_ns: int, width: int, most: int) -> list[Line]:
    requests = detail.requests
    if not requests:
        return [(("REQUESTS", "title"), ("  none yet", "name"))]
    told = f"  {count(len(requests))} told"
    if len(requests) > most:
        told += f", the last {most}"
    context = (now_ns, detail.events[0].at_ns)
    shown = list(enumerate(requests, 1))[-most:]
    least = min(max(len(one.title) for _, one in shown), TITLE_LEAST)
    number, *others = _REQUEST_COLUMNS
    columns = (number, (1, Column("request", least, 48, _title)), *others)
    # Where nobody waited, others need the room more.
    last = [
        (rank + LAST * all(plain(column.cell(one, context)) == "-" for one in shown), column)
        for rank, column in columns
    ]
    chosen = choose(tuple(last), width)
    told += no_room(last, chosen, width - len("REQUESTS") - len(told))
    title: Line = (("REQUESTS", "title"), (told, "name"))
    return [title, heading(chosen), *(table_row(chosen, one, context) for one in shown)]


Numbered = tuple[int, RequestLife]
Times = tuple[int, int]
"""Now, and when the first event happened."""


def _number(one: Numbered, _: Times) -> Line:
    return ((str(one[0]), "name"),)


def _title(one: Numbered, _: Times) -> Line:
    return ((one[1].title, "text"),)


def _status(one: Numbered, _: Times) -> Line:
    return ((one[1].status or "-", "sent" if one[1].status else "name"),)


def _length(one: Numbered, _: Times) -> Line:
    return ((size(one[1].length) if one[1].status else "-", "text"),)


def _wait(ns: int | None) -> Line:
    return (("-", "name") if ns is None else (milliseconds(ns / 1e6), "text"),)


def _handler(one: Numbered, times: Times) -> Line:
    life = one[1]
    if life.split is not None:
        return _wait(life.split.handler)
    if life.answered_ns is None:
        return ((f"{milliseconds((times[0] - life.asked_ns) / 1e6)} so far", "handler"),)
    return _wait(life.answered_ns - life.asked_ns)


def _send(one: Numbered, times: Times) -> Line:
    life = one[1]
    if life.answered_ns is None:
        return (("-", "name"),)
    if life.sent_ns is None:
        return ((f"{milliseconds((times[0] - life.answered_ns) / 1e6)} so far", "unsent"),)
    return ((milliseconds((life.sent_ns - life.answered_ns) / 1e6), "text"),)


def _unsent(one: Numbered, _: Times) -> Line:
    left = one[1].unsent
    return ((size(left) if left else "-", "unsent" if left else "name"),)


def _asked(one: Numbered, times: Times) -> Line:
    return ((f"+{milliseconds((one[1].asked_ns - times[1]) / 1e6)}", "name"),)


_REQUEST_COLUMNS: tuple[tuple[int, Column], ...] = (
    (0, Column("#", 3, 4, _number, is_right=True)),
    (2, Column("status", 6, 6, _status, is_right=True)),
    (8, Column("bytes", 7, 7, _length, is_right=True)),
    (
        6,
        Column("accept queue", 12, 12, lambda one, _: _wait(one[1].accept_queue_ns), is_right=True),
    ),
    (5, Column("unread", 8, 8, lambda one, _: _wait(one[1].unread_ns), is_right=True)),
    (7, Column("app queue", 9, 9, lambda one, _: _wait(one[1].app_queue_ns), is_right=True)),
    (3, Column("handler", 14, 15, _handler, is_right=True)),
    (4, Column("unsent", 14, 15, _send, is_right=True)),
    (10, Column("left", 7, 7, _unsent, is_right=True)),
    (9, Column("begun", 11, 11, _asked, is_right=True)),
)


# --- bytes ------------------------------------------------------------------------------------------


def _moved(detail: ConnectionDetail, width: int, most: int) -> list[Line]:
    """The last bytes received and sent, in at most so many lines, and a blank one. Of the newest the
    beginning, if it does not fit."""
    if most < MOVED_LEAST:
        return [(("BYTES", "title"), ("  have no room here", "name"))] if detail.moved else []
    rows: list[Line] = []
    room = most - 2
    for event in reversed(detail.moved):
        told = _bytes(event, event.at_ns - detail.events[0].at_ns, width)
        if rows and len(rows) + len(told) > room:
            break
        rows[:0] = told[:room]
    words = "  none; told while there are less than 2,000 events/s"
    if rows:
        words = "  first bytes of the last received and sent, escaped"
    return [(("BYTES", "title"), (words, "name")), *rows, ()]


def _bytes(event: Event, since_ns: int, width: int) -> list[Line]:
    word, _, text = event.note.partition(": ")
    head = f"{f'+{precise(since_ns)}':>12} {word:8} {size(event.bytes):>8} "
    room = max(width - len(head), 1)
    first, *others = [text[at : at + room] for at in range(0, max(len(text), 1), room)]
    more: list[Line] = [((" " * len(head) + one, "text"),) for one in others]
    return [((head, "name"), (first, "text")), *more]


# --- events -----------------------------------------------------------------------------------------


def _events(detail: ConnectionDetail, place: Place, width: int, most: int, back: int) -> list[Line]:
    events = detail.events
    end = max(len(events) - back, min(most, len(events)))
    first = max(end - most, 0)
    total = len(events) + detail.forgotten
    told = f"  {count(total)}"
    if end - first < total:
        told += f", here {count(detail.forgotten + first + 1)}–{count(detail.forgotten + end)}"
    rows: list[Row] = []
    before_ns = events[0].at_ns
    for event in events:
        rows.append((event, events[0].at_ns, before_ns))
        before_ns = event.at_ns
    chosen = choose(_EVENT_COLUMNS, width)
    told += no_room(_EVENT_COLUMNS, chosen, width - len("EVENTS") - len(told))
    shown = [table_row(chosen, row, place) for row in rows[first:end]]
    return [(("EVENTS", "title"), (told, "name")), heading(chosen), *shown]


def _since_first(row: Row, _: Place) -> Line:
    return ((f"+{precise(row[0].at_ns - row[1])}", "name"),)


def _since_before(row: Row, _: Place) -> Line:
    return ((f"+{precise(row[0].at_ns - row[2])}" if row[0].at_ns != row[1] else "", "text"),)


def _kind(row: Row, _: Place) -> Line:
    return ((KIND_NAMES[row[0].kind], KIND_ROLES.get(row[0].kind, "text")),)


def _what(row: Row, _: Place) -> Line:
    return ((what(row[0]), "text"),)


def _by(row: Row, _: Place) -> Line:
    return ((row[0].task, "name"),)


def _pid(row: Row, _: Place) -> Line:
    return ((f"pid {row[0].pid}", "name"),)


def _line(row: Row, place: Place) -> Line:
    return ((place(row[0]), "name"),)


_EVENT_COLUMNS: tuple[tuple[int, Column], ...] = (
    (0, Column("time", 12, 12, _since_first, is_right=True)),
    (1, Column("later by", 12, 12, _since_before, is_right=True)),
    (2, Column("kind", 8, 8, _kind)),
    (3, Column("what", 16, 48, _what)),
    (4, Column("by", 11, 14, _by)),
    (6, Column("pid", 11, 11, _pid)),
    (5, Column("line", 22, 24, _line)),
)
