"""What each process and thread has in its hands, as its events tell it."""

from collections import Counter

from engine.event_queue.passing import Passed
from engine.events import Event, Kind
from engine.fold.state import ServerState
from engine.fold.worker_views import MANY
from engine.views.snapshot import STRIP_CELL_NS, STRIP_CELLS
from engine.views.worker_view import WorkerState, WorkerView
from tests.engine.made import event

ENGINE, FIRST, SECOND = 10, 11, 12


def spawned(*events: Event) -> ServerState:
    """An engine with two worker processes."""
    state = ServerState()
    state.fold(
        [
            event(Kind.LISTEN, 0, 0, pid=ENGINE),
            event(Kind.SPAWN, 0, 0, pid=ENGINE, note=f"process {FIRST}"),
            event(Kind.SPAWN, 0, 0, pid=ENGINE, note=f"process {SECOND}"),
            *events,
        ]
    )
    return state


def views(state: ServerState, now_ns: int = 1) -> dict[tuple[int, str], WorkerView]:
    return {(one.pid, one.task): one for one in state.snapshot(now_ns).worker_views}


def test_the_workers_stand_below_who_started_them() -> None:
    told = spawned().snapshot(1).worker_views
    assert [(one.depth, one.pid) for one in told] == [(0, ENGINE), (1, FIRST), (1, SECOND)]
    assert [one.state for one in told] == [WorkerState.WAITING, *[WorkerState.ACCEPTING] * 2]


def test_accepts_and_connections_are_those_of_the_worker() -> None:
    state = spawned(
        event(Kind.ACCEPT, 1, 1, pid=FIRST),
        event(Kind.ACCEPT, 2, 1, pid=FIRST),
        event(Kind.CLOSE, 2, 1, pid=FIRST, note="client closed first"),
    )
    seen = views(state)
    assert (seen[FIRST, ""].accepts, seen[FIRST, ""].connections) == (2, 1)
    assert (seen[SECOND, ""].accepts, seen[SECOND, ""].connections) == (0, 0)


def test_accepts_that_nobody_could_see_count_as_well() -> None:
    state = spawned()
    state.note_passed(Passed(connections=7, accepts=Counter({SECOND: 7})))
    assert views(state)[SECOND, ""].accepts == 7


def test_wakeups_and_would_block_are_those_of_the_worker() -> None:
    state = spawned(event(Kind.TICK, 0, 1, pid=SECOND, note="wakeups 5 would-block 3 sockets 1"))
    seen = views(state)
    assert (seen[SECOND, ""].wakeups, seen[SECOND, ""].would_block) == (5, 3)
    assert (seen[FIRST, ""].wakeups, seen[FIRST, ""].would_block) == (0, 0)


def test_the_ready_list_is_the_longest_that_its_loop_was_told_of_in_the_last_seconds() -> None:
    old = event(Kind.TICK, 0, 1, pid=FIRST, note="wakeups 5 would-block 3 sockets 1")
    new = [
        event(
            Kind.TICK, 0, number, pid=SECOND, note=f"wakeups 1 would-block 0 sockets 1 ready {many}"
        )
        for number, many in enumerate((3, 12, 7), start=1)
    ]
    state = spawned(old, *new)
    seen = views(state, 4)
    assert (seen[FIRST, ""].ready, seen[SECOND, ""].ready) == (None, 12)
    assert views(state, STRIP_CELLS * STRIP_CELL_NS + 1)[SECOND, ""].ready == 0


def test_the_longest_turn_of_its_loop_is_that_of_the_last_seconds() -> None:
    told = [
        event(Kind.TICK, 0, number, pid=SECOND, note=f"wakeups 1 longest-turn-us {us}")
        for number, us in enumerate((30, 1200, 70), start=1)
    ]
    state = spawned(*told)
    seen = views(state, 4)
    assert (seen[FIRST, ""].longest_turn_ms, seen[SECOND, ""].longest_turn_ms) == (None, 1.2)
    assert views(state, STRIP_CELLS * STRIP_CELL_NS + 1)[SECOND, ""].longest_turn_ms == 0


def test_what_a_worker_has_in_hand_is_what_it_said_last() -> None:
    told = [
        event(Kind.TICK, 0, 1, pid=SECOND, note="wakeups 0 =receiving 12 =asleep 1"),
        event(Kind.TICK, 0, 2, pid=SECOND, note="wakeups 3 would-block 0"),
        event(Kind.TICK, 0, 3, pid=SECOND, note="wakeups 0 =receiving 11 =asleep 2"),
        event(Kind.TICK, 0, 4, pid=SECOND, note="wakeups 1 would-block 0"),
    ]
    seen = views(spawned(*told))
    assert seen[SECOND, ""].gauges == {"receiving": 11, "asleep": 2}
    assert seen[FIRST, ""].gauges == {}


def test_an_engine_that_retires_is_not_asked_what_it_has_in_hand() -> None:
    state = spawned(
        event(Kind.TICK, 0, 1, pid=ENGINE, note="wakeups 0 =watched 501"),
        event(Kind.LISTEN, 0, 2, pid=SECOND),
        event(Kind.TICK, 0, 3, pid=SECOND, note="wakeups 0 =runnable 1"),
    )
    seen = views(state, 4)
    assert (seen[ENGINE, ""].gauges, seen[SECOND, ""].gauges) == ({}, {"runnable": 1})


