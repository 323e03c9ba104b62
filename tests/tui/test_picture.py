"""What the whole screen says: sizes, the first line, the log, the keys."""

from dataclasses import replace
from itertools import pairwise

import pytest

from engine.events import Kind
from engine.models import MODELS
from engine.recordings.replay import Replay
from engine.views.snapshot import RunStatus
from tests.make_screenshots import RECORDINGS
from tests.tui.drawn import SIZES, drawn
from tests.tui.fake_run import ENGINE_PID, FakeRun, a_lively_run
from tui.format import plain
from tui.key_table import foot
from tui.panels import keys
from tui.picture import Picture

RUNNING = RunStatus("thread", "http://127.0.0.1:7890", "short", 1, "serving")


# --- sizes ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("width", "height"), SIZES)
def test_no_line_is_wider_than_the_terminal(width: int, height: int) -> None:
    run = a_lively_run()
    run.drop(1_204)
    for _, lines in drawn(run, width, height).items():
        if width >= 60:
            assert [line for line in lines if len(line) > width] == []


@pytest.mark.parametrize(("width", "height"), SIZES)
def test_the_parts_fill_the_terminal_and_no_more(width: int, height: int) -> None:
    run = a_lively_run()
    run.poll()
    picture = Picture(run)
    parts = picture.draw(width, height, 12)
    heights = picture.heights
    above = (heights.alert, heights.rooms, heights.server)
    shown = (*above, heights.connections, heights.events, heights.bursts)
    gaps = heights.gap * (2 + bool(heights.events) + bool(heights.bursts))
    total = 1 + sum(shown) + heights.keys + gaps
    if height >= 20:
        assert total == height
        assert heights.rows >= 4
        for name in ("server", "connections", "bursts", "keys"):
            assert len(parts[name]) <= getattr(heights, name)


@pytest.mark.parametrize(("width", "height"), SIZES)
def test_the_first_line_says_what_runs_where_and_how(width: int, height: int) -> None:
    header = drawn(a_lively_run(), width, height)["header"][0]
    assert f"{header}  ".startswith("servetui  thread  http://127.0.0.1:7890  keep-alive  ")


def test_the_first_line_ends_with_what_watching_costs() -> None:
    header = drawn(a_lively_run())["header"][0]
    assert header.endswith("  lost 0 in all       10 events/s")
    assert len(header) == 120
    assert drawn(a_lively_run(), 160)["header"][0].endswith(
        "  lost 0 in all       10 events/s  12 frames/s"
    )


def test_what_comes_and_goes_moves_nothing_in_the_first_line() -> None:
    calm = drawn(a_lively_run())["header"][0]
    run = a_lively_run()
    run.drop(1_204)
    run.given_status = replace(run.given_status, thinning=64)
    busy = drawn(run)["header"][0]
    for word in ("lost 1,204", "detail of 1 connection in 64"):
        assert word in busy
    assert busy.index(" events/s") == calm.index(" events/s")


def test_thinning_is_said_with_its_ratio() -> None:
    run = a_lively_run()
    run.given_status = replace(run.given_status, thinning=8)
    assert "  detail of 1 connection in 8  lost 0 in all  " in drawn(run)["header"][0]


@pytest.mark.parametrize(
    ("model", "width", "told"),
    [
        ("thread", 100, "  detail of 1 connection in 8  lost 0 in all"),
        ("thread-pool", 80, "  detail 1 in 8  lost 0"),
        ("prefork-epoll", 80, "  detail 1 in 8"),
        ("thread", 60, "  1 in 8"),
    ],
)
def test_that_others_are_only_counted_is_told_before_all_else(
    model: str, width: int, told: str
) -> None:
    """It changes what the other numbers mean."""
    run = FakeRun(model)
    run.given_status = replace(run.given_status, thinning=8)
    header = drawn(run, width, 24)["header"][0]
    assert len(header) <= width
    assert told in header


def test_a_loss_is_told_beside_it() -> None:
    run = FakeRun("prefork-epoll")
    run.given_status = replace(run.given_status, thinning=8)
    run.drop(1_204)
    assert drawn(run, 80, 24)["header"][0].endswith("  1 in 8  lost 1,204")


@pytest.mark.parametrize(
    ("width", "told"),
    [(120, "replay 2.5 of "), (80, "replay 2.5 of "), (75, "replay 2.5/"), (60, "2.5 s")],
)
def test_where_a_recording_stands_is_said_at_any_width(width: int, told: str) -> None:
    replay = Replay(RECORDINGS / "epoll.jsonl", lambda: 0)
    replay.toggle_pause()
    replay.jump(2.5)
    header = plain(Picture(replay).draw(width, 24, 12)["header"][0])
    assert f"  {told}" in header
    assert ("paused" in header) == (width > 60)
    assert len(header) <= width


def test_an_empty_table_of_a_recording_advises_nothing_that_does_not_work() -> None:
    replay = Replay(RECORDINGS / "epoll.jsonl", lambda: 0)
    text = "\n".join(map(plain, Picture(replay).draw(80, 24, 12)["connections"]))
    assert "No connection is open at this time of the recording." in text
    assert "press b" not in text


def test_a_switch_under_way_is_said_in_the_first_line() -> None:
    run = a_lively_run()
    run.given_status = replace(run.given_status, phase="switching to epoll", draining=1)
    first = "servetui  thread  http://127.0.0.1:7890  keep-alive  switching to epoll  draining 1  "
    assert drawn(run)["header"][0].startswith(first)


