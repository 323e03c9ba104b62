"""Every key of the dashboard, once: bindings, the lines at the foot and the help come from here."""

from collections.abc import Sequence
from dataclasses import dataclass

from textual.binding import Binding

from engine.views.snapshot import RunStatus
from tui.panels.keys import DIGITS, Item

MODES = ("keep-alive", "short")
MODE_WIDTH = max(map(len, MODES))  # so that the keys after `k` stay where they are


@dataclass(frozen=True, slots=True)
class Key:
    """One key, or some that belong together."""

    shown: str
    """As people read it."""
    bindings: tuple[tuple[str, str], ...]
    """(Textual's names of keys, action)."""
    words: str
    """At the foot of the screen; empty: only told in the help."""
    meaning: str
    """In the help, a sentence."""
    rank: int = 9
    """The lower, the longer a narrow screen keeps it at its foot."""


LIVE = (
    Key(
        "1–9",
        tuple((str(digit), f"model({digit})") for digit in range(1, DIGITS + 1)),
        "model",
        "let the model with this digit take over, under load as well",
        0,
    ),
    Key(
        "m", (("m", "models"),), "models", "all models: how they work, how they fail; choose one", 3
    ),
    Key(
        "k", (("k", "mode"),), "mode", "keep-alive or short connections, from the next answer on", 2
    ),
    Key(
        "b",
        (("b", "burst(50, 10)"),),
        "burst",
        "the built-in client sends 50 requests over 10 connections",
        1,
    ),
    Key("B", (("B", "burst(500, 50)"),), "", "a large burst: 500 requests over 50 connections"),
    Key(
        "l",
        (("l", "load"),),
        "load",
        "sustained load by the built-in client, or its end; L: with other settings",
        5,
    ),
    Key("L", (("L", "load_form"),), "", "the settings of sustained load"),
    Key(
        ".",
        (("full_stop", "step"),),
        "step",
        "hold the server; once it is held, let it answer one request (polling: make one round)",
        6,
    ),
    Key(",", (("comma", "run_on"),), "", "let a server that is held run on"),
    Key(
        "[ ]",
        (("left_square_bracket", "tick(-1)"), ("right_square_bracket", "tick(1)")),
        "",
        "slow motion: a shorter or longer pause after each round of the polling loop",
    ),
    Key(
        "c",
        (("c", "compare"),),
        "",
        "compare models under the same load, in turns, each in a server of its own",
    ),
    Key("C", (("C", "compare_form"),), "", "the settings of a comparison"),
    Key(
        "x",
        (("x", "labs"),),
        "",
        "labs: failures on purpose, in servers of their own: a question, the run, the answer, the fix",
    ),
    Key("R", (("R", "restart"),), "restart", "start the model anew, dead or not", 8),
)

TABLE = (
    Key(
        "space",
        (("space", "pause"),),
        "pause",
        "hold connections and events still; the server and its numbers go on",
        4,
    ),
    Key(
        "/",
        (("slash", "filter"),),
        "filter",
        "only connections with these words in path, state, owner or peer; !word: without it",
        5,
    ),
    Key(
        "s S",
        (("s", "sort"), ("S", "turn")),
        "sort",
        "sort by the next column; S turns it round; a click on a heading does both",
        6,
    ),
    Key(
        "↑ ↓",
        (("up", "move(-1)"), ("down", "move(1)")),
        "",
        "choose a connection; the choice stays on it; a click chooses, too",
    ),
    Key(
        "pgup pgdn",
        (("pageup", "page(-1)"), ("pagedown", "page(1)")),
        "",
        "choose one a screen further",
    ),
    Key(
        "home end",
        (("home", "move(-1000000)"), ("end", "move(1000000)")),
        "",
        "choose the first or the last",
    ),
    Key(
        "enter",
        (("enter", "detail"),),
        "detail",
        "the life of the chosen connection: its requests and its events",
        7,
    ),
    Key("esc", (("escape", "leave"),), "", "let go of choice, filter and order"),
)

