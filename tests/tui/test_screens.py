"""Pictures of whole screens: `pytest tests/tui/test_screens.py --snapshot-update` takes them anew."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from tests.tui.fake_run import FakeRun, a_burst, a_lively_run
from tui.app import Dashboard

Compare = Callable[..., bool]


@pytest.fixture(autouse=True)
def _same_terminal_everywhere(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("NO_COLOR", "COLORFGBG", "TEXTUAL_THEME"):
        monkeypatch.delenv(name, raising=False)


def dashboard(run: FakeRun) -> Dashboard:
    run.poll()
    return Dashboard(run, frames_per_s=12, beats=False)


@pytest.mark.parametrize("size", [(80, 24), (120, 40)], ids=["80x24", "120x40"])
def test_a_lively_server(snap_compare: Compare, size: tuple[int, int]) -> None:
    assert snap_compare(dashboard(a_lively_run()), terminal_size=size)


def test_before_the_first_connection(snap_compare: Compare) -> None:
    assert snap_compare(dashboard(FakeRun()), terminal_size=(80, 24))


@pytest.mark.parametrize("size", [(80, 24), (120, 40)], ids=["80x24", "120x40"])
def test_a_dead_engine(snap_compare: Compare, size: tuple[int, int]) -> None:
    run = a_lively_run()
    run.die()
    assert snap_compare(dashboard(run), terminal_size=size)


def test_more_rows_than_lines_and_a_burst_that_begins(snap_compare: Compare) -> None:
    run = a_lively_run()
    run.accept(range(10, 52))
    begun = a_burst(is_running=True)
    switched = replace(a_burst(), model="epoll>thread", mode="keep-alive>short")
    run.given_bursts = [switched, replace(begun, done=0, connections_opened=0)]
    assert snap_compare(dashboard(run), terminal_size=(120, 40))


def test_the_model_picker(snap_compare: Compare) -> None:
    assert snap_compare(dashboard(FakeRun()), press=["m", "down"], terminal_size=(80, 24))
