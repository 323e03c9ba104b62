"""What a picture says of trouble and of bursts."""

from dataclasses import replace

import pytest

from engine.events import Kind
from engine.views.snapshot import Counts, RunStatus, Snapshot
from tests.tui.drawn import SIZES, drawn
from tests.tui.fake_run import a_burst, a_lively_run
from tui.format import plain
from tui.panels import alert
from tui.picture import Picture


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


def test_a_picture_that_is_of_long_ago_says_so() -> None:
    run = a_lively_run()
    run.poll()
    picture = Picture(run)

    def told(new_events: int) -> str:
        return " ".join(" ".join(map(plain, picture.draw(80, 24, 12, new_events)["alert"])).split())

    run.wait(22)
    assert told(3) == ""  # all that there is has been taken in
    run.is_behind = True
    assert told(0) == ""  # nothing has come yet of what has been found
    assert told(3).startswith("The screen is 22 s late:")
    run.is_behind = False  # between two looks
    assert told(3).startswith("The screen is 22 s late:")
    run.tell(Kind.SEND, 1, moved=1)
    run.poll()
    assert told(1) == ""


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


def test_select_says_what_stands_at_its_wall() -> None:
    run = a_lively_run()
    run.given_status = replace(run.given_status, model="select", cap=960, refused=9_040)
    run.poll()
    assert " ".join(" ".join(drawn(run, 80, 24)["alert"]).split()) == (
        "9,040 clients were answered 503: the cap of 960 connections is reached (--max-connections, "
        "at most 960: descriptors from 1,024 on have no bit in its sets)."
    )


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


def test_lost_ends_are_said_apart() -> None:
    status = RunStatus("thread", "http://127.0.0.1:7890", "short", 1, "serving")
    snapshot = Snapshot(counts=Counts(lost=5, life_lost=2))
    lines = alert.lines(snapshot, status, 80, 5)
    words = " ".join("".join(text for text, _ in line) for line in lines).split()
    assert " ".join(words[:3]) == "lost 5 events:"
    assert "2 of them began or ended something" in " ".join(words)
