"""A ratio that keeps up: with the rate of the server, and with the time of the reader."""

from hypothesis import given
from hypothesis import strategies as st

from engine.running.thinning import (
    ALL_EVENTS_PER_S,
    BEHIND_S,
    CALM_S,
    LEAST_EVENTS_PER_S,
    LONGEST_CALM_S,
    MOST_OF_PROCESSOR,
    THINNED_EVENTS_PER_S,
    Thinning,
    thinning_for,
)

LATE_S = BEHIND_S * 2


def test_all_is_told_up_to_the_rate_that_a_reader_takes_in() -> None:
    assert thinning_for(ALL_EVENTS_PER_S) == 1
    assert thinning_for(ALL_EVENTS_PER_S + 1) == 4
    assert thinning_for(60_000, most_per_s=40_000) == 4


@given(st.floats(1, 1e7), st.floats(LEAST_EVENTS_PER_S, ALL_EVENTS_PER_S))
def test_what_is_told_is_not_more_than_was_asked_for(per_s: float, most_per_s: float) -> None:
    ratio = thinning_for(per_s, most_per_s)
    assert per_s / ratio <= most_per_s
    assert ratio & (ratio - 1) == 0


def test_a_reader_that_is_in_time_is_told_all() -> None:
    thinning = Thinning()
    for second in range(100):
        assert not thinning.adapt(second, 90_000, behind_s=0.1)
        assert thinning.ratio == 1


def test_a_reader_that_falls_behind_is_told_less_until_it_keeps_up() -> None:
    takes_in_per_s, thinning, ratios = 12_000, Thinning(), []
    for step in range(12):
        told_per_s = 60_000 / thinning.ratio
        thinning.adapt(step / 4, 60_000, LATE_S if told_per_s > takes_in_per_s else 0.05)
        ratios.append(thinning.ratio)
    assert ratios == sorted(ratios)
    assert THINNED_EVENTS_PER_S / 20 < 60_000 / ratios[-1] <= takes_in_per_s


def test_a_reader_that_takes_too_much_of_a_processor_is_told_less() -> None:
    thinning = Thinning()
    assert not thinning.adapt(0, 60_000, 0.05, MOST_OF_PROCESSOR)
    assert thinning.ratio == 1
    assert thinning.adapt(1, 60_000, 0.05, MOST_OF_PROCESSOR * 1.1)
    assert thinning.ratio > 1


def test_a_reader_that_is_spared_once_is_told_more_after_a_usual_calm_time() -> None:
    thinning = Thinning()
    thinning.spare(1, 20_000)
    assert thinning.ratio == 4
    thinning.adapt(1 + CALM_S * 0.9, 20_000, 0.05)
    assert thinning.ratio == 4
    for second in range(2, 12):
        thinning.adapt(second * CALM_S * 1.1, 20_000, 0.05)
    assert thinning.ratio == 1


def test_more_is_told_again_after_a_calm_time_that_grows() -> None:
    thinning, told_all_at = Thinning(), []
    now_s = 0.0
    for _ in range(4):
        thinning.adapt(now_s, 60_000, LATE_S)
        assert thinning.ratio > 1
        begun_s = now_s
        while thinning.ratio > 1:
            now_s += 1
            thinning.adapt(now_s, 60_000, 0.05)
        told_all_at.append(now_s - begun_s)
    assert told_all_at == sorted(told_all_at)
    assert CALM_S < told_all_at[0] < told_all_at[-1] <= 4 * LONGEST_CALM_S


def test_a_load_that_ends_takes_its_ratio_with_it() -> None:
    thinning = Thinning()
    thinning.adapt(0, 60_000, LATE_S)
    thinning.adapt(1, LEAST_EVENTS_PER_S / 2, 0.0)
    thinning.adapt(2, 60_000, 0.0)
    assert thinning.ratio == 1
