from dataclasses import replace

import pytest

from engine.events import Kind
from tests.tui.drawn import drawn
from tests.tui.fake_run import a_lively_run
from tui.picture import Picture


@pytest.mark.parametrize("width", [60, 80, 120, 200])
def test_numbers_stand_in_columns_with_their_names(width: int) -> None:
    server = drawn(a_lively_run(), width, 40)["server"]
    text = " ".join(" ".join(server).split())
    for expected in (
        *("open 6", "accepted 8", "closed 2", "processes 1", "threads 3"),
        *("zombies 0", "cpu 12 %", "memory 34 MB", "descriptors 9 / 20,000", "sockets 7"),
        *("descriptors of children 0 / 20,000", "wake-ups -", "would-block -", "1 s each, 0–10/s"),
    ):
        assert expected in text
    cell = width // (width // 20)
    names = "requests/s open accepted closed in out processes threads zombies cpu memory"
    for name in names.split():
        starts = [line.index(f"{name} ") for line in server if f"{name} " in line]
        assert starts
        assert starts[0] % cell == 0


@pytest.mark.parametrize("width", [60, 80, 100, 120, 200])
def test_no_figure_is_ever_cut(width: int) -> None:
    run = a_lively_run()
    run.tell(Kind.TICK, note="wakeups 987654321 would-block 4919000")
    run.given_numbers = replace(
        run.given_numbers, children_descriptors=120_000, descriptor_limit=1_048_576
    )
    server = drawn(run, width, 60)["server"]
    text = " ".join(" ".join(server).split())
    for expected in (
        "would-block 4,200,000/s",
        "wake-ups 843.0 M/s",
        "9 / 1,048,576",
        "120,000 / 1.0 M",
    ):
        assert expected in text
    assert "…" not in text
    assert [line for line in server if len(line) > width] == []


def test_what_a_loop_does_is_told_per_second_and_of_no_other_model() -> None:
    run = a_lively_run()
    assert "wake-ups -" in " ".join(drawn(run)["server"])
    run.tell(Kind.TICK, note="wakeups 600 would-block 0")
    told = " ".join(drawn(run)["server"])
    assert "wake-ups 512/s" in told
    assert "would-block -" in told
    run.wait(5)
    assert "wake-ups 0/s" in " ".join(drawn(run)["server"])


@pytest.mark.parametrize("width", [40, 60, 120])
def test_a_title_says_of_what_time_the_figures_are_where_there_is_room(width: int) -> None:
    title = drawn(a_lively_run(), width, 40)["server"][0]
    assert title.startswith("SERVER  rates: over the last second")
    assert ("since the start" in title) == (width == 120)
    assert "SERVER" not in " ".join(drawn(a_lively_run(), width, 24)["server"])


def test_a_small_screen_has_the_most_important_figures_in_four_lines() -> None:
    server = drawn(a_lively_run(), 80, 24)["server"]
    assert len(server) == 4
    text = " ".join(server)
    for expected in (
        *("open 6", "accepted 8", "closed 2", "processes 1", "threads 3"),
        *("cpu 12 %", "memory 34 MB", "zombies 0", "descriptors 9 / 20,000"),
    ):
        assert expected in text


def test_a_dead_server_has_no_figures_but_its_accept_queue() -> None:
    run = a_lively_run()
    run.die()
    text = " ".join(" ".join(drawn(run)["server"]).split())
    for expected in (
        *("processes -", "threads -", "cpu -", "memory -", "zombies -", "descriptors -"),
        *("sockets -", "wake-ups -", "would-block -", "accepted 8"),
        "cut 6 (killed with their process)",
    ):
        assert expected in text
    assert "3 / 128" in " ".join(drawn(run)["rooms"])
    assert "queue" not in text, "it is said once"


def test_what_nears_its_limit_is_a_warning() -> None:
    run = a_lively_run()
    run.given_numbers = replace(run.given_numbers, zombies=2, descriptors=19_000)
    run.poll()
    warnings = [
        text
        for line in Picture(run).draw(120, 40, 12)["server"]
        for text, role in line
        if role == "warning"
    ]
    assert warnings == ["2", "19,000 / 20,000"]
