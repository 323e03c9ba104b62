from dataclasses import replace

import pytest

from tests.tui.drawn import drawn
from tests.tui.fake_run import FakeRun, a_burst, a_lively_run
from tui.format import plain
from tui.picture import Picture

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
    shown = (heights.alert, heights.server, heights.connections, heights.events, heights.bursts)
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
    assert header.endswith("  lost 0  12 frames/s")
    assert len(header) == 120


def test_thinning_is_said_with_its_ratio() -> None:
    run = a_lively_run()
    run.given_status = replace(run.given_status, thinning=8)
    assert "  1 in 8 in detail  " in drawn(run)["header"][0]


def test_a_switch_under_way_is_said_in_the_first_line() -> None:
    run = a_lively_run()
    run.given_status = replace(run.given_status, phase="switching to epoll", draining=1)
    first = "servetui  thread  http://127.0.0.1:7890  keep-alive  switching to epoll  draining 1  "
    assert drawn(run)["header"][0].startswith(first)


@pytest.mark.parametrize("width", [60, 80, 120, 200])
def test_numbers_stand_in_columns_with_their_names(width: int) -> None:
    server = drawn(a_lively_run(), width, 40)["server"]
    text = " ".join(" ".join(server).split())
    for expected in (
        *("open 6", "accepted 8", "closed 2", "accept queue 0 / 128", "processes 1", "threads 3"),
        *("zombies 0", "cpu 12 %", "memory 34 MB", "descriptors 9 / 20,000", "sockets 7"),
        *("descriptors of children 0 / 20,000", "wake-ups 0", "would-block 0", "full bar 10"),
    ):
        assert expected in text
    cell = width // (width // 20)
    names = "requests/s open accepted closed in out processes accept threads zombies cpu memory"
    for name in names.split():
        starts = [line.index(f"{name} ") for line in server if f"{name} " in line]
        assert starts
        assert starts[0] % cell == 0


def test_what_nears_its_limit_is_a_warning() -> None:
    run = a_lively_run()
    run.given_numbers = replace(run.given_numbers, accept_queue=128, zombies=2, descriptors=19_000)
    run.poll()
    warnings = [
        text
        for line in Picture(run).draw(120, 40, 12)["server"]
        for text, role in line
        if role == "warning"
    ]
    assert warnings == ["128 / 128", "2", "19,000 / 20,000"]


# --- events ---------------------------------------------------------------------------------------


def test_the_log_has_the_newest_event_at_the_bottom() -> None:
    events = drawn(a_lively_run())["events"]
    assert events[-1].split()[:5] == ["2.264", "#7", "tick", "recv", "3"]
    assert any("#3 request  GET /wait/1500" in line for line in events)


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
        "Press R to start it again, or a digit for another model.",
    ]
    assert {role for line in alert for _, role in line} == {"alert"}
    assert picture.heights.alert == 3


def test_long_last_words_leave_room_for_the_rest() -> None:
    run = a_lively_run()
    words = ("the engine exit 1", *(f"word {number}" for number in range(40)))
    run.given_status = replace(run.given_status, phase="dead", last_words=words)
    for width, height in SIZES[:5]:
        alert = drawn(run, width, height)["alert"]
        assert len(alert) <= 8
        assert "word 39" in alert[-2]
        assert "Press R" in alert[-1]


def test_loss_is_said_with_its_remedy() -> None:
    run = a_lively_run()
    run.drop(1_204)
    parts = drawn(run, 80, 24)
    assert "lost 1,204" in parts["header"][0]
    assert "lost 1,204 events" in parts["alert"][0]
    assert "A slower client loses none." in " ".join(" ".join(parts["alert"]).split())


def test_usually_there_is_no_alert() -> None:
    assert drawn(a_lively_run())["alert"] == []


def test_bursts_stand_side_by_side() -> None:
    bursts = [line.split() for line in drawn(a_lively_run())["bursts"]]
    assert bursts[2][:7] == ["thread", "keep-alive", "50", "10", "5", "1.21", "ms"]
    assert bursts[3][:5] == ["thread", "short", "50", "50", "1"]
    assert bursts[4][:5] == ["thread", "keep-alive", "32", "of", "50"]
    assert bursts[2][-1] == "none"


def test_a_small_screen_shows_the_last_two_bursts() -> None:
    bursts = drawn(a_lively_run(), 60, 20)["bursts"]
    assert [line.split()[1] for line in bursts[2:]] == ["short", "keep-alive"]


def test_errors_of_a_burst_are_told_by_kind() -> None:
    run = a_lively_run()
    run.given_bursts = [replace(a_burst(), errors={"reset": 2, "timeout": 1})]
    assert "2 reset, 1 timeout" in drawn(run, 130)["bursts"][-1]
    run.given_bursts = [a_burst(failure="the client exit 1: no route")]
    assert "no result: the client exit 1: no route" in drawn(run)["bursts"][-1]


# --- keys -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("width", [60, 80, 120, 200])
def test_the_keys_are_the_ones_that_work(width: int) -> None:
    keys = "  ".join(drawn(a_lively_run(), width)["keys"]).split("  ")
    models = ["1 process", "2 thread", "3 gevent", "4 polling", "5 epoll"]
    actions = ["m models", "k short", "b burst", "R restart", "q quit"]
    assert keys in ([*models, *actions], ["1–5 model", *actions])


def test_the_mode_key_says_what_it_leads_to() -> None:
    run = a_lively_run()
    run.set_mode(short=True)
    assert "k keep-alive" in drawn(run)["keys"][0]
