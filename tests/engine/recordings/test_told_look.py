"""Looks for findings as a recording tells them: what differs from the look before, bounded, and checked."""

import json
from dataclasses import replace
from itertools import pairwise

import pytest

from engine.events import Event, Kind
from engine.findings.moment import Copy, Moment
from engine.recordings.recording import LINE_MOST
from engine.recordings.scene import Scene
from engine.recordings.told import TELLER, MalformedError, RunTold, run_values, told
from engine.recordings.told_look import (
    COPIES_MOST,
    HOLDERS_MOST,
    VIEWS_MOST,
    LookTold,
    Seen,
    apply,
    difference,
    look_values,
    seen_at,
)
from engine.views.snapshot import State
from tests.engine.moments import STATUS, VIEW, held

MOST = 2**64 - 1


def line(word: str, values: object) -> Event:
    return Event(0, 1, Kind.TICK, 0, -1, 1, TELLER, 0, 0, f"{word} {json.dumps(values)}")


def told_again(look: LookTold) -> LookTold:
    again = told(line("look", look_values(look)))
    assert isinstance(again, LookTold)
    return again


def test_looks_lead_from_one_to_the_next() -> None:
    changed = replace(VIEW, receive_queue=900)
    looks: list[dict[int, Seen]] = [
        {},
        {1: (VIEW, 0), 2: (VIEW, 0)},
        {1: (VIEW, 0), 2: (changed, 77)},
        {2: (changed, 77)},
    ]
    seen: dict[int, Seen] = {}
    for before, now in pairwise(looks):
        apply(told_again(difference(before, now, ())), seen)
        assert seen == now
    assert look_values(difference(looks[-1], looks[-1], ())) == {}


def test_copies_come_back() -> None:
    copies = (Copy(7, 3, 412.5, (10, 11)), Copy(8, 4, 1.0, ()))
    assert told_again(difference({}, {}, copies)).copies == copies


def test_a_crowd_takes_several_lines_and_each_has_room() -> None:
    full = replace(VIEW, receive_queue=10**9, send_queue=10**9, rtt_us=10**6, not_sent=10**9)
    now = {MOST - at: (full, 2**62) for at in range(2 * VIEWS_MOST)}
    copies = (Copy(MOST, 10**6, 123456.789, tuple(range(10**6, 10**6 + 20))),) * 100
    seen: dict[int, Seen] = {conn + 10**6: (full, 0) for conn in range(2 * VIEWS_MOST)}
    for _ in range(2):
        look = difference(seen, now, copies)
        assert len(line("look", look_values(look)).to_json()) < LINE_MOST
        assert len(look.copies) == COPIES_MOST
        assert len(look.copies[0].pids) == HOLDERS_MOST
        apply(told_again(look), seen)
    assert seen == now


def test_only_what_the_kernel_tells_of_is_seen() -> None:
    moment = Moment(
        held=(held(State.IDLE, 1.0, conn=1), held(State.IDLE, 1.0, conn=2, kernel=None))
    )
    assert seen_at(moment, {1: 5, 3: 9}) == {1: (VIEW, 5)}


@pytest.mark.parametrize(
    "values",
    [
        {"seen": []},
        {"seen": {"x": ["ESTABLISHED", 0, 0, 0, 0, 0, 0]}},
        {"seen": {"1": []}},
        {"seen": {"1": ["ESTABLISHED"]}},
        {"seen": {"1": ["ESTABLISHED", 0, 0, 0, 0, 0, 0, 0, 0]}},
        {"seen": {"1": ["ESTABLISHED", 0, -1, 0, 0, 0, 0]}},
        {"seen": {"-1": ["ESTABLISHED", 0, 0, 0, 0, 0, 0]}},
        {"seen": {str(at): ["LISTEN", 0, 0, 0, 0, 0, 0] for at in range(VIEWS_MOST + 1)}},
        {"gone": {}},
        {"gone": ["1"]},
        {"copies": [[1, 2, 3.0]]},
        {"copies": [[1, 2, "3", []]]},
        {"copies": [[1, 2, 3.0, ["x"]]]},
    ],
)
def test_what_nothing_of_ours_writes_is_refused(values: object) -> None:
    with pytest.raises(MalformedError):
        told(line("look", values))


def test_how_a_run_goes_comes_back_with_both_ends_of_its_last_words() -> None:
    words = ("it ended, exit 1", *(f"line {at}" for at in range(99)), "ValueError: \x1b[2J")
    status = replace(STATUS, last_words=words, restarts=2, cap=16)
    again = told(line("run", run_values(status)))
    assert isinstance(again, RunTold)
    assert (again.restarts, again.cap, again.engine_pid) == (2, 16, STATUS.engine_pid)
    assert again.last_words[0] == words[0]
    assert again.last_words[-1] == "ValueError: \\x1b[2J"
    assert len(again.last_words) <= 20


def test_the_engine_of_a_recording_that_began_later_is_known_by_what_was_told() -> None:
    scene = Scene("epoll", "keep-alive")
    scene.take(line("run", run_values(STATUS)))
    assert scene.status("").engine_pid == STATUS.engine_pid
    scene.take(
        Event(0, 2, Kind.SPAWN, 0, -1, 1, "MainThread", 0, 0, "process 77 engine lab zombies")
    )
    scene.take(Event(0, 3, Kind.LISTEN, 0, 5, 77, "MainThread", 0, 0, "127.0.0.1:7890"))
    assert scene.status("").engine_pid == 77
    assert scene.status("").model == "lab zombies"
