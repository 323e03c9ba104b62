"""Order, filter, choice and pause of the connection table."""

import pytest

from engine.events import Kind
from engine.fold.ranked import SORT_KEYS
from engine.views.order import COLUMNS
from tests.tui.fake_run import FakeRun
from tui.format import plain
from tui.picture import Picture
from tui.table_view import TableView


def a_run() -> FakeRun:
    """Five connections; the third waits for long, the fourth has been closed by its client."""
    run = FakeRun()
    run.accept(range(1, 6))
    for conn, requests in ((1, 1), (2, 3), (4, 2), (5, 5)):
        for _ in range(requests):
            run.serve(conn, f"/page/{conn}")
    run.serve(3, "/wait/500", finish=False)
    run.close(4)
    run.poll()
    return run


def numbers(table: TableView, rows: int = 10) -> list[int]:
    views = sorted(table.look(rows).connections, key=lambda view: view.row)
    return [view.number for view in views]


@pytest.mark.parametrize("column", COLUMNS)
def test_every_column_sorts_both_ways(column: str) -> None:
    run = a_run()
    table = TableView(run)
    table.sort_by(column)
    down = numbers(table)
    table.sort_by(column)
    up = numbers(table)
    keys = {one.number: SORT_KEYS[column](one) for one in run.state.connections.values()}
    assert sorted(down) == sorted(up) == [1, 2, 3, 4, 5]
    assert [keys[one] for one in down] == sorted(keys.values(), reverse=True)
    assert [keys[one] for one in up] == sorted(keys.values())


def test_every_column_that_can_be_named_can_be_sorted_by() -> None:
    assert set(COLUMNS) == set(SORT_KEYS)


def test_rows_change_places_once_a_second_at_most() -> None:
    run = a_run()
    table = TableView(run)
    table.sort_by("requests")
    assert numbers(table) == [5, 2, 4, 1, 3]
    for _ in range(9):
        run.serve(1)
    run.accept([6])
    run.poll()
    assert numbers(table) == [5, 2, 4, 1, 3, 6]
    run.wait(1)
    assert numbers(table)[0] == 1


@pytest.mark.parametrize(
    ("needle", "found"),
    [
        ("", [1, 2, 3, 4, 5]),
        ("handler", [3]),
        ("WAIT/", [3]),
        ("page !page/2", [1, 4, 5]),
        ("client", [4]),
        (":50005", [5]),
        ("thread-1", [1]),
        ("nothing", []),
        ("!", []),
    ],
)
def test_a_filter_finds_path_state_owner_and_peer(needle: str, found: list[int]) -> None:
    table = TableView(a_run())
    table.filter(needle)
    assert numbers(table) == found


def test_a_filter_is_kept_as_new_ones_come() -> None:
    run = a_run()
    table = TableView(run)
    table.filter("wait")
    assert numbers(table) == [3]
    run.accept([6, 7])
    run.serve(7, "/wait/900", finish=False)
    run.poll()
    assert numbers(table) == [3, 7]


def test_the_choice_stays_on_its_connection() -> None:
    run = FakeRun()
    run.accept(range(1, 101))
    run.poll()
    table = TableView(run)
    table.look(10)
    table.move(1)
    table.move(60)
    assert table.chosen == 61
    table.sort_by("#")
    table.look(10)
    assert table.chosen == 61
    assert 61 in numbers(table)
    table.sort_by("#")
    assert 61 in numbers(table)
    run.close(61)
    run.poll()
    run.wait(4)
    table.look(10)  # which forgets the row
    table.look(10)
    assert table.chosen is None


def test_a_pause_holds_the_rows_while_counting_goes_on() -> None:
    run = a_run()
    picture = Picture(run)
    before = [plain(line) for line in picture.draw(120, 40, 12)["connections"]]
    picture.table.toggle_pause()
    run.wait(5)
    run.accept(range(6, 40))
    run.serve(3)
    run.poll()
    held = picture.draw(120, 40, 12)
    shown = [plain(line) for line in held["connections"]]
    assert shown[1:] == before[1:]
    assert "PAUSED 5 s  +" in shown[0]
    assert picture.history.open_connections.now == 38  # the graphs go on
    assert len(picture.history.open_connections.seconds) >= 5
    assert picture.snapshot.counts.accepted == 39
    picture.table.move(1)
    assert picture.table.chosen == 1
    picture.table.toggle_pause()
    after = [plain(line) for line in picture.draw(120, 40, 12)["connections"]]
    assert after[1:] != before[1:]
    assert "PAUSED" not in after[0]


def test_held_rows_are_sorted_and_filtered_as_they_stood() -> None:
    run = a_run()
    table = TableView(run)
    table.filter("page")
    assert numbers(table) == [1, 2, 4, 5]
    table.toggle_pause()
    for _ in range(9):
        run.serve(1)
    run.accept([6])
    run.poll()
    table.sort_by("requests")
    assert numbers(table) == [5, 2, 4, 1]
    table.sort_by("requests")
    assert numbers(table) == [1, 4, 2, 5]
    table.filter("")
    assert numbers(table) == [3, 1, 4, 2, 5]
    table.filter("wait")
    assert numbers(table) == [3]
    table.move(1)
    assert table.chosen == 3
    table.filter("")
    table.sort_by("")
    assert numbers(table) == [1, 2, 3, 4, 5]
    table.toggle_pause()
    assert numbers(table) == [1, 2, 3, 4, 5, 6]


def test_an_order_that_was_there_before_the_pause_can_be_let_go() -> None:
    table = TableView(a_run())
    table.sort_by("requests")
    table.toggle_pause()
    assert numbers(table) == [5, 2, 4, 1, 3]
    table.sort_by("")
    assert numbers(table) == [1, 2, 3, 4, 5]


def test_the_choice_stays_on_its_held_row() -> None:
    run = FakeRun()
    run.accept(range(1, 101))
    run.poll()
    table = TableView(run)
    table.look(10)
    table.toggle_pause()
    table.move(1)
    table.sort_by("#")
    assert table.chosen == 1
    assert numbers(table) == list(range(10, 0, -1))


def test_a_window_of_held_rows_scrolls() -> None:
    run = FakeRun()
    run.accept(range(1, 101))
    run.poll()
    table = TableView(run)
    table.look(10)
    table.toggle_pause()
    table.scroll(50)
    assert numbers(table) == list(range(51, 61))
    table.scroll(500)
    assert numbers(table) == list(range(91, 101))
    assert run.state.counts[Kind.ACCEPT] == 100
