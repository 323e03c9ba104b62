"""The help: keys, states, letters and marks, all from the tables that the dashboard itself uses."""

from engine.fold.lanes import LANE_LETTERS
from engine.views.rooms import ROOMS
from engine.views.snapshot import STATE_MEANINGS, STRIP_LETTERS
from tui.format import Line, Span, wrapped
from tui.key_table import Groups
from tui.lines import Painter
from tui.screens.page import Page
from tui.words import LETTER_ROLES, ROOM_ROLES, STATE_ROLES

KEY_WIDTH = 14
FIGURES = (
    ("in state", "for how long the connection has been in its state"),
    ("age", "for how long it has been open; as all times on rows, rounded down"),
    ("silent for", "the server closed it, since nothing came from the client for so long"),
    ("requests/s", "of the server: over the last second; of a burst: over the time that it ran"),
    ("bars", "above the server's other figures: requests in each of the last 15 seconds"),
    ("accepted", "as closed and lost: in all since the start, whatever model ran"),
    ("wake-ups", "how often the kernel woke the loop with something to do; - without such a loop"),
    ("would-block", "calls that found nothing to do, as polling makes; - where there was none"),
    ("ready", "of a worker: the longest list of ready sockets that its loop was told of in the last 3 s"),
    ("queue", "of a worker with a listening socket of its own: who waits there / its limit"),
    ("accept queue", "connections that the kernel has completed and nobody has accepted / its limit"),
    ("latencies", "of a burst: a bar for each step (up to 0.1, 0.2, 0.5, 1, 2, 5 ... ms), as high as "
     "its share of the requests"),
    ("no room for", "columns that a wider terminal shows; enter shows all of one connection"),
)  # fmt: skip
KEYS = (("esc", "back"), ("q", "quit"))
MARKS = (
    ("~", "torn", "before a number: not all events of this connection were reported"),
    ("lost", "warning", "events that were counted but found no room; totals stay exact"),
    (
        "detail of 1 connection in N",
        "value",
        "the others are only counted, as there is too much to tell; on small screens: detail 1 in N, 1 in N",
    ),
    ("! cut", "warning", "the process that served the connection was killed"),
)


class Help(Page):
    """What there is to know."""

    def __init__(self, painter: Painter, groups: Groups) -> None:
        """`groups`: the keys that there are."""
        super().__init__(painter, KEYS)
        self._groups = groups

    def lines(self, width: int, height: int) -> list[Line]:
        """All of it."""
        return lines(self._groups, width)


def lines(groups: Groups, width: int) -> list[Line]:
    """Each table under its title."""
    told: list[Line] = []
    for title, group in groups:
        told += _section(f"KEYS  {title}")
        for key in group:
            told += _entry(key.shown, "key", key.meaning, width)
    told += _section("ROOMS  where requests wait, in the order in which they come through them")
    for room, its in ROOMS.items():
        told += _entry(f"{its.letter} {its.title}", ROOM_ROLES[room], its.meaning, width)
    told += _section("STATES  of a connection: where its request waits")
    for state, one in STATE_MEANINGS.items():
        told += _entry(f"{one.letter} {one.name}", STATE_ROLES[state], one.meaning, width)
    told += _section("LETTERS  of a strip, 150 ms each: it shows the first of these that happened")
    for letter, meaning in STRIP_LETTERS.items():
        told += _entry(letter if letter.strip() else "blank", LETTER_ROLES[letter], meaning, width)
    told += _section("LETTERS  of a lane, beside those")
    for letter, meaning in LANE_LETTERS.items():
        told += _entry(letter, LETTER_ROLES[letter], meaning, width)
    told += _section("FIGURES")
    for name, meaning in FIGURES:
        told += _entry(name, "value", meaning, width)
    told += _section("MARKS")
    for mark, role, meaning in MARKS:
        told += _entry(mark, role, meaning, width)
    return told[1:]


def _section(title: str) -> list[Line]:
    name, _, rest = title.partition("  ")
    return [(), ((name, "title"), (f"  {rest}" if rest else "", "name"))]


def _entry(word: str, role: str, meaning: str, width: int) -> list[Line]:
    shown: list[Line] = []
    if len(word) > KEY_WIDTH:
        shown.append((("  ", "text"), (word, role)))
        word = ""
    for number, part in enumerate(wrapped(meaning, width - KEY_WIDTH - 4)):
        first: Span = (f"  {word if number == 0 else '':{KEY_WIDTH}}  ", role)
        shown.append((first, (part, "text")))
    return shown
