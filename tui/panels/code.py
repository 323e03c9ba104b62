"""The source of the running model, with how often and how long each line ran.

CODE  engine/models/thread.py  figures of the last 1,204 events
   runs     mean  longest now here       line
     12  0.31 ms  0.40 ms                  71 while not conversation.ended:
    412  1.20 ms   1.20 s 3 tasks       >  72     data = connection.recv(RECEIVE_BYTES)
"""

import textwrap
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from engine.events import KIND_NAMES, Event, Kind
from engine.fold.line_counts import LineTimes
from tui.format import Line, Span, brief, count, fit, milliseconds, plain, plural
from tui.words import KIND_ROLES, what

WIDE = 100  # columns, from which on mean times and tasks have room
ROOMY = 120  # columns, from which on indents are as they are in the file
HERE_WIDTH = 13
FURTHER = " " * 8  # before what goes on in the next line
NARROWEST = 24  # columns of code
WORKING = (Kind.REQUEST, Kind.RESPONSE)  # after these a client waits: time is told as it goes on
HEADINGS = 2


@dataclass(frozen=True, slots=True)
class Source:
    """A file, and what its lines have done."""

    name: str
    text: Sequence[str]
    """Empty: the file cannot be read."""
    times: Mapping[int, LineTimes]
    here: Mapping[int, Sequence[Event]]
    """Number of a line -> the last events of the tasks that have not gone on from it."""


def lines(source: Source, lit: int, now_ns: int, width: int, first: int, rows: int) -> list[Line]:
    """`rows` lines from the index `first` of the file on, below their headings; `lit` is a number. What is
    too long goes on in the next line; then fewer of the file are seen, but its end and the lit one are."""
    drawn: list[Line] = []
    seen = 0  # lines, up to the one that must be seen
    is_end = first + rows >= len(source.text)
    for number, text in list(enumerate(source.text, 1))[first : first + rows]:
        drawn += _lines(source, number, text, lit, now_ns, width)
        if is_end or number == lit:
            seen = len(drawn)
    above = max(seen - rows, 0)
    return [_headings(is_wide=width >= WIDE), *drawn[above : above + rows]]


def title(source: Source, events: int, followed: str, width: int) -> Line:
    """Which file, and what its figures are of."""
    spans: list[Span] = [("CODE", "title"), (f"  {source.name}", "value")]
    if followed:
        spans.append((f"  {followed}", "key"))
    room = width - len(plain(tuple(spans)))
    told = f"  figures of the last {plural(events, 'event')}"
    spans.append((told if len(told) <= room else fit(f"  {count(events)} events", room), "name"))
    return tuple(spans)


def told(
    event: Event | None, number: int | None, place: Callable[[Event], str], width: int
) -> Line:
    """The event whose line is lit."""
    if event is None:
        return (("No event yet: the lines that run will be lit.", "hint"),)
    who = f"by {event.task} of pid {event.pid}"
    spans: list[Span] = [
        (f"#{number} " if number else "", "text"),
        (f"{KIND_NAMES[event.kind]} ", KIND_ROLES.get(event.kind, "text")),
        (what(event), "text"),
        (f"  {who}", "name"),
        (f"  {place(event)}", "name"),
    ]
    kept: list[Span] = []
    for text, role in spans:  # only what a client has sent is ever cut
        room = width - len(plain(tuple(kept)))
        if len(text) <= room or text == what(event):
            kept.append((fit(text, room), role))
    return tuple(kept)


def _headings(*, is_wide: bool) -> Line:
    narrow = f"{'runs':>7} {'longest':>8} "
    wide = f"{'runs':>7} {'mean':>8} {'longest':>8} {'now here':{HERE_WIDTH}} "
    figures = wide if is_wide else narrow
    return ((f"{figures}{'line':>5} ", "name"),)


def _lines(source: Source, number: int, text: str, lit: int, now_ns: int, width: int) -> list[Line]:
    times = source.times.get(number)
    here = source.here.get(number, ())
    mark = ">" if number == lit else "*" if here else " "
    spans = _figures(times, here, now_ns, is_wide=width >= WIDE)
    spans.append((f"{mark}{number:>4} ", "value" if here or number == lit else "name"))
    indent = len(text) - len(text.lstrip())
    if width < ROOMY:  # half of it says as much
        text = text[indent // 2 :]
    margin = len(plain(tuple(spans)))
    code, *more = _broken(text, width - margin)
    is_comment = text.lstrip().startswith("#")
    role = "chosen" if number == lit else "value" if times else "name" if is_comment else "text"
    blank = (" " * margin, "text")
    return [(*spans, (code, role)), *((blank, (part, role)) for part in more)]


@lru_cache(maxsize=1_000)
def _broken(text: str, width: int) -> tuple[str, ...]:
    """A line of the source in lines of at most `width`, the first of which is indented as it is."""
    indent = text[: len(text) - len(text.lstrip())]
    broken = textwrap.wrap(
        text, max(width, NARROWEST), subsequent_indent=indent + FURTHER, break_on_hyphens=False
    )
    return tuple(broken) or ("",)


def _figures(
    times: LineTimes | None, here: Sequence[Event], now_ns: int, *, is_wide: bool
) -> list[Span]:
    runs = brief(times.runs) if times else ""
    longest = milliseconds(times.longest_ns / 1e6) if times and times.timed else ""
    if not is_wide:
        return [(f"{runs:>7} {longest:>8} ", "text")]
    mean_ns = times.mean_ns if times else None
    mean = milliseconds(mean_ns / 1e6) if mean_ns is not None else ""
    text, role = _now_here(here, now_ns)
    return [(f"{runs:>7} {mean:>8} {longest:>8} ", "text"), (f"{text:{HERE_WIDTH}} ", role)]


def _now_here(here: Sequence[Event], now_ns: int) -> Span:
    """How many tasks went no further; for how long where a client waits for that."""
    working = [event.at_ns for event in here if event.kind in WORKING]
    if working:
        return fit(
            f"{len(here)} for {milliseconds((now_ns - min(working)) / 1e6)}", HERE_WIDTH
        ), "handler"
    return plural(len(here), "task") if here else "", "text"