SCREEN = (
    Key(
        "v",
        (("v", "lanes"),),
        "lanes",
        "the connections along time, a lane for each, with who did each piece; + - zoom, ← → time",
        7,
    ),
    Key(
        "o",
        (("o", "code"),),
        "code",
        "the source of the model, lit where it runs, with how often and how long each line ran; on large "
        "screens beside the connections, where ← → go from event to event",
        8,
    ),
    Key(
        "t",
        (("t", "rooms"),),
        "",
        "the rooms in which requests wait, one by one: the longest wait in each, p50 and p99, limits",
    ),
    Key(
        "g",
        (("g", "graphs"),),
        "graphs",
        "requests/s, open connections and descriptors over the last minutes",
    ),
    Key(
        "e",
        (("e", "output"),),
        "",
        "what the server's processes wrote: an application's tracebacks, whole, and its prints",
    ),
    Key(
        "w",
        (("w", "workers"),),
        "workers",
        "the server's processes and threads: what each does, its accepts, wake-ups, connections",
    ),
    Key(
        "f",
        (("f", "findings"),),
        "",
        "findings: each failure that shows, with its numbers and what to do; enter goes to whom it concerns",
    ),
    Key(
        "r",
        (("r", "record"),),
        "record",
        "write what happens to a file, or end that; servetui replay FILE shows it again",
    ),
    Key("ctrl+p", (), "", "all commands by name, and the themes"),
    Key("?", (("question_mark,f1", "help"),), "help", "this page", 0),
    Key("q", (("q,ctrl+c,ctrl+q", "quit"),), "quit", "end the server and leave", 0),
)

PLAYED = (
    Key("space", (("space", "pause"),), "pause", "hold the time of the recording, or let it go on", 0),
    Key(".", (("full_stop", "step"),), "step", "exactly one event further", 1),
    Key("+ -", (("plus", "speed(1)"), ("minus", "speed(-1)")), "faster", "twice as fast, half as fast", 2),
    Key("← →", (("left", "skip(-1)"), ("right", "skip(1)")), "5 s", "five seconds back, or further", 3),
    Key("j", (("j", "jump"),), "jump", "type a time in seconds to go to", 4),
)  # fmt: skip

Groups = tuple[tuple[str, tuple[Key, ...]], ...]
"""Keys that belong together, under a title."""
GROUPS: Groups = (
    ("the server", LIVE),
    ("the connections", TABLE),
    ("the screen", SCREEN),
    ("of a recording that is played (servetui replay FILE)", PLAYED),
)
GROUPS_PLAYED: Groups = (
    ("the recording", PLAYED),
    ("the connections", tuple(key for key in TABLE if key.shown != "space")),
    ("the screen", tuple(key for key in SCREEN if key.words != "record")),
)
"""Those that do something while one is played."""
PRIORITY = ("ctrl+c", "ctrl+q")  # also while something is being typed
OPENS_A_LINE = ("slash", "j")  # first of all, so that what is typed right after goes into the line


def bindings() -> list[Binding]:
    """For Textual."""
    made = [Binding("ctrl+z", "suspend_process", priority=True)]
    told = {names: action for _, group in GROUPS for key in group for names, action in key.bindings}
    for names, action in told.items():
        made += [
            Binding(name, action, show=False, priority=name in PRIORITY + OPENS_A_LINE)
            for name in names.split(",")
        ]
    return made


def foot(
    models: Sequence[str], status: RunStatus, *, is_held: bool, is_recording: bool, is_played: bool
) -> tuple[Item, ...]:
    """What the foot of the screen tells, in its order; the panel drops what has no room."""
    groups = GROUPS_PLAYED if is_played else GROUPS[:-1]
    keys = [key for _, group in groups for key in group]
    return tuple([_item(key, models, status, is_held, is_recording) for key in keys if key.words])


def _item(
    key: Key, models: Sequence[str], status: RunStatus, is_held: bool, is_recording: bool
) -> Item:
    shown, words, stands_out = key.shown, key.words, False
    if shown == "1–9":
        shown = "1" if len(models) == 1 else f"1–{min(len(models), DIGITS)}"
    elif words == "mode":
        words = f"to {MODES[0] if status.mode == MODES[1] else MODES[1]:{MODE_WIDTH}}"
    elif words == "restart":
        stands_out = status.phase == "dead"
    elif words == "pause":
        words, stands_out = ("go on", True) if is_held else ("pause", False)
    elif words == "record":
        words, stands_out = ("end recording", True) if is_recording else ("record", False)
    rank = -1 if stands_out else key.rank
    return Item(shown, words, stands_out, rank)