def test_a_worker_tells_which_listening_socket_it_has_opened() -> None:
    seen = views(spawned(event(Kind.TICK, 0, 1, pid=SECOND, note="listens 4711")))
    assert (seen[FIRST, ""].listener, seen[SECOND, ""].listener) == (0, 4711)


def test_the_state_is_that_of_the_busiest_connection() -> None:
    accepts = [event(Kind.ACCEPT, conn, 1, pid=FIRST) for conn in (1, 2)]
    state = spawned(*accepts)
    assert views(state)[FIRST, ""].state is WorkerState.READING
    for kind, moved, then in (
        (Kind.RECV, 9, WorkerState.READING),
        (Kind.REQUEST, 0, WorkerState.HANDLING),
        (Kind.RESPONSE, 9, WorkerState.WRITING),
    ):
        state.fold([event(kind, 1, 1, bytes=moved, pid=FIRST)])
        assert views(state)[FIRST, ""].state is then
    state.fold([event(Kind.SEND, 1, 1, bytes=9, pid=FIRST)])
    state.fold([event(Kind.CLOSE, 2, 1, pid=FIRST, note="client closed first")])
    assert views(state)[FIRST, ""].state is WorkerState.IDLE


def test_a_worker_whose_connections_are_only_counted_is_not_called_idle() -> None:
    state = spawned(event(Kind.ACCEPT, 1, 1, pid=FIRST), event(Kind.ACCEPT, 2, 1, pid=FIRST))
    note = "thinned requests 3 in 1 out 1"
    state.fold([event(Kind.TICK, conn, 2, pid=FIRST, note=note) for conn in (1, 2)])
    view = views(state, 3 * STRIP_CELL_NS)[FIRST, ""]
    assert (view.state, view.connections, view.strip.strip()) == (WorkerState.COUNTED, 2, "A~~~")
    detail = state.worker(FIRST, "", 3 * STRIP_CELL_NS)
    assert detail is not None
    assert [one.letter for one in detail.held] == ["~", "~"]
    late_ns = 3 * STRIP_CELL_NS
    for kind, then in (
        (Kind.RECV, WorkerState.READING),
        (Kind.REQUEST, WorkerState.HANDLING),
        (Kind.RESPONSE, WorkerState.WRITING),
        (
            Kind.SEND,
            WorkerState.COUNTED,
        ),  # one that is told is idle now, and the other nobody knows
    ):
        state.fold([event(kind, 1, late_ns, bytes=9, pid=FIRST)])
        view = views(state, late_ns)[FIRST, ""]
        assert (view.state, view.connections) == (then, 2)


def test_threads_have_rows_of_their_own() -> None:
    state = spawned(
        event(Kind.SPAWN, 0, 0, pid=FIRST, task="Thread-1", note="thread"),
        event(Kind.ACCEPT, 1, 1, pid=FIRST),
        event(Kind.RECV, 1, 1, bytes=9, pid=FIRST, task="Thread-1"),
    )
    seen = views(state)
    assert (seen[FIRST, "Thread-1"].depth, seen[FIRST, "Thread-1"].connections) == (2, 1)
    assert (seen[FIRST, ""].accepts, seen[FIRST, ""].connections) == (1, 0)


def test_the_strip_tells_what_happened_in_each_cell() -> None:
    state = spawned(event(Kind.ACCEPT, 1, 1, pid=FIRST))
    later = STRIP_CELL_NS + 1
    state.fold(
        [event(Kind.RECV, 1, later, bytes=9, pid=FIRST), event(Kind.REQUEST, 1, later, pid=FIRST)]
    )
    seen = views(state, 4 * STRIP_CELL_NS)
    assert seen[FIRST, ""].strip.strip() == "AHHHH"
    assert seen[SECOND, ""].strip.strip() == ""


def test_of_many_connections_it_is_told_what_they_did_when_the_cell_began() -> None:
    many = range(1, MANY + 3)
    state = spawned(*(event(Kind.ACCEPT, conn, 1, pid=FIRST) for conn in many))
    later_ns = STRIP_CELL_NS + 1
    seen = views(state, later_ns)[FIRST, ""]
    assert (seen.connections, seen.strip.strip()) == (len(many), "AA")
    state.fold([event(Kind.CLOSE, 1, later_ns, pid=FIRST, note="client closed first")])
    assert views(state, later_ns)[FIRST, ""].connections == len(many)
    assert views(state, 2 * STRIP_CELL_NS)[FIRST, ""].connections == len(many) - 1


def test_who_has_ended_is_gone() -> None:
    state = spawned(event(Kind.EXIT, 0, 1, pid=ENGINE, note=f"process {FIRST} killed by signal 9"))
    assert set(views(state)) == {(ENGINE, ""), (SECOND, "")}


def test_only_the_first_are_told() -> None:
    many = [event(Kind.SPAWN, 0, 0, pid=ENGINE, note=f"process {pid}") for pid in range(100, 300)]
    assert len(spawned(*many).snapshot(1).worker_views) == 64
