"""A form: a line for each setting, with its meaning; enter takes it, and says what is wrong with it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, TypeVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.widgets import Input, Label

from tui.format import Line, wrapped
from tui.lines import Painter
from tui.screens.page import Page

T = TypeVar("T")

KEYS = (("↑ ↓", "choose"), ("enter", "start"), ("esc", "back"))
BODY_LINES = 4
WIDE = 80  # columns in which meanings stand beside the settings; below, that of the one typed in


@dataclass(frozen=True, slots=True)
class Setting:
    """One line."""

    field: str
    """What it sets."""
    words: str
    parse: Callable[[str], Any]
    """Raises ValueError for what is no such value."""
    meaning: str


class Form(Page):
    """Ends with a word when what was typed is good, else with None."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("enter", "start", priority=True)]
    CSS = """
    .setting { height: 1; }
    Label { width: 16; }
    Input { width: 24; height: 1; border: none; padding: 0 1; }
    .meaning { width: 1fr; }
    """

    def __init__(
        self, painter: Painter, title: Line, settings: Sequence[Setting], values: Sequence[str]
    ) -> None:
        """`values`: what stands in the lines at first."""
        super().__init__(painter, KEYS)
        self._title = title
        self._settings = settings
        self._wrong = ""
        self._inputs = [Input(value, select_on_focus=True) for value in values]
        self._meanings = [
            Label(setting.meaning, markup=False, classes="meaning") for setting in settings
        ]

    def compose(self) -> ComposeResult:
        """The first line, a title, the settings, the keys."""
        header, body, foot = super().compose()
        body.styles.height = BODY_LINES
        foot.styles.dock = "bottom"
        yield from (header, body)
        for setting, line, meaning in zip(
            self._settings, self._inputs, self._meanings, strict=True
        ):
            with Horizontal(classes="setting"):
                yield Label(setting.words, markup=False)
                yield line
                yield meaning
        yield foot

    def on_mount(self) -> None:
        """Type at once."""
        self.set_focus(self._inputs[0])

    def on_descendant_focus(self) -> None:
        """Another setting has another meaning."""
        self.draw()

    def on_input_changed(self, event: Input.Changed) -> None:
        """It is not the filter that is being typed."""
        event.stop()

    def lines(self, width: int, height: int) -> list[Line]:
        """The title; below it, what is wrong with what was typed, or what is to be typed."""
        is_narrow = width < WIDE
        for meaning in self._meanings:
            meaning.display = not is_narrow
        told, role = self._wrong, "warning"
        if is_narrow and not told:
            told, role = self._meaning(), "name"
        return [(), self._title, *(((part, role),) for part in wrapped(told, width))]

    def _meaning(self) -> str:
        """Of the setting that is being typed."""
        for setting, line in zip(self._settings, self._inputs, strict=True):
            if line.has_focus:
                return f"{setting.words}: {setting.meaning}"
        return ""

    def action_move(self, rows: int) -> None:
        """The setting below or above."""
        if rows > 0:
            self.focus_next(Input)
        else:
            self.focus_previous(Input)

    def action_start(self) -> None:
        """If it can be done; else say why not."""
        try:
            self.take_settings(self._typed())
        except ValueError as error:
            self._wrong = str(error)
            self.draw()
            return
        self.dismiss("start")

    def take_settings(self, typed: dict[str, Any]) -> None:
        """What was typed, by field. Raises ValueError, with words for people."""
        raise NotImplementedError

    def _typed(self) -> dict[str, Any]:
        told: dict[str, Any] = {}
        for setting, line in zip(self._settings, self._inputs, strict=True):
            try:
                told[setting.field] = setting.parse(line.value.strip())
            except ValueError as error:
                raise ValueError(f"{setting.words}: {error}") from None
        return told


def whole(text: str) -> int:
    """Raises ValueError."""
    return _number(text, int)


def decimal(text: str) -> float:
    """Raises ValueError."""
    return _number(text, float)


def optional(parse: Callable[[str], T]) -> Callable[[str], T | None]:
    """Empty stands for None."""
    return lambda text: parse(text) if text else None


def _number(text: str, kind: Callable[[str], T]) -> T:
    try:
        return kind(text)
    except ValueError:
        raise ValueError(f"{text!r} is no number") from None


def shown(value: float | None) -> str:
    """As it stands in a line."""
    return "" if value is None else f"{value:g}"
