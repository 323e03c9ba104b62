"""What events tell of processes, threads and the loop."""

from engine.events import Kind
from engine.state import ServerState
from tests.engine.made import SECOND, event


def test_wakeups_are_told_a_second_across_engines() -> None:
    state = ServerState()
    state.fold([event(Kind.TICK, 0, SECOND, note="wakeups 30 would-block 60 sockets 1")])
    state.fold([event(Kind.LISTEN, 0, SECOND, pid=11)])
    state.fold([event(Kind.TICK, 0, 2 * SECOND, pid=11, note="wakeups 5 would-block 10 sockets 1")])
    now = state.snapshot(2 * SECOND)
    assert now.would_block_per_s == 2 * now.wakeups_per_s > 0
    assert (now.counts.wakeups, now.counts.would_block) == (5, 10)


def test_wakeups_are_those_of_the_running_engine() -> None:
    state = ServerState()
    state.fold([event(Kind.TICK, 0, 1, note="wakeups 3 would-block 4 sockets 1")])
    assert state.snapshot(2).counts.would_block == 4
    state.fold([event(Kind.LISTEN, 0, 3, pid=11)])
    assert (state.snapshot(4).counts.wakeups, state.snapshot(4).counts.would_block) == (0, 0)


def test_a_child_killed_before_it_received_anything_is_cut_off() -> None:
    state = ServerState()
    state.fold(
        [
            event(Kind.ACCEPT, 7, 0, pid=10),
            event(Kind.SPAWN, 0, 1, pid=10, note="process 11"),
            event(Kind.RELEASE, 7, 2, pid=10),
            event(Kind.EXIT, 0, 3, pid=10, note="process 11 killed by signal 9"),
        ]
    )
    assert state.snapshot(4).counts.cut == 1
    assert state.snapshot(4).connections[0].last == "cut: its process was killed"
