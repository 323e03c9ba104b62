"""Clients that a listener took with it: suspected by the kernel's table, cleared by an accept."""

from engine.findings.lost_clients import CLOSED_MOST, SURELY_NS, LostClients
from engine.findings.moment import RECENT_NS
from engine.probes.lost_queues import TOLD_MOST, TOLD_NS, LostQueues
from engine.views.kernel_numbers import EMPTY_KERNEL, KernelNumbers

LOST = KernelNumbers(lost_in_queue=(7, 8))


def test_who_waited_is_lost_with_the_listener_and_told_for_a_second() -> None:
    queues = LostQueues()
    assert queues.look({1, 2}, {7, 8, 9}, {7, 8, 9}, 0) == ()
    assert queues.look({1, 3}, {9}, {9}, 1) == (7, 8)  # another one has come meanwhile
    assert queues.look({1, 3}, set(), set(), TOLD_NS) == (7, 8)
    assert queues.look({1, 3}, set(), set(), TOLD_NS + 1) == ()


def test_who_is_accepted_is_still_here_and_a_listener_that_stays_loses_nobody() -> None:
    queues = LostQueues()
    queues.look({1, 2}, {7, 8}, {7, 8}, 0)
    assert queues.look({1}, set(), {7, 8}, 1) == ()
    queues.look({1}, {9}, {9}, 2)
    assert queues.look({1}, set(), set(), 3) == ()


def test_of_a_long_queue_not_all_are_told() -> None:
    queues = LostQueues()
    crowd = set(range(2 * TOLD_MOST))
    queues.look({1}, crowd, crowd, 0)
    assert len(queues.look(set(), set(), set(), 1)) == TOLD_MOST


def test_they_are_lost_when_no_accept_is_told_and_spoken_of_for_a_while() -> None:
    lost = LostClients()
    assert lost.look(LOST, (), 0, 1) == ()
    assert lost.look(LOST, {7: "accepted after all"}, 0, SURELY_NS) == ()
    assert lost.look(EMPTY_KERNEL, (), 0, SURELY_NS + 1) == (8,)
    assert lost.look(EMPTY_KERNEL, (), 0, RECENT_NS + 1) == (8,)
    assert lost.look(EMPTY_KERNEL, (), 0, RECENT_NS + 2) == ()


def test_in_a_flood_nobody_knows() -> None:
    lost = LostClients()
    lost.look(LOST, (), 0, 1)
    assert lost.look(LOST, (), CLOSED_MOST + 1, SURELY_NS + 1) == ()
