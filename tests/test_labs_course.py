"""The course in the terminal: it asks, goes on after what cannot be played, and knows where one was."""

import io
from pathlib import Path

import pytest

from engine.labs import LABS
from engine.labs.lab import Act, Claim, LabError
from engine.labs.playing import load
from tui import course, lab_command

FIRST, SECOND, THIRD, *REST = LABS


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


class Told:
    """What the course has written and said."""

    def __init__(self) -> None:
        self.written = ""
        self.said: list[str] = []

    def write(self, text: str) -> int:
        self.written += text
        return 0


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Told:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    monkeypatch.setattr(lab_command, "play_all", played)
    return Told()


def played(name: str, on_act: object) -> tuple[Act, ...]:
    """As if it had gone well; but the first lab cannot be played here."""
    if name == FIRST:
        raise LabError(f"{name}: not here")
    figures = dict.fromkeys(("stranger", "slow_s", "longest_s", "others"), 1.0)
    return tuple(Act(mended, (Claim("it is so", True),), dict(figures)) for mended in (False, True))


def take(told: Told, typed: str, monkeypatch: pytest.MonkeyPatch) -> int:
    """Take the course, typing this."""
    monkeypatch.setattr("sys.stdin", Terminal(typed))
    monkeypatch.setattr("sys.stdout", Terminal())
    return lab_command.course(told.write, told.said.append, as_json=False)


def test_it_goes_on_after_a_lab_that_cannot_be_played(
    told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert take(told, "1\n1\nq\n", monkeypatch) == 1
    assert told.said == [f"{FIRST}: not here", f"here the course goes on the next time: {THIRD}"]
    assert load(SECOND).fix in told.written.replace("\n  ", " ")
    assert course.done() == {SECOND}


def test_it_asks_again_what_is_not_done_and_no_more(
    told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in (FIRST, *REST):
        course.remember(name)
    right = 1 + sorted(load(SECOND).choices).index(load(SECOND).choices[0])
    assert take(told, f"nonsense\n9\n{right}\nq\n", monkeypatch) == 0
    assert told.written.count("LAB ") == 2
    assert told.written.startswith(f"\nLAB 2 of {len(LABS)}")
    assert "That was right." in told.written


def test_the_end_of_stdin_leaves_it(told: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    assert take(told, "", monkeypatch) == 0
    assert told.said == [f"here the course goes on the next time: {FIRST}"]


def test_one_lab_asks_first_and_is_done_afterwards(
    told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", Terminal("\n"))
    monkeypatch.setattr("sys.stdout", Terminal())
    assert lab_command.run_one(SECOND, told.write, told.said.append, as_json=False) == 0
    lab = load(SECOND)
    question, answer = told.written.index("Question: "), told.written.index("Answer: ")
    assert question < answer
    assert lab.fix in told.written.replace("\n  ", " ")
    assert "That was right." not in told.written, "none was chosen"
    assert f"No: {lab.choices[0]}" not in told.written
    assert course.done() == {SECOND}


def test_one_lab_can_be_left_before_it_is_played(
    told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", Terminal("q\n"))
    monkeypatch.setattr("sys.stdout", Terminal())
    assert lab_command.run_one(SECOND, told.write, told.said.append, as_json=False) == 0
    assert "Answer: " not in told.written
    assert course.done() == set()
