from dataclasses import replace
from itertools import pairwise

import pytest

from engine.events import Kind
from engine.models import MODELS
from engine.replay import Replay
from engine.snapshot import Counts, RunStatus, Snapshot
from tests.make_screenshots import RECORDINGS
from tests.tui.drawn import drawn
from tests.tui.fake_run import ENGINE_PID, FakeRun, a_burst, a_lively_run
from tui.format import plain
from tui.key_table import foot
from tui.panels import alert, keys
from tui.picture import Picture

RUNNING = RunStatus("thread", "http://127.0.0.1:7890", "short", 1, "serving")
SIZES = [(60, 20), (80, 24), (100, 30), (120, 40), (200, 60), (40, 10), (20, 5)]


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
    gaps = heights.gap * (1 + bool(heights.events) + bool(heights.bursts))
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
    ("width", "told"),
    [(120, "replay 2.5 of "), (80, "replay 2.5 of "), (75, "2.5/"), (60, "2.5 s")],
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
    run.tell(Kind.RECV, 1, moved=9, pid=4131)  # before the first frame: whose child, who knows
    assert places() == ["process.py:18", "line 18"]
    run.wait(1)
    run.tell(Kind.RECV, 1, moved=9, pid=4132)
    assert places()[2:] == ["process.py:18"]

    run.given_status = replace(run.given_status, model="epoll", engine_pid=5000, draining=1)
    run.wait(1)
    run.tell(Kind.RECV, 1, moved=9, pid=4132)
    run.tell(Kind.RECV, 1, moved=9, pid=4133)  # a child of the engine that drains
    run.tell(Kind.ACCEPT, 2, pid=5000)
    assert places()[3:] == ["process.py:18", "line 18", "epoll_loop.py:18"]
    run.given_status = replace(run.given_status, draining=0)
    assert places()[3:] == ["process.py:18", "line 18", "epoll_loop.py:18"]
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


# --- alerts and bursts ----------------------------------------------------------------------------


def test_a_dead_engine_is_said_in_red_with_its_last_words() -> None:
    run = a_lively_run()
    words = ("the engine (thread, pid 4120) killed by signal 9", "MemoryError", "    ^^^^")
    run.given_status = replace(run.given_status, phase="dead", last_words=words)
    run.poll()
    picture = Picture(run)
    alert = picture.draw(80, 24, 12)["alert"]
    assert [plain(line).strip() for line in alert] == [
        "The server is dead: the engine (thread, pid 4120) killed by signal 9.",
        "MemoryError",
        "Clients wait in the accept queue meanwhile: the listening socket stays open.",
        "Press R to start it again, or a digit for another model.",
    ]
    assert {role for line in alert for _, role in line} == {"alert"}
    assert picture.heights.alert == 4


def test_long_last_words_leave_room_for_the_rest() -> None:
    run = a_lively_run()
    words = ("the engine exit 1", *(f"word {number}" for number in range(40)))
    run.given_status = replace(run.given_status, phase="dead", last_words=words)
    for width, height in SIZES[:5]:
        alert = drawn(run, width, height)["alert"]
        assert len(alert) <= 9
        assert "Press R" in alert[-1]
        text = " ".join(" ".join(alert).split())
        assert "word 39 Clients wait in the accept queue meanwhile: the listening socket" in text


def test_loss_is_said_with_its_remedy() -> None:
    run = a_lively_run()
    run.drop(1_204)
    parts = drawn(run, 80, 24)
    assert "lost 1,204" in parts["header"][0]
    assert "lost 1,204 events" in parts["alert"][0]
    assert "A slower client loses none." in " ".join(" ".join(parts["alert"]).split())


def test_who_was_not_let_in_is_said_with_the_reason() -> None:
    run = a_lively_run()
    run.given_status = replace(
        run.given_status, cap=200, refused=12, refused_for_lack=1, restarts=3
    )
    run.poll()
    run.drop(5)
    parts = drawn(run, 80, 24)
    text = " ".join(" ".join(parts["alert"]).split())
    assert (
        "12 clients were answered 503: the cap of 200 connections is reached "
        "(--max-connections). 1 client was answered 503: the system gave no more threads or "
        "processes. lost 5 events"
    ) in text
    server = " ".join(" ".join(drawn(run, 120, 40)["server"]).split())
    assert "refused 13" in server
    assert "restarts 3" in server


