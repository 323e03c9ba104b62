"""Findings while a pool is starved: how many may wait for it, and since when those that gave up have left."""

from dataclasses import replace

from engine.findings.moment import MS, Held
from engine.findings.watching import Findings
from engine.views.kernel_numbers import KernelView
from engine.views.snapshot import Counts, Room, State
from tests.engine.moments import NUMBERS, Story, held


def story_of(*there: Held, waiting: int = 0) -> Story:
    """These are open, and so many others wait in the queue of the server."""
    return Story(
        held=lambda step: there,
        counts=lambda step: Counts(accepted=len(there) + waiting),
        numbers=lambda step: replace(NUMBERS, threads=5),
        snapshot=lambda now, step: replace(now, rooms={"app_queue": Room(waiting, 500.0)}),
    )


def test_a_pool_is_starved_however_many_wait_for_it() -> None:
    silent = [held(State.ACCEPTED, 600.0, conn=conn) for conn in (1, 2, 3, 4)]
    told = story_of(*silent, waiting=60).told()
    assert list(told) == ["pool-starved"]
    assert "60 others wait" in told["pool-starved"].text


def test_who_has_left_is_counted_from_when_it_did() -> None:
    """Not from its accept, where the server has done nothing with it since. The last look is at 2 s."""

    def left(after_ms: int) -> Story:
        kernel = KernelView("CLOSE_WAIT", 1, 0, 50, 0, left_ns=after_ms * MS)
        return story_of(
            *(held(State.ACCEPTED, 9_000.0, conn=conn, kernel=kernel) for conn in (1, 2, 3))
        )

    assert ", for 700 ms: CLOSE_WAIT" in left(1_300).told()["close-wait"].text
    assert left(1_700).told() == {}


def test_where_nobody_tells_since_when_no_time_is_said() -> None:
    """As in recordings of before."""
    kernel = KernelView("CLOSE_WAIT", 1, 0, 50, 0)
    there = [held(State.ACCEPTED, 9_000.0, conn=conn, kernel=kernel) for conn in (1, 2, 3)]
    text = story_of(*there).told()["close-wait"].text
    assert "the server has not: CLOSE_WAIT" in text


def test_the_pool_comes_before_those_who_gave_up_waiting_for_it() -> None:
    """It is why they are not closed."""
    silent = [held(State.ACCEPTED, 9_000.0, conn=conn) for conn in (1, 2, 3, 4)]
    kernel = KernelView("CLOSE_WAIT", 76, 0, 50, 0, left_ns=MS)
    gone = [held(State.ACCEPTED, 9_000.0, conn=conn, kernel=kernel) for conn in (5, 6, 7)]
    findings = Findings()
    story = story_of(*silent, *gone, waiting=3)
    told = [findings.look(story.moment(step)) for step in range(20)][-1]
    assert [one.id for one in told] == ["pool-starved", "close-wait"]
