"""The pieces of a connection's life, who did each, and in which turn of a loop."""

from engine.events import Event, Kind
from engine.fold.connection import Connection
from engine.fold.pieces import pieces
from engine.fold.state import ServerState
from engine.fold.turns import TURNS_KEPT
from tests.engine.fold.test_lanes import ANSWERED, ASKED, at, folded
from tests.engine.made import MS, event


def lives(events: list[Event], most: int = 10) -> list[tuple[str, int, int | None]]:
    (connection,) = folded(events).connections.values()
    return [
        (one.name, one.begin_ns // MS, one.end_ns and one.end_ns // MS)
        for one in pieces(connection, most)
    ]


def test_pieces_follow_one_another_and_take_time() -> None:
    told = [("accepted", 200, 300), ("handler", 300, 650)]
    assert lives(ANSWERED) == [*told, ("idle", 650, None)]
    closed = [*ANSWERED, at(8, Kind.CLOSE, note="client closed first"), at(9, Kind.RELEASE)]
    assert lives(closed) == [*told, ("idle", 650, 800)]
    assert lives(closed, most=2) == [("handler", 300, 650), ("idle", 650, 800)]


def test_a_piece_names_who_began_and_who_ended_it() -> None:
    by_pool = [one._replace(task="worker-3") for one in ANSWERED[3:]]
    state = folded([*ASKED, *by_pool])
    connection: Connection = state.connections[1]
    handler = next(one for one in pieces(connection, 9) if one.name == "handler")
    assert handler.began is not None
    assert handler.ended is not None
    assert (handler.began.task, handler.ended.task) == ("MainThread", "worker-3")


def rooms(*events: Event) -> list[tuple[str, int, int | None, bool, bool]]:
    """Name, times in ms, and whether an event began and ended it."""
    (connection,) = folded([*events]).connections.values()
    return [
        (
            one.name,
            one.begin_ns // MS,
            one.end_ns and one.end_ns // MS,
            one.began is not None,
            one.ended is not None,
        )
        for one in pieces(connection, 9)
    ]


def test_the_kernel_has_it_before_the_accept_and_its_bytes_before_the_recv() -> None:
    queued = at(2, Kind.TICK, note="in the accept queue for 120 ms")
    recv = at(3, Kind.RECV, bytes=9, note="unread for 40000 us")
    request = at(3, Kind.REQUEST)
    assert rooms(ASKED[0], queued, recv, request) == [
        ("accept queue", 80, 200, False, True),
        ("accepted", 200, 260, True, False),
        ("unread", 260, 300, False, True),
        ("handler", 300, None, True, False),
    ]


def test_bytes_that_came_before_the_accept_lie_unread_from_the_accept_on() -> None:
    recv = at(3, Kind.RECV, bytes=9, note="unread for 900000 us")
    told = rooms(ASKED[0], recv, at(3, Kind.REQUEST))
    assert told[-2:] == [("unread", 200, 300, False, True), ("handler", 300, None, True, False)]


def test_the_queue_of_a_pool_of_threads_comes_before_unread() -> None:
    put, take = at(2, Kind.TICK, note="queue put 1"), at(4, Kind.TICK, note="queue take")
    recv = at(4.5, Kind.RECV, bytes=9, note="unread for 230000 us")
    assert rooms(ASKED[0], put) == [("app queue", 200, None, True, False)]
    assert rooms(ASKED[0], put, take, recv, at(4.5, Kind.REQUEST)) == [
        ("app queue", 200, 400, True, True),
        ("unread", 400, 450, False, True),
        ("handler", 450, None, True, False),
    ]


def test_the_queue_of_a_loop_with_a_pool_is_cut_out_of_the_handler() -> None:
    put, take = at(3, Kind.TICK, note="queue put 1"), at(4, Kind.TICK, note="queue take")
    assert rooms(*ASKED, put, take, at(5, Kind.RESPONSE, bytes=1), at(5, Kind.SEND, bytes=1)) == [
        ("accepted", 200, 300, True, True),
        ("app queue", 300, 400, True, True),
        ("handler", 400, 500, True, True),
        ("idle", 500, None, True, False),
    ]


def turn(column: float, note: str, pid: int = 10) -> Event:
    return event(Kind.TICK, 0, round(column * 100 * MS), pid=pid, note=note)


def test_what_a_loop_does_belongs_to_its_last_turn() -> None:
    state = folded([turn(1, "turn 7"), ASKED[0], turn(3, "turn 8"), *ASKED[1:], turn(6, "turn")])
    assert [state.workers.turn_of(one) for one in ASKED] == [7, 8, 8]
    assert state.workers.turn_of(at(0.5, Kind.SEND)) == 0
    assert state.workers.turn_of(at(7, Kind.SEND)) == 0  # not told any more
    assert state.workers.turn_of(at(5, Kind.SEND, pid=11)) == 0


def test_a_thread_beside_the_loop_has_no_turns() -> None:
    begins = event(Kind.SPAWN, 0, 1, task="worker-1", note="thread")
    state = folded([begins, turn(1, "turn 7")])
    assert state.workers.turn_of(at(2, Kind.SEND, task="worker-1")) == 0
    assert state.workers.turn_of(at(2, Kind.SEND, task="Task-3")) == 7


def test_only_the_last_turns_are_kept() -> None:
    state = ServerState()
    state.fold([turn(number, f"turn {number}") for number in range(1, 3 * TURNS_KEPT)])
    assert state.workers.turn_of(at(3, Kind.SEND)) == 0
    assert state.workers.turn_of(at(3 * TURNS_KEPT, Kind.SEND)) == 3 * TURNS_KEPT - 1
    state.fold([turn(3 * TURNS_KEPT, "turn x")])
    assert state.snapshot(10**15).counts.illegal_steps == 1
