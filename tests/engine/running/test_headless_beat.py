"""A run that never has taken in all: its commands are obeyed all the same, and without a pause."""

import math
import os
import select
from types import SimpleNamespace
from typing import Any

import pytest

from engine.running.headless import Headless


class Behind:
    """A run of which each poll leaves something."""

    is_behind = True

    def __init__(self, *, whole: bool) -> None:
        self.whole = whole
        self.allowed: list[float] = []
        self.is_short = False

    def poll(self, *, within_s: float = math.inf) -> list[Any]:
        self.allowed.append(within_s)
        return []

    def said_since(self, before: int) -> tuple[list[str], int]:
        return [], before

    def status(self) -> Any:
        return SimpleNamespace(phase="serving", url="http://x", last_words=())

    def findings(self) -> tuple[()]:
        return ()

    def set_mode(self, *, short: bool) -> None:
        self.is_short = short


@pytest.mark.parametrize("whole", [False, True])
def test_who_is_behind_obeys_and_does_not_pause(
    monkeypatch: pytest.MonkeyPatch, whole: bool
) -> None:
    pauses: list[float] = []
    plain_select = select.select

    def selected(*asked: Any) -> Any:
        if asked[0] == [headless._stdin]:
            pauses.append(asked[3])
        return plain_select(*asked)

    monkeypatch.setattr(select, "select", selected)
    run: Any = Behind(whole=whole)
    headless = Headless(run, command=["servetui"])
    headless._stdin, commands = os.pipe()
    try:
        headless._beat()
        assert not run.is_short
        os.write(commands, b"short\n")
        headless._beat()
    finally:
        os.close(headless._stdin)
        os.close(commands)
    assert run.is_short
    assert pauses == [0.0, 0.0]
    # A file is to tell all, in one go: pauses of who reads along are not the reader's.
    assert all((allowed == math.inf) == whole for allowed in run.allowed)
