"""The form of a comparison: a line for each setting; enter starts it.

servetui  thread  http://127.0.0.1:7890  keep-alive
COMPARE  each model in a server of its own, in turns

models          thread,epoll            names with commas, or all
modes           keep-alive              keep-alive, short, or both
path            /wait/20                what is asked for
"""

from dataclasses import replace
from typing import Any

from engine.compare.conditions import MODES, Asked
from engine.models import MODELS, chosen
from tui.lines import Painter
from tui.screens.form import Form, Setting, decimal, shown, whole

ALL, BOTH = "all", "both"
YES_NO = {"yes": True, "no": False}


def models_of(text: str) -> tuple[str, ...]:
    """Raises ValueError."""
    return tuple(MODELS) if text == ALL else chosen(text.replace(" ", ""))


def modes_of(text: str) -> tuple[str, ...]:
    """Raises ValueError."""
    if text in (*MODES, BOTH):
        return MODES if text == BOTH else (text,)
    raise ValueError(f"{', '.join(MODES)} or {BOTH}, not {text!r}")


def yes_no(text: str) -> bool:
    """Raises ValueError."""
    if text in YES_NO:
        return YES_NO[text]
    raise ValueError(f"yes or no, not {text!r}")


SETTINGS = (
    Setting("models", "models", models_of, "names with commas between, or all"),
    Setting("modes", "modes", modes_of, "keep-alive, short, or both"),
    Setting("rounds", "rounds", whole, "every model once in each; 3 at least"),
    Setting("sweeps", "sweep", yes_no, "then a rising rate for each model"),
    Setting("path", "path", str, "what is asked for; it begins with /"),
    Setting("connections", "connections", whole, "open at a time"),
    Setting("seconds", "seconds", decimal, "of each run; 0.8 at least"),
    Setting("pin", "pin", yes_no, "server and client on own processors"),
    Setting("trace", "watched", yes_no, "no: plain sockets; rooms are less known"),
)
OF_ASKED = ("models", "modes", "rounds", "sweeps")
"""The others are fields of its conditions."""


class CompareForm(Form):
    """Ends with a word when what is `asked` is to start, else with None."""

    def __init__(self, painter: Painter, asked: Asked) -> None:
        title = (("COMPARE", "title"), ("  each model in a server of its own, in turns", "name"))
        texts = _texts(asked)
        super().__init__(painter, title, SETTINGS, [texts[each.field] for each in SETTINGS])
        self.asked = asked

    def take_settings(self, typed: dict[str, Any]) -> None:
        """Raises ValueError."""
        if len(typed["models"]) < 2:
            raise ValueError("models: two at least")
        of_asked = {name: typed.pop(name) for name in OF_ASKED}
        conditions = replace(self.asked.conditions, **typed)
        self.asked = replace(self.asked, conditions=conditions, **of_asked)


def _texts(asked: Asked) -> dict[str, str]:
    """By field."""
    under = asked.conditions
    return {
        "models": ALL if asked.models == tuple(MODELS) else ",".join(asked.models),
        "modes": BOTH if asked.modes == MODES else asked.modes[0],
        "rounds": shown(asked.rounds),
        "sweeps": _word(asked.sweeps),
        "path": under.path,
        "connections": shown(under.connections),
        "seconds": shown(under.seconds),
        "pin": _word(under.pin),
        "trace": _word(under.trace),
    }


def _word(value: bool) -> str:
    return next(word for word, meant in YES_NO.items() if meant == value)