def test_usually_there_is_no_alert() -> None:
    assert drawn(a_lively_run())["alert"] == []


def test_bursts_stand_side_by_side() -> None:
    bursts = [line.split() for line in drawn(a_lively_run())["bursts"]]
    assert bursts[2][:7] == ["1", "thread", "keep-alive", "50", "10", "1.21", "ms"]
    assert bursts[3][:5] == ["2", "thread", "short", "50", "50"]
    assert bursts[4][:6] == ["3", "thread", "keep-alive", "32", "of", "50"]
    assert bursts[2][-1] == "none"


def test_a_small_screen_shows_the_last_two_bursts() -> None:
    bursts = drawn(a_lively_run(), 60, 20)["bursts"]
    assert [line.split()[:3] for line in bursts[2:]] == [
        ["2", "thread", "short"],
        ["3", "thread", "keep-alive"],
    ]


def test_a_burst_without_news_yet_says_that_its_client_starts() -> None:
    run = a_lively_run()
    begun = replace(a_burst(is_running=True), done=0, connections_opened=0)
    run.given_bursts = [begun]
    for width in (60, 80, 120):
        row = drawn(run, width)["bursts"][-1]
        assert " ".join(row.split()) == "1 thread keep-alive client starting"
    run.given_bursts = [replace(begun, connections_opened=10)]  # nothing is answered
    assert " 0 of 50 " in drawn(run)["bursts"][-1]


@pytest.mark.parametrize(
    ("width", "model", "mode", "shown"),
    [
        (120, "polling>process", "keep-alive>short", "  1 polling>process keep-alive>short "),
        (80, "polling>process", "keep-alive>short", "  1 polling>process keep>short "),
        (60, "epoll>thread", "short>keep-alive", "  1 2 models   short>keep "),
        (60, "polling>process", "short", "  1 2 models   short "),
        (80, "epoll>thread>process", "short>keep-alive>short", "  1 3 models        mixed "),
    ],
)
def test_a_burst_that_saw_a_switch_names_both(
    width: int, model: str, mode: str, shown: str
) -> None:
    run = a_lively_run()
    run.given_bursts = [replace(a_burst(), model=model, mode=mode)]
    assert drawn(run, width)["bursts"][-1].startswith(shown)


def test_errors_of_a_burst_are_told_by_kind() -> None:
    run = a_lively_run()
    run.given_bursts = [replace(a_burst(), errors={"reset": 2, "timeout": 1})]
    assert "2 reset, 1 timeout" in drawn(run, 130)["bursts"][-1]
    run.given_bursts = [a_burst(failure="the client exit 1: no route")]
    assert "no result: the client exit 1: no route" in drawn(run)["bursts"][-1]


# --- keys -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("width", "height", "gap", "names_models"),
    [(60, 20, 1, False), (80, 24, 1, False), (80, 40, 2, False), (120, 40, 2, True)],
)
def test_the_keys_are_the_ones_that_work(
    width: int, height: int, gap: int, names_models: bool
) -> None:
    foot_lines = drawn(a_lively_run(), width, height)["keys"]
    assert len(foot_lines) <= (1 if height < 30 else 2)
    models = ["1 process", "2 thread", "3 gevent", "4 polling", "5 epoll"]
    told = (" " * gap).join(foot_lines)
    assert told.startswith((" " * gap).join(models if names_models else ["1–5 model"]))
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
            for width in range(40, 200, 10)
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


def test_lost_ends_are_said_apart() -> None:
    status = RunStatus("thread", "http://127.0.0.1:7890", "short", 1, "serving")
    snapshot = Snapshot(counts=Counts(lost=5, life_lost=2))
    lines = alert.lines(snapshot, status, 80, 5)
    words = " ".join("".join(text for text, _ in line) for line in lines).split()
    assert " ".join(words[:3]) == "lost 5 events:"
    assert "2 of them began or ended something" in " ".join(words)
