"""Pictures of whole screens: `pytest tests/tui/test_screens.py --snapshot-update` takes them anew."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from tests.make_screenshots import at_its_end
from tests.tui.fake_run import FakeRun, a_burst, a_lively_run
from tui.app import Dashboard

Compare = Callable[..., bool]


def dashboard(run: FakeRun) -> Dashboard:
    run.poll()
    return Dashboard(run, frames_per_s=12, beats=False)


@pytest.mark.parametrize("size", [(80, 24), (120, 40)], ids=["80x24", "120x40"])
def test_a_lively_server(snap_compare: Compare, size: tuple[int, int]) -> None:
    assert snap_compare(dashboard(a_lively_run()), terminal_size=size)


SIZES = [(60, 20), (80, 24), (120, 40), (200, 60)]


@pytest.mark.parametrize("size", SIZES, ids=lambda size: "x".join(map(str, size)))
def test_a_recording(snap_compare: Compare, size: tuple[int, int]) -> None:
    assert snap_compare(played("thread"), terminal_size=size)


def test_a_recording_on_light(snap_compare: Compare) -> None:
    shown = played("epoll")
    shown.theme = "textual-light"
    assert snap_compare(shown, terminal_size=(80, 24))


def test_a_recording_without_colour(snap_compare: Compare, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    assert snap_compare(played("process"), terminal_size=(120, 40))


def test_a_recording_in_ascii(snap_compare: Compare) -> None:
    shown = Dashboard(at_its_end("thread"), frames_per_s=12, beats=False, is_ascii=True)
    assert snap_compare(shown, terminal_size=(120, 40))


@pytest.mark.parametrize(
    ("name", "keys"),
    [("detail", ["down", "enter"]), ("graphs", ["g"]), ("help", ["question_mark"])],
)
def test_a_page(snap_compare: Compare, name: str, keys: list[str]) -> None:
    assert snap_compare(played("thread"), press=keys, terminal_size=(80, 24))


def played(model: str) -> Dashboard:
    return Dashboard(at_its_end(model), frames_per_s=12, beats=False)


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
