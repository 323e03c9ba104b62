"""How far somebody is in the course of the labs: a file with a line for each lab that is done.

The command and the dashboard read and write the same one.
"""

import os
from collections.abc import Set
from pathlib import Path

from engine.labs import LABS


def done() -> Set[str]:
    """The labs that were played to their end."""
    try:
        return LABS.keys() & set(_file().read_text(encoding="utf-8").split())
    except (OSError, UnicodeError):
        return set()


def to_do() -> list[str]:
    """The others, in the order of the course; all of them, once all are done: it begins anew."""
    before = done()
    if before == LABS.keys():
        before = set()
        _write(before)
    return [name for name in LABS if name not in before]


def remember(name: str) -> None:
    """This one is done."""
    _write(done() | {name})


def _write(names: Set[str]) -> None:
    try:
        _file().parent.mkdir(parents=True, exist_ok=True)
        lines = [f"{name}\n" for name in LABS if name in names]
        _file().write_text("".join(lines), encoding="utf-8")
    except OSError:
        pass  # it begins anew the next time


def _file() -> Path:
    """XDG Base Directory Specification: data that stays, and that one can live without."""
    base = os.environ.get("XDG_STATE_HOME") or "~/.local/state"
    return Path(base).expanduser() / "servetui" / "course"
