"""Connections that are kept, for how long, and their rows."""

from engine.events import Kind
from engine.fold.state import ServerState
from engine.fold.table import CLOSED_KEPT, CLOSED_KEPT_NS
from tests.engine.made import SECOND, event


def closed(state: ServerState, count: int, at_ns: int = 1) -> None:
    """`count` connections that were opened and closed."""
    for conn in range(1, count + 1):
        state.fold([event(Kind.ACCEPT, conn, at_ns), event(Kind.CLOSE, conn, at_ns)])


def test_a_closed_connection_is_seen_for_three_seconds() -> None:
    state = ServerState()
    closed(state, 1)
    assert state.snapshot(CLOSED_KEPT_NS + 1).rows == 1
    assert state.snapshot(CLOSED_KEPT_NS + 2).rows == 0
    assert state.connections == {}


def test_at_most_so_many_closed_connections_are_kept() -> None:
    state = ServerState()
    closed(state, CLOSED_KEPT + 50)
    state.fold([event(Kind.ACCEPT, 10_000, 1)])
    snapshot = state.snapshot(1)
    assert len(snapshot.connections) == CLOSED_KEPT + 1
    assert [view.conn for view in snapshot.connections if not view.closed_ns] == [10_000]
    assert snapshot.counts.closed == CLOSED_KEPT + 50


def test_rows_hold_still_and_free_ones_are_used_again() -> None:
    state = ServerState()
    state.fold([event(Kind.ACCEPT, conn, 0) for conn in range(1, 6)])
    state.fold([event(Kind.CLOSE, 2, 1), event(Kind.CLOSE, 5, 1)])
    assert [view.row for view in state.snapshot(4 * SECOND).connections] == [0, 2, 3]
    assert state.snapshot(4 * SECOND).rows == 4
    state.fold([event(Kind.ACCEPT, conn, 4 * SECOND) for conn in (7, 8)])
    rows = {view.conn: view.row for view in state.snapshot(4 * SECOND).connections}
    assert rows == {1: 0, 7: 1, 3: 2, 4: 3, 8: 4}


def test_the_window_is_a_part_of_the_rows() -> None:
    state = ServerState()
    state.fold([event(Kind.ACCEPT, conn, 0) for conn in range(1, 31)])
    snapshot = state.snapshot(0, first_row=10, rows=5)
    assert [view.conn for view in snapshot.connections] == [11, 12, 13, 14, 15]
    assert (snapshot.first_row, snapshot.rows) == (10, 30)
    assert state.snapshot(0, 28, 10).connections[-1].conn == 30
    assert state.snapshot(0, 100, 10).connections == ()
    assert state.snapshot(0, 0, 0).connections == ()
