"""The same terminal for all that is drawn, wherever the tests run."""

import pytest
from textual.widgets import Input


@pytest.fixture(autouse=True)
def _same_terminal_everywhere(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("NO_COLOR", "COLORFGBG", "TEXTUAL_THEME"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(autouse=True)
def _cursor_that_does_not_blink(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where half a second passes before a picture is taken, it would have none."""
    monkeypatch.setattr(Input.cursor_blink, "_default", False)
