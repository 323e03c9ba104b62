import pytest

from engine.events import Kind
from engine.views.order import COLUMNS
from tests.tui.drawn import drawn
from tests.tui.fake_run import ENGINE_PID, FakeRun, a_lively_run
from tui.format import plain
from tui.picture import Picture


def row_of(parts: dict[str, list[str]], number: int) -> str:
    """The row of the connection with this number."""
    rows = parts["connections"][2:]
    return next(row for row in rows if row.split()[:1] in ([str(number)], [f"~{number}"]))


def test_a_row_tells_who_serves_and_what_it_waits_for() -> None:
    parts = drawn(a_lively_run(), 160)
    waiting = row_of(parts, 3)
    for expected in ("Thread-3", "H handler", "1.0 s", "GET /wait/1500", "HHHHHH"):
        assert expected in waiting
    assert "S unsent" in row_of(parts, 4)
    assert "SSS" in row_of(parts, 4)
    assert "_ idle" in row_of(parts, 1)
    assert "A accepted" in row_of(parts, 8)
    assert "x closed" in row_of(parts, 5)
    assert "closed by client" in row_of(parts, 5)
    assert "X closed" in row_of(parts, 6)


def test_a_row_whose_process_was_killed_says_so() -> None:
    run = a_lively_run()
    run.die()
    for width in (80, 120):
        parts = drawn(run, width, 60)
        assert "! cut " in row_of(parts, 3)
        assert "process killed " in row_of(parts, 3)
        assert "x closed " in row_of(parts, 5)


def test_a_reset_is_said_in_words_that_fit() -> None:
    run = FakeRun()
    run.accept([1])
    run.tell(Kind.CLOSE, 1, note="client reset the connection")
    parts = drawn(run, 80, 24)
    assert "reset by client " in row_of(parts, 1)
    assert "reset by client " in parts["events"][-1]


@pytest.mark.parametrize(
    ("seconds", "shown"), [(0.7, "0.7 s"), (99.9, "99.9 s"), (150, "150 s"), (700, "11 min")]
)
def test_how_long_a_request_waits_is_seen_on_small_screens(seconds: float, shown: str) -> None:
    run = FakeRun()
    run.accept([1])
    run.serve(1, "/wait/1000000", finish=False)
    run.wait(seconds)
    for width in (60, 80, 120):
        assert f"H handler  {shown:>8} " in f"{row_of(drawn(run, width, 24), 1)} "


@pytest.mark.parametrize(
    ("width", "legend"),
    [
        (40, "r recv H handler s sent S unsent _ idle"),
        (60, "A new r recv H handler s sent S unsent _ idle Xx end ~ lost"),
        (80, "A accept r recv H handler s sent S unsent _ idle X closed x by client ~ lost"),
        (
            120,
            "A accept  r recv  H handler  s sent  S unsent  _ idle  X closed by server  x by client  ~ lost",
        ),
    ],
)
def test_the_letters_are_explained_below_the_rows(width: int, legend: str) -> None:
    run = a_lively_run()
    assert drawn(run, width, 24)["connections"][-1].rstrip() == legend
    run.accept(range(10, 3_000))
    assert drawn(run, width, 24)["connections"][-1].rstrip() == legend
    assert drawn(FakeRun(), width, 24)["connections"][-1].rstrip() == legend


@pytest.mark.parametrize(
    ("width", "told"),
    [
        (40, ""),
        (60, "no room for 7 columns"),
        (80, "no room for peer, requests, in, out, age"),
        (90, "no room for peer, in, out, age"),
        (120, ""),
    ],
)
def test_what_has_no_room_is_named(width: int, told: str) -> None:
    title, headings = drawn(a_lively_run(), width, 24)["connections"][:2]
    assert ("no room" in title) == bool(told)
    assert title.endswith(told)
    assert len(title) == width or not told
    for name in COLUMNS:
        assert name in headings or not told or name in told or told.endswith("columns")


def test_a_client_that_is_silent_for_too_long_is_told_with_its_time() -> None:
    run = FakeRun()
    run.accept([1, 2])
    run.serve(1)
    run.wait(5.3)
    run.tell(Kind.CLOSE, 1, note="server closed first")
    run.tell(Kind.CLOSE, 2, note="server closed first: client silent")
    for width in (80, 120):
        parts = drawn(run, width, 24)
        assert "X closed" in row_of(parts, 1)
        assert "silent for 5 s " in row_of(parts, 1)
        assert "silent for 5 s " in row_of(parts, 2)


def test_a_last_answer_is_no_silence() -> None:
    run = FakeRun()
    run.accept([1])
    run.wait(5)
    run.serve(1)
    run.tell(Kind.CLOSE, 1, note="server closed first: last answer")
    assert "closed by server" in row_of(drawn(run), 1)


def test_a_row_with_lost_events_is_marked_torn() -> None:
    parts = drawn(a_lively_run())
    assert row_of(parts, 7).lstrip().startswith("~7 ")


