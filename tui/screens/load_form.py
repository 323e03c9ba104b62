"""The form of sustained load: a line for each setting; enter starts it.

servetui  thread  http://127.0.0.1:7890  keep-alive
LOAD  enter starts it
connections         16      open at a time; with a rate at most
seconds             30      until it ends by itself
rate                        requests due each second; empty: each connection asks when it is answered
"""

from dataclasses import replace
from typing import Any, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.widgets import Input, Label

from engine.load.plan import Plan, weighted_path
from tui.format import Line, wrapped
from tui.lines import Painter
from tui.screens.page import Page

KEYS = (("↑ ↓", "choose"), ("enter", "start"), ("esc", "back"))
BODY_LINES = 4
WIDE = (
    106  # columns in which the meanings stand beside the settings; below, the one that is typed in
)
FIELDS: tuple[tuple[str, str, type, str], ...] = (
    ("connections", "connections", int, "open at a time; with a rate at most"),
    ("seconds", "seconds", float, "until it ends by itself"),
    ("rate", "rate", float, "requests due each second (open loop); empty: closed loop"),
    ("per_connection", "per connection", int, "requests until the client closes; 1: short; empty: no end"),
    ("ramp_s", "ramp", float, "seconds until all connections are open, or the whole rate is due"),
    ("warm_up_s", "warm-up", float, "seconds left out of the figures; empty: a tenth, at most 2"),
    ("think_s", "think", float, "seconds between an answer and the next request; not with a rate"),
    ("slow_heads", "slow heads", int, "connections beside it that send a byte each second"),
    ("slow_readers", "slow readers", int, "connections beside it that read a kilobyte each second"),
    ("silent", "silent", int, "connections beside it that send nothing"),
)  # fmt: skip
"""(field of Plan, name, type, meaning). A field that may be None is empty then."""
PATHS = "paths"
PATHS_MEANING = "/a=3 /b: mixed by weight; empty: /"
OPTIONAL = ("rate", "per_connection", "warm_up_s")


class LoadForm(Page):
    """Ends with a word when the load is to start with `plan`, else with None."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("enter", "start", priority=True)]
    CSS = """
    LoadForm .setting { height: 1; }
    LoadForm Label { width: 16; }
    LoadForm Input { width: 24; height: 1; border: none; padding: 0 1; }
    LoadForm .meaning { width: 1fr; }
    LoadForm.-narrow .meaning { display: none; }
    """

    def __init__(self, painter: Painter, plan: Plan) -> None:
        super().__init__(painter, KEYS)
        self.plan = plan
        self._wrong = ""
        self._inputs = {
            name: Input(_text(getattr(plan, name)), select_on_focus=True) for name, *_ in FIELDS
        }
        self._inputs[PATHS] = Input(" ".join(f"{path}={weight:g}" for path, weight in plan.paths))

    def compose(self) -> ComposeResult:
        """The first line, a title, the settings, the keys."""
        header, body, foot = super().compose()
        body.styles.height = BODY_LINES
        yield from (header, body)
        told = [(name, words, meaning) for name, words, _, meaning in FIELDS]
        for name, words, meaning in (*told, (PATHS, PATHS, PATHS_MEANING)):
            with Horizontal(classes="setting"):
                yield Label(words, markup=False)
                yield self._inputs[name]
                yield Label(meaning, markup=False, classes="meaning")
        yield foot

    def on_mount(self) -> None:
        """Type at once."""
        self.set_focus(self._inputs["connections"])

    def on_descendant_focus(self) -> None:
        """Another setting has another meaning."""
        self.draw()

    def on_input_changed(self, event: Input.Changed) -> None:
        """It is not the filter that is being typed."""
        event.stop()

    def lines(self, width: int, height: int) -> list[Line]:
        """The title; below it, what is wrong with what was typed, or what is to be typed."""
        title: Line = (("LOAD", "title"), ("  sustained, on this server's pages", "name"))
        is_narrow = width < WIDE
        self.set_class(is_narrow, "-narrow")
        told, role = self._wrong, "warning"
        if is_narrow and not told:
            told, role = self._meaning(), "name"
        return [(), title, *(((part, role),) for part in wrapped(told, width))]

    def _meaning(self) -> str:
        """Of the setting that is being typed."""
        meanings = {name: f"{words}: {meaning}" for name, words, _, meaning in FIELDS}
        meanings[PATHS] = f"{PATHS}: {PATHS_MEANING}"
        return next((meanings[name] for name, one in self._inputs.items() if one.has_focus), "")

    def action_move(self, rows: int) -> None:
        """The setting below or above."""
        if rows > 0:
            self.focus_next(Input)
        else:
            self.focus_previous(Input)

    def action_start(self) -> None:
        """If it can be done; else say why not."""
        try:
            self.plan = replace(self.plan, **self._typed())
        except ValueError as error:
            self._wrong = str(error)
            self.draw()
            return
        self.dismiss("start")

    def _typed(self) -> dict[str, Any]:
        told: dict[str, Any] = {"requests": None}
        for name, words, kind, _ in FIELDS:
            text = self._inputs[name].value.strip()
            try:
                told[name] = kind(text) if text or name not in OPTIONAL else None
            except ValueError:
                raise ValueError(f"{words}: {text!r} is no number") from None
        told[PATHS] = tuple(weighted_path(word) for word in self._inputs[PATHS].value.split())
        return told


def _text(value: float | None) -> str:
    return "" if value is None else f"{value:g}"
