import pytest

from engine.events import Event, Kind
from engine.fold.connection import Connection
from engine.fold.rows import Rows, nearest


def connection(number: int) -> Connection:
    accept = Event(number, number, Kind.ACCEPT, number, 5, 10, "MainThread", 0, 0, "peer")
    return Connection(number, accept, 0)


def filled(count: int) -> tuple[Rows, list[Connection]]:
    rows = Rows()
    connections = [connection(number) for number in range(count)]
    for one in connections:
        rows.take(one)
    return rows, connections


def test_rows_hold_still_while_most_are_taken() -> None:
    rows, connections = filled(10)
    for one in connections[1:5]:
        rows.free(one)
    assert [one.row for one in rows.window(0, 10, now_ns=0)] == [0, 5, 6, 7, 8, 9]


def test_a_new_connection_takes_the_highest_free_row() -> None:
    rows, connections = filled(10)
    for one in (connections[6], connections[2]):
        rows.free(one)
    new = connection(11)
    rows.take(new)
    assert new.row == 2


def test_those_out_of_sight_come_into_view_and_those_in_view_hold_still() -> None:
    rows, connections = filled(60)
    for one in connections[1:57]:
        rows.free(one)
    assert rows.window(0, 10, now_ns=60) == [connections[0], *connections[57:]]
    assert connections[0].row == 0
    assert all(one.row < 10 for one in connections[57:])
    rows.take(new := connection(61))
    assert rows.window(new.row, 1, now_ns=61) == [new]


def test_fewer_closed_ones_than_free_rows_come_all_at_once() -> None:
    rows, connections = filled(10)
    for one in connections[7:]:
        one.closed_ns = 5
    for one in connections[:5]:
        rows.free(one)
    assert rows.window(0, 7) == [*connections[7:], *connections[5:7]]


def test_a_hole_does_not_go_before_the_window_as_it_scrolls() -> None:
    rows, connections = filled(60)
    rows.free(connections[0])
    assert rows.window(0, 10) == [connections[59], *connections[1:10]]
    for first in range(1, 20):
        assert rows.window(first, 10) == connections[first : first + 10]
        assert rows.nearest(first + 9, 1) == (first + 10, connections[first + 10])


def test_one_step_down_is_one_row_also_where_rows_are_free() -> None:
    rows, connections = filled(60)
    rows.window(0, 10)
    for one in connections[10:30]:
        rows.free(one)
    assert [rows.nearest(row, 1) for row in range(8, 14)] == [
        (9, connections[9]), *((row, connections[69 - row]) for row in range(10, 15)),
    ]  # fmt: skip


def test_what_is_seen_holds_still_when_another_row_is_chosen() -> None:
    rows, connections = filled(8)
    for one in connections[2:7]:
        rows.free(one)
    assert rows.window(0, 10) == [*connections[:2], connections[7]]
    assert rows.nearest(1, 1) == (7, connections[7])


def test_no_row_is_left_when_all_are_gone() -> None:
    rows, connections = filled(7)
    for one in connections:
        rows.free(one)
    assert len(rows) == 0
    assert rows.window(0, 10, now_ns=0) == []


def test_closed_ones_below_come_into_rows_that_are_free() -> None:
    rows, connections = filled(30)
    for one in connections[20:]:
        one.closed_ns = 5
    for one in connections[:20]:
        rows.free(one)
    assert rows.window(0, 20, now_ns=6) == connections[20:]


@pytest.mark.parametrize(
    ("row", "steps", "found"),
    [
        (-1, 1, 1), (1, 1, 3), (1, 2, 4), (1, 99, 4), (4, 1, None), (4, -1, 3), (4, -2, 1),
        (99, -1, 4), (4, -99, 1), (1, -1, None), (-9, -1, None),
    ],
)  # fmt: skip
def test_the_nearest_in_a_direction(row: int, steps: int, found: int | None) -> None:
    rows = [None, connection(1), None, connection(3), connection(4), None]
    assert (nearest(rows, row, steps) or (None,))[0] == found