def test_a_child_is_named_by_its_pid() -> None:
    run = FakeRun("process")
    run.tell(Kind.ACCEPT, 1, note="127.0.0.1:50001")
    run.tell(Kind.RECV, 1, moved=83, pid=4131)
    run.accept([2])
    parts = drawn(run)
    assert "pid 4131" in row_of(parts, 1)
    assert f"pid {ENGINE_PID}" not in "".join(parts["connections"])


def test_rows_hold_still_while_others_end() -> None:
    run = FakeRun()
    run.accept(range(1, 7))
    run.poll()
    picture = Picture(run)
    before = [plain(line)[:4] for line in picture.draw(120, 40, 12)["connections"]]
    run.close(2)
    run.close(3)
    run.wait(4)
    run.poll()
    after = [plain(line)[:4] for line in picture.draw(120, 40, 12)["connections"]]
    assert [line for line in before if line not in after] == ["   2", "   3"]
    assert after.index("   4") == before.index("   4")
    run.accept([7])
    run.poll()
    later = [plain(line)[:4] for line in picture.draw(120, 40, 12)["connections"]]
    assert later.index("   7") == before.index("   2")


def test_open_connections_come_into_sight_where_nobody_needs_a_row() -> None:
    run = FakeRun()
    run.accept(range(1, 101))
    run.poll()
    picture = Picture(run)
    picture.draw(80, 24, 12)
    rows = picture.heights.rows
    for conn in range(1, 96):
        run.close(conn)
    run.poll()
    shown = [plain(line).split()[:1] for line in picture.draw(80, 24, 12)["connections"][2:-1]]
    assert shown == [[str(number)] for number in range(1, rows + 1)]  # seen to be closed
    run.wait(1.5)
    shown = [plain(line).split()[:1] for line in picture.draw(80, 24, 12)["connections"][2:-1]]
    assert shown[:5] == [["96"], ["97"], ["98"], ["99"], ["100"]]
    assert shown[5:] == [[str(number)] for number in range(6, rows + 1)]
    run.wait(2)
    lines = [plain(line) for line in picture.draw(80, 24, 12)["connections"]]
    assert [line.split()[:1] for line in lines[2:7]] == shown[:5]
    assert "scroll" not in lines[0]


def test_closed_rows_are_dimmed_and_then_go() -> None:
    run = FakeRun()
    run.accept([1, 2])
    run.close(1)
    run.poll()
    picture = Picture(run)
    row = picture.draw(120, 40, 12)["connections"][2]
    assert {role for text, role in row if text.strip()} == {"closed"}
    run.wait(4)
    assert not plain(picture.draw(120, 40, 12)["connections"][2])


def test_an_empty_table_says_what_to_do() -> None:
    text = "\n".join(drawn(FakeRun(), 60, 20)["connections"])
    assert "No connection yet." in text
    assert "http://127.0.0.1:7890/ in a browser" in text
    assert "curl http://127.0.0.1:7890/" in text
    assert "press b for a burst of 50 requests" in text


def test_times_on_rows_are_rounded_down() -> None:
    run = FakeRun()
    run.wait(0.9)
    run.accept([1])
    run.wait(0.2)  # into another second of the clock
    assert row_of(drawn(run), 1).count("< 1 s ") == 2
    run.wait(1.7)
    assert row_of(drawn(run), 1).count(" 1 s ") == 2


def test_an_empty_table_of_a_dead_server_advises_what_works() -> None:
    run = FakeRun()
    run.die()
    text = "\n".join(drawn(run, 60, 20)["connections"])
    assert "Press R to start the server, or a digit" in text
    assert "press b" not in text


def test_thousands_of_rows_are_seen_through_a_window() -> None:
    run = FakeRun()
    run.accept(range(1, 3_001))
    run.poll()
    picture = Picture(run)
    picture.table.first_row = 1_000_000
    lines = [plain(line) for line in picture.draw(80, 24, 12)["connections"]]
    rows = picture.heights.rows
    assert f"{3_001 - rows:,}–3,000 of 3,000 ↑↓" in lines[0]
    assert lines[-2].split()[0] == "3000"
    assert lines[-2].endswith("▐")
    assert picture.table.first_row == 3_000 - rows


def test_why_the_server_closed_first_does_not_cut_its_row() -> None:
    run = FakeRun()
    run.accept([1])
    run.tell(Kind.CLOSE, 1, note="server closed first: last answer", task="Thread-1")
    assert "closed by server" in " ".join(drawn(run, 120, 40)["connections"])


def test_who_waits_unread_or_in_the_queue_of_the_server_is_not_called_idle() -> None:
    run = FakeRun("thread-pool")
    run.accept([1, 2, 3])
    run.serve(1)
    run.tell(Kind.TICK, 3, note="queue put 1")
    run.wait(1.5)
    since_ns = run.now_ns - 700_000_000
    run.given_unread_ns = {1: since_ns, 2: run.now_ns, 3: since_ns}

    rows = [line for line in drawn(run)["connections"] if line.lstrip()[:1].isdigit()]
    assert "u unread      0.7 s" in rows[0]
    assert "A accepted" in rows[1], "it has only just come"
    assert "a in queue" in rows[2]
    run.tell(Kind.RECV, 1, moved=9)  # after the kernel was asked
    assert "r reading" in next(
        line for line in drawn(run)["connections"] if line.startswith("   1")
    )
