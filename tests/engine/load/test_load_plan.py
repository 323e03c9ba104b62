"""The plan of sustained load: pure values."""

import math
from typing import Any

import pytest

from engine.load.plan import Plan


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"requests": 1, "seconds": 1.0},
        {"requests": 0},
        {"requests": 1, "connections": 0},
        {"seconds": math.inf},
        {"seconds": 1.0, "rate": 0.0},
        {"seconds": 1.0, "warm_up_s": 1.0},
        {"seconds": 1.0, "rate": 5.0, "think_s": 1.0},
        {"seconds": 1.0, "paths": (("no", 1.0),)},
    ],
)
def test_plans_that_mean_nothing(settings: Any) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        Plan("http://127.0.0.1/", **settings)


def test_a_ramp_offers_half_of_what_the_rate_would() -> None:
    plan = Plan("http://127.0.0.1/", seconds=20.0, rate=100.0, ramp_s=10.0)
    assert plan.offered(10) == 500
    assert plan.offered(20) == 1500
    assert [plan.due_s(index) for index in (0, 5, 125, 500, 600)] == pytest.approx(
        [0, 1, 5, 10, 11]
    )


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        '{"url": 1}',
        '{"url": "x", "seconds": "1"}',
        '{"url": "x", "paths": 3}',
        '{"a": 1}',
    ],
)
def test_lines_that_are_no_plan(text: str) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        Plan.from_json(text)


def test_a_plan_crosses_the_process_border() -> None:
    plan = Plan("http://127.0.0.1/", seconds=5.0, rate=10.0, paths=(("/a", 1.0), ("/b", 2.5)))
    assert Plan.from_json(plan.to_json()) == plan
