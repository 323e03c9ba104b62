"""What a model does by its nature is a finding only where it costs more than that."""

from dataclasses import replace

from engine.views.snapshot import Counts
from tests.engine.moments import NUMBERS, STATUS, Story, asks, shared


def test_a_loop_that_asks_by_nature_is_busy_only_with_a_crowd() -> None:
    polling = replace(STATUS, model="polling")
    few = replace(asks(9_000, 0), status=polling)
    many = replace(few, counts=lambda step: Counts(would_block=9_000 * step, accepted=50))
    burns = replace(many, numbers=lambda step: replace(NUMBERS, cpu_percent=95.0))
    assert few.told() == many.told() == {}
    assert list(burns.told()) == ["busy-polling"]


def test_a_loop_that_asks_by_nature_is_judged_by_the_mean_of_its_processor_share() -> None:
    many = replace(
        asks(900, 0),
        status=replace(STATUS, model="polling"),
        counts=lambda step: Counts(would_block=900 * step, accepted=50),
    )

    def at(even: float, odd: float) -> Story:
        shares = (even, odd)
        return replace(
            many, numbers=lambda step: replace(NUMBERS, cpu_percent=shares[step % 2], processes=1)
        )

    assert list(at(25.0, 9.0).told()) == ["busy-polling"]
    assert at(8.0, 4.0).told() == {}, "the machine has no processor for it, nor for its clients"
    assert at(95.0, 95.0).told(steps=10) == {}, "clients may be silent for a second"


def test_a_model_that_wakes_all_workers_by_nature_is_a_herd_only_with_a_crowd() -> None:
    nature = replace(STATUS, model="prefork-epoll")
    eight = replace(shared([10] * 8, 800), status=nature)
    sixteen = replace(shared([10] * 16, 3_200), status=nature)
    assert eight.told() == {}
    assert list(sixteen.told()) == ["thundering-herd"]


def test_a_model_that_leans_to_one_worker_by_nature_may_lean_further() -> None:
    half = shared([60, 7, 6, 7], 50)
    assert list(half.told()) == ["hot-worker"]
    assert replace(half, status=replace(STATUS, model="prefork-epoll")).told() == {}
    all_but_all = replace(shared([80, 2, 2, 2], 50), status=replace(STATUS, model="prefork-epoll"))
    assert list(all_but_all.told()) == ["hot-worker"]
