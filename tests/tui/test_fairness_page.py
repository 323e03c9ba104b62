"""How pre-forked workers share their clients, as the page of processes shows it: from real runs
(tests/make_fairness.py)."""

from collections.abc import Callable

import pytest

from tests.make_fairness import CLIENTS, SHARING, WORKERS
from tests.make_screenshots import at_its_end
from tui.app import Dashboard
from tui.format import plain
from tui.panels import workers

Compare = Callable[..., bool]


@pytest.mark.parametrize("name", SHARING)
def test_the_page(snap_compare: Compare, name: str) -> None:
    dashboard = Dashboard(at_its_end(name), frames_per_s=12, beats=False)
    assert snap_compare(dashboard, press=["w"], terminal_size=(120, 40))


def lengths(name: str) -> list[int]:
    """Of the bars, the longest first."""
    replay = at_its_end(name)
    replay.poll()
    rows = [plain(line) for line in workers.lines(replay.snapshot(), 120, 0)]
    return sorted((row.count(workers.BAR) for row in rows[4:]), reverse=True)


def test_blocking_accept_is_even() -> None:
    assert lengths("fair-accept") == [workers.BAR_CELLS] * WORKERS


def test_with_epollexclusive_one_worker_has_them_all() -> None:
    assert lengths("fair-exclusive") == [workers.BAR_CELLS] + [0] * (WORKERS - 1)


def test_by_hash_they_are_uneven_and_none_is_left_out() -> None:
    bars = lengths("fair-reuseport")
    assert len(set(bars)) > 3
    assert bars[-1] >= workers.BAR_CELLS / 4


def test_all_clients_are_accounted_for() -> None:
    for name in SHARING:
        replay = at_its_end(name)
        replay.poll()
        assert sum(view.accepts for view in replay.snapshot().worker_views) == CLIENTS