# --- events ---------------------------------------------------------------------------------------


def test_the_log_has_the_newest_event_at_the_bottom() -> None:
    events = drawn(a_lively_run(), 120, 60)["events"]
    assert events[-1].split()[:5] == ["2.264", "#7", "tick", "3", "events"]
    assert any("#3 request  GET /wait/1500" in line for line in events)


def test_what_was_only_counted_is_said_in_words() -> None:
    run = a_lively_run()
    run.tell(Kind.TICK, 1, note="thinned requests 76 in 3040 out 126616")
    assert "  76 requests counted without detail  " in drawn(run)["events"][-1]


def test_a_line_is_named_with_its_file_where_that_is_certain() -> None:
    run = FakeRun("process")
    picture = Picture(run)

    def places() -> list[str]:
        run.poll()
        events = picture.draw(120, 40, 12)["events"][1:]
        return [plain(line).split("pid ")[1].split(" ", 1)[1].strip() for line in events]

    run.tell(Kind.ACCEPT, 1, pid=ENGINE_PID)
    run.tell(Kind.RECV, 1, moved=9, pid=4131)  # nobody has told whose child this is
    assert places() == ["process.py:18", "line 18"]
    run.tell(Kind.SPAWN, pid=1, note=f"process {ENGINE_PID} engine process")
    run.tell(Kind.SPAWN, pid=ENGINE_PID, note="process 4132")
    run.tell(Kind.RECV, 1, moved=9, pid=4132)
    assert places()[-1] == "process.py:18"

    run.given_status = replace(run.given_status, model="epoll", engine_pid=5000, draining=1)
    run.tell(Kind.SPAWN, pid=1, note="process 5000 engine epoll")
    run.tell(Kind.SPAWN, pid=ENGINE_PID, note="process 4133")  # of the engine that drains
    run.tell(Kind.RECV, 1, moved=9, pid=4133)
    run.tell(Kind.ACCEPT, 2, pid=5000)
    assert places()[-2:] == ["process.py:18", "epoll_loop.py:18"]
    assert "line 18" in drawn(run, 80, 24)["events"][-1]


def test_in_a_flood_the_log_is_not_drawn_in_each_frame() -> None:
    run = a_lively_run()
    run.poll()
    picture = Picture(run)
    frames = ["events" in picture.draw(120, 40, 12, new_events=9_000) for _ in range(8)]
    assert frames.count(True) == 2
    assert "only the last of" in plain(
        next(parts for _ in range(8) if (parts := picture.draw(120, 40, 12, 9_000).get("events")))[
            0
        ]
    )


@pytest.mark.parametrize("hostile", ["\x1b[2J", "[bold red]x[/]", "\x1b]0;title\x07", "日本\u202e"])
def test_text_from_the_network_is_no_markup(hostile: str) -> None:
    run = FakeRun()
    run.accept([1])
    run.serve(1, f"/{hostile}", finish=False)
    run.poll()
    picture = Picture(run)
    texts = [
        text
        for lines in picture.draw(200, 60, 12).values()
        for line in lines
        for text, _ in line
        if "GET /" in text
    ]
    assert len(texts) == 2  # in the row, and in the log
    assert all(hostile in text for text in texts)  # as it is: the painter makes it safe


# --- keys -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("width", "height", "gap"), [(60, 20, 1), (80, 24, 1), (80, 40, 1), (120, 40, 2)]
)
def test_the_keys_are_the_ones_that_work(width: int, height: int, gap: int) -> None:
    foot_lines = drawn(a_lively_run(), width, height)["keys"]
    assert len(foot_lines) <= (1 if height < 30 else 2)
    told = (" " * gap).join(foot_lines)
    names = [f"{digit} {model}" for digit, model in enumerate(list(MODELS)[:9], start=1)]
    by_name, by_digit = (" " * gap).join(names), f"1–{len(names)} model"
    assert told.startswith(by_name if width == 120 else by_digit)
    assert told.endswith((" " * gap).join(["? help", "q quit"]))
    for action in ("b burst", "k to short     "):
        assert action in told
    assert all(len(line) <= width for line in foot_lines)


def test_what_has_no_room_at_the_foot_goes_in_order_of_rank() -> None:
    """So that the way to the help is the last to go."""
    items = foot(tuple(MODELS), RUNNING, is_held=False, is_recording=False, is_played=False)
    shown = [
        {item.words.strip() for item in items if f"{item.key} {item.words}" in "".join(lines)}
        for lines in (
            ["".join(text for text, _ in line) for line in keys.lines(items, (), "", width, 1)]
            for width in range(40, 260, 10)
        )
    ]
    for fewer, more in pairwise(shown):
        assert fewer <= more
    assert {"help", "quit"} <= shown[0]
    assert len(shown[-1]) == len(items)


@pytest.mark.parametrize(("width", "height"), SIZES[:5])
def test_the_mode_key_says_what_it_leads_to_and_moves_no_other(width: int, height: int) -> None:
    run = a_lively_run()
    before = drawn(run, width, height)["keys"]
    assert "k to short " in " ".join(before)
    run.set_mode(short=True)
    assert drawn(run, width, height)["keys"] == [
        line.replace("k to short     ", "k to keep-alive") for line in before
    ]
