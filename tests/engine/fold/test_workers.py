"""What events tell of processes, threads and the loop."""

from engine.events import Kind
from engine.fold.state import ServerState
from engine.fold.workers import MODELS_KEPT, Workers
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


def test_a_process_belongs_to_the_model_of_the_engine_it_descends_from() -> None:
    workers = Workers()
    for kind, pid, note in (
        (Kind.SPAWN, 1, "process 10 engine process"),
        (Kind.SPAWN, 10, "process 11"),
        (Kind.SPAWN, 11, "process 12"),
        (Kind.SPAWN, 77, "process 78"),
        (Kind.SPAWN, 1, "process 20 engine epoll"),
        (Kind.EXIT, 10, "process 11 exit 0"),
    ):
        workers.take(event(kind, 0, 1, pid=pid, note=note))
    models = [workers.model_of(pid) for pid in (1, 10, 11, 12, 78, 20)]
    assert models == [None, "process", "process", "process", None, "epoll"]
    workers.take(event(Kind.SPAWN, 0, 1, pid=20, note="process 11"))  # its pid is used again
    assert workers.model_of(11) == "epoll"


def test_what_is_kept_of_processes_is_bounded_and_spares_the_living() -> None:
    workers = Workers()
    workers.take(event(Kind.SPAWN, 0, 1, pid=1, note="process 10 engine process"))
    for pid in range(100, 100 + 2 * MODELS_KEPT):
        workers.take(event(Kind.SPAWN, 0, 1, pid=10, note=f"process {pid}"))
        workers.take(event(Kind.EXIT, 0, 1, pid=10, note=f"process {pid} exit 0"))
    assert workers.model_of(99 + 2 * MODELS_KEPT) == "process"
    assert workers.model_of(100) is None
    assert len(workers._models) <= MODELS_KEPT + 1
