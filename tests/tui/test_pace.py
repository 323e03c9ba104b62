from itertools import pairwise

import pytest

from tests.tui.fake_run import FakeRun
from tui.app import Dashboard
from tui.pace import (
    CALM_FRAMES,
    FRAMES_PER_S,
    FRAMES_PER_S_REMOTE,
    KEY_S,
    STARVED_S,
    Pace,
    RightOfWay,
)


def test_cheap_frames_keep_the_full_rate() -> None:
    pace = Pace(12)
    for _ in range(100):
        pace.note(0.008)
    assert pace.per_s == 12


def test_dear_frames_halve_the_rate_down_to_two_a_second() -> None:
    pace = Pace(12)
    rates = []
    for _ in range(6):
        pace.note(0.9 * pace.period_s)
        rates.append(pace.per_s)
    assert rates == [6, 3, 2, 2, 2, 2]


def test_the_rate_comes_back_when_frames_are_cheap_again() -> None:
    pace = Pace(12)
    pace.note(0.06)
    assert pace.per_s == 6
    for _ in range(CALM_FRAMES):
        pace.note(0.01)
    assert pace.per_s == 12


def test_a_rate_below_the_least_stays() -> None:
    pace = Pace(1)
    pace.note(0.9)
    assert pace.per_s == 1


@pytest.mark.parametrize(
    ("name", "per_s"),
    [
        ("TERM", FRAMES_PER_S),
        ("SSH_CONNECTION", FRAMES_PER_S_REMOTE),
        ("SSH_TTY", FRAMES_PER_S_REMOTE),
    ],
)
def test_over_ssh_there_are_fewer_frames(
    monkeypatch: pytest.MonkeyPatch, name: str, per_s: float
) -> None:
    for one in ("SSH_CONNECTION", "SSH_TTY"):
        monkeypatch.delenv(one, raising=False)
    monkeypatch.setenv(name, "xterm")
    assert Dashboard(FakeRun(), beats=False).pace.per_s == per_s
    assert Dashboard(FakeRun(), frames_per_s=7, beats=False).pace.per_s == 7
    assert FRAMES_PER_S_REMOTE < FRAMES_PER_S


def test_other_work_waits_until_a_key_is_seen() -> None:
    keys = RightOfWay()
    assert keys.is_free(1.0)
    keys.press(1.001)
    assert not keys.is_free(1.002)
    keys.seen()
    assert keys.is_free(1.003)


def test_a_key_that_shows_nothing_is_not_waited_for() -> None:
    keys = RightOfWay()
    assert keys.is_free(1.0)
    keys.press(1.001)
    assert keys.is_free(1.001 + KEY_S)


def test_keys_that_come_all_the_time_let_other_work_go_on_now_and_then() -> None:
    keys = RightOfWay()
    worked = []
    for ms in range(1_000):
        keys.press(ms / 1_000)
        if keys.is_free(ms / 1_000):
            worked.append(ms / 1_000)
    gaps = [later - earlier for earlier, later in pairwise(worked)]
    assert max(gaps) <= STARVED_S + 0.002
    assert len(worked) <= 1 / STARVED_S + 1
