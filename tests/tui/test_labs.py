"""The page of the labs: the list, a question, the run as it is told, the answer; and the way back."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from engine.findings.finding import Finding, Level
from engine.labs import LABS
from engine.labs.lab import Act, Claim, Figure
from engine.labs.playing import load
from engine.labs.told import Scene, Told, bare
from engine.views.kernel_numbers import AcceptQueue, KernelNumbers
from engine.views.snapshot import Snapshot
from engine.views.worker_view import WorkerState, WorkerView
from tests.support import wait_until
from tests.tui.fake_run import FakeRun, a_lively_run
from tests.tui.shown_app import shown
from tui import course, lab_lines
from tui.app import Dashboard
from tui.format import plain
from tui.screens import labs as page_of_labs
from tui.screens.labs import LabsPage

Compare = Callable[..., bool]
PLAY_S = 90.0  # where many others are at work
SIZES = pytest.mark.parametrize("size", [(80, 24), (120, 40)], ids=["80x24", "120x40"])
FIRST = load("parent-keeps")
COPY = Finding("shared-descriptor", Level.WARN, "#1 is closed, and pid 9 holds a copy", "close it")
BROKEN = Act(
    False,
    (Claim("the answer arrives whole", True), Claim("no end comes: the client waits on", True)),
    {"waited_ms": 1500.0, "answered_ms": 23.4},
    {"shared-descriptor": 0.62},
    {"shared-descriptor": COPY},
    0.62,
)
MENDED = Act(
    True,
    (Claim("the answer arrives whole", True), Claim("the end follows the answer", False)),
    {"waited_ms": 0.4, "answered_ms": 21.0},
)


def a_scene() -> Scene:
    run = a_lively_run()
    run.poll()
    seen = (run.status(), bare(run.snapshot()), run.numbers(), run.kernel())
    return Scene(1.2, BROKEN.claims[:1], {"answered_ms": 23.4}, (COPY,), *seen)


class FakeProcess:
    """One that plays a lab, and has told this."""

    def __init__(self, told: Told | None, is_running: bool = True, last_words: str = "") -> None:
        self.report, self.is_running, self.last_words = told, is_running, last_words
        self.was_killed = False

    def advance(self) -> None:
        pass

    def kill(self) -> None:
        self.was_killed = True


@pytest.fixture(autouse=True)
def _a_course_of_its_own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    for name in ("NO_COLOR", "COLORFGBG", "TEXTUAL_THEME"):
        monkeypatch.delenv(name, raising=False)


def played_by(process: FakeProcess, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(page_of_labs, "begin", lambda name, shows: process)


def text_of(page: LabsPage, size: tuple[int, int] = (120, 40)) -> str:
    return "\n".join(map(plain, page.lines(*size)))


# --- pictures -----------------------------------------------------------------------------------


@SIZES
def test_the_list(snap_compare: Compare, size: tuple[int, int]) -> None:
    course.remember("parent-keeps")
    dashboard = Dashboard(FakeRun(), frames_per_s=12, beats=False)
    assert snap_compare(dashboard, press=["x", "down"], terminal_size=size)


def test_a_question(snap_compare: Compare) -> None:
    dashboard = Dashboard(FakeRun(), frames_per_s=12, beats=False)
    assert snap_compare(dashboard, press=["x", "enter"], terminal_size=(80, 24))


@SIZES
def test_a_run(
    snap_compare: Compare, size: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    played_by(FakeProcess(Told(scene=a_scene())), monkeypatch)
    dashboard = Dashboard(FakeRun(), frames_per_s=12, beats=False)
    assert snap_compare(dashboard, press=["x", "enter", "1"], terminal_size=size)


@SIZES
def test_an_answer(
    snap_compare: Compare, size: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    told = Told((BROKEN, MENDED), is_final=True)
    played_by(FakeProcess(told, is_running=False), monkeypatch)
    dashboard = Dashboard(FakeRun(), frames_per_s=12, beats=False)
    assert snap_compare(dashboard, press=["x", "enter", "1"], terminal_size=size)


@pytest.mark.parametrize("width", [60, 80, 120])
def test_the_list_says_which_part_of_it_is_seen(width: int) -> None:
    labs = [load(name) for name in LABS]

    def title(cursor: int, height: int) -> str:
        lines = lab_lines.listed(labs, set(), cursor, width, height)
        assert max(len(plain(line).rstrip()) for line in lines) <= width
        return plain(lines[1])

    assert f"  1–{title(0, 22).partition('–')[2].split()[0]} of {len(labs)} ↑↓" in title(0, 22)
    assert f"–{len(labs)} of {len(labs)} ↑↓" in title(len(labs) - 1, 22)
    assert "↑↓" not in title(0, 60)


# --- lines --------------------------------------------------------------------------------------


@pytest.mark.parametrize("width", [60, 80, 90, 100, 120, 200])
def test_no_name_title_or_claim_is_cut(width: int) -> None:
    labs = [load(name) for name in LABS]
    for number, lab in enumerate(labs):
        told = [
            line
            for cut in (
                lab_lines.listed(labs, set(), number, width, 22),
                lab_lines.heading(lab, number + 1, len(labs), width),
            )
            for line in map(plain, cut)
        ]
        assert not [line for line in told if "…" in line or len(line) > width]
        listed = " ".join(
            "\n".join(map(plain, lab_lines.listed(labs, set(), number, width, 22))).split()
        )
        assert lab.name in listed
        assert lab.title in listed
    claims = (Claim("the client waits on for an end that never comes, " * 3, True),)
    told = list(
        map(plain, lab_lines.run(FIRST, Told((replace(BROKEN, claims=claims),)), width, 30))
    )
    assert not [line for line in told if "…" in line or len(line) > width]


@pytest.mark.parametrize("width", [60, 80, 120])
def test_each_line_fits(width: int) -> None:
    labs = [load(name) for name in LABS]
    told = Told((BROKEN,), a_scene())
    lines = lab_lines.run(FIRST, told, width, 30)
    lines += lab_lines.answer(FIRST, Told((BROKEN, MENDED)), FIRST.choices[1], a_scene(), width)
    for place, lab in enumerate(labs):
        lines += lab_lines.listed(labs, LABS.keys(), place, width, 20)
        lines += lab_lines.heading(lab, place + 1, len(labs), width)
        lines += lab_lines.question(lab, width)
    assert max(len(plain(line)) for line in lines) <= width


def test_a_large_screen_shows_the_last_events_and_the_workers_where_there_are_several() -> None:
    worker = WorkerView(7, "", 1, WorkerState.IDLE, 0, 7, 7, 1, " " * 20, 2, 0, 1.5, {"a": 4})
    seen = replace(a_scene().snapshot, worker_views=tuple(replace(worker, pid=n) for n in range(3)))
    kernel = KernelNumbers(queues=(AcceptQueue(3, 0, 128), AcceptQueue(4, 1, 128)))
    scene = replace(a_scene(), snapshot=seen, kernel=kernel)
    assert Told.from_json(Told(scene=scene).to_json()).scene == scene
    told = "\n".join(map(plain, lab_lines.run(FIRST, Told(scene=scene), 120, 38)))
    last = scene.snapshot.events[-1]
    assert f"thread.py:{last.line}" in told or not last.line
    assert "EVENTS  seconds since the script began" in told
    assert "WORKERS" in told
    assert len(told.splitlines()) <= 38
    small = "\n".join(map(plain, lab_lines.run(FIRST, Told(scene=scene), 80, 22)))
    assert "CONNECTIONS" in small
    assert len(small.splitlines()) <= 22


@pytest.mark.parametrize(
    ("name", "value", "shown"),
    [
        ("waited_ms", 1500.0, "waited 1,500 ms"),
        ("us", 2267.1, "2,267 us"),
        ("close_wait", 7, "close wait 7"),
        ("per_s", 186.2, "186/s"),
        ("cpu_percent", 3.0, "cpu 3 %"),
        ("first", "no answer for 1.0 s", "first: no answer for 1.0 s"),
    ],
)
def test_a_figure_has_its_name_and_unit(name: str, value: Figure, shown: str) -> None:
    act = Act(False, (), {name: value})
    assert shown in "\n".join(map(plain, lab_lines.run(FIRST, Told((act,)), 80, 20)))


def test_what_is_told_is_told_as_it_was() -> None:
    told = Told((BROKEN, MENDED), a_scene())
    assert Told.from_json(told.to_json()) == told


def test_the_scene_that_is_kept_shows_the_failure() -> None:
    found = a_scene()
    calm = replace(found, findings=(), seconds=9.0)
    over = replace(calm, snapshot=Snapshot())
    assert lab_lines.tells_more(over, None)
    assert lab_lines.tells_more(calm, over)
    assert lab_lines.tells_more(found, calm)
    assert lab_lines.tells_more(found, found), "the later one"
    assert not lab_lines.tells_more(calm, found)


# --- keys ---------------------------------------------------------------------------------------


async def test_a_lab_is_played_and_done_and_the_next_one_asked() -> None:
    async with shown(a_lively_run()) as (dashboard, pilot):
        await pilot.press("x", "down", "enter")
        page = dashboard.screen
        assert isinstance(page, LabsPage)
        assert "Question: Threads share one table" in text_of(page)
        await pilot.press("3")
        wait_until(lambda: "accept queue" in text_of(page), PLAY_S, "its server on the screen")
        wait_until(lambda: "Answer:" in text_of(page), PLAY_S, "the end of the lab")
        assert "Fix: let only the thread" in text_of(page)
        assert "MENDED" in text_of(page)
        assert "WITH THE FAULT  at " in text_of(page)
        assert course.done() == {"acceptor-closes"}
        assert not page.is_moving
        await pilot.press("enter")
        assert "LAB 3 of" in text_of(page)
        await pilot.press("escape")
        assert f"LABS  1 of {len(LABS)} done" in text_of(page)
        await pilot.press("escape")
        assert dashboard.page is None


async def test_going_back_leaves_no_process_behind() -> None:
    me = psutil.Process()
    before = set(me.children(recursive=True))
    async with shown(a_lively_run()) as (dashboard, pilot):
        await pilot.press("x", "enter", "enter")
        page = dashboard.screen
        assert isinstance(page, LabsPage)
        wait_until(lambda: "accept queue" in text_of(page), PLAY_S, "its server on the screen")
        started = set(me.children(recursive=True)) - before
        assert len(started) >= 2, "the lab and its server"
        await pilot.press("escape")
        assert "LABS  0 of" in text_of(page)
        wait_until(lambda: not any(map(is_alive, started)), what="the end of all of them")
        assert course.done() == set()


def is_alive(process: psutil.Process) -> bool:
    try:
        return bool(process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


@pytest.mark.parametrize("key", ["escape", "x"])
async def test_what_is_played_ends_with_the_page(key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    process = FakeProcess(Told())
    played_by(process, monkeypatch)
    async with shown(a_lively_run()) as (dashboard, pilot):
        await pilot.press("x", "enter", "enter")
        await pilot.press(key)
        assert process.was_killed
        assert (dashboard.page is None) == (key == "x")


async def test_a_lab_that_cannot_be_played_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    played_by(FakeProcess(None, is_running=False, last_words="no-ports: not here"), monkeypatch)
    async with shown(a_lively_run()) as (dashboard, pilot):
        await pilot.press("x", "enter", "enter")
        page = dashboard.screen
        assert isinstance(page, LabsPage)
        assert "no-ports: not here" in text_of(page)
        assert course.done() == set()
        await pilot.press("enter")
        assert "LAB 2 of" in text_of(page)


def test_the_course_goes_on_with_what_is_not_done_and_then_begins_anew() -> None:
    assert course.to_do() == list(LABS)
    first, second, *rest = LABS
    for name in (second, *rest):
        course.remember(name)
    assert course.to_do() == [first]
    course.remember(first)
    assert course.to_do() == list(LABS)
    assert course.done() == set()
