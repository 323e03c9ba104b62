from tui.pace import CALM_FRAMES, Pace


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
