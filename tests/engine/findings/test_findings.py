"""Each finding has a story in which it must be told, and one, hardly other, in which it must not."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from engine.findings.finding import Finding, Level
from engine.findings.moment import MS, Copy, Dropped, Reset
from engine.findings.rules import FINDING_IDS
from engine.findings.watching import STAYS_NS, Findings
from engine.views.kernel_numbers import AcceptQueue, KernelNumbers
from engine.views.snapshot import Counts, Room, State
from tests.engine.moments import (
    NUMBERS,
    PID,
    STATUS,
    STEP_MS,
    VIEW,
    Story,
    asks,
    error,
    held,
    shared,
    waiting,
    workers,
)

UNREAD = VIEW.__class__("ESTABLISHED", 900, 0, 50, 0)
LEFT = VIEW.__class__("CLOSE_WAIT", 1, 0, 50, 0)
FULL = VIEW.__class__("ESTABLISHED", 0, 2_500_000, 50, 0)
HELD_BACK = VIEW.__class__("ESTABLISHED", 0, 300, 50, 0, 120)


def blocked(
    task: str, handler_ms: float, *, cpu: float = 3.0, starved: float = 0.0, threads: int = 1
) -> Story:
    return Story(
        held=lambda step: (held(State.HANDLER, handler_ms, task=task, path="GET /wait/1000"),),
        kernel=lambda step: waiting("accept_queue", 7, 400.0),
        numbers=lambda step: replace(
            NUMBERS, cpu_percent=cpu, starved_percent=starved, threads=threads
        ),
    )


def pinned(state: State, *, handler: bool = False) -> Story:
    quiet = tuple(held(state, 600.0, conn=conn) for conn in (1, 2, 3, 4))
    busy = (held(State.HANDLER, 60.0, conn=5),) if handler else ()
    return Story(
        held=lambda step: (*quiet, *busy),
        kernel=lambda step: waiting("unread", 1, 500.0),
        counts=lambda step: Counts(accepted=5),
        numbers=lambda step: replace(NUMBERS, threads=5),
    )


def grows(descriptors: int = 0, memory: int = 0, *, opened: bool = False) -> Story:
    return Story(
        numbers=lambda step: replace(
            NUMBERS,
            descriptors=12 + descriptors * step,
            memory_bytes=20_000_000 + memory * step,
        ),
        counts=lambda step: Counts(accepted=3 * step, closed=0 if opened else 3 * step),
    )


def paused(longest_ms: float, cpu: float) -> Story:
    return Story(
        counts=lambda step: Counts(requests=step),
        kernel=lambda step: waiting("unread", 1, longest_ms),
        numbers=lambda step: replace(NUMBERS, cpu_percent=cpu),
    )


def convoy(
    p50_ms: float, threads: int = 3, *, per_s: float = 90.0, cpu: float = 95.0, starved: float = 0.0
) -> Story:
    return Story(
        snapshot=lambda now, step: replace(
            now, rooms={"handler": Room(0, 0.0, p50_ms, p50_ms)}, requests_per_s=per_s
        ),
        numbers=lambda step: replace(
            NUMBERS, threads=threads, cpu_percent=cpu, starved_percent=starved
        ),
    )


def with_held(*one: Any) -> Story:
    return Story(held=lambda step: one)


def spins(each_step: int, name: str = "EMFILE") -> Story:
    return Story(counts=lambda step: Counts(errors=each_step * step), errors=(error(name),))


def queue(length: int) -> Story:
    return Story(numbers=lambda step: replace(NUMBERS, accept_queue=length, accept_queue_limit=10))


def time_wait(ports: int) -> Story:
    return Story(kernel=lambda step: KernelNumbers(client_time_wait=ports))


def nagle(not_sent: int, each_step: int) -> Story:
    kernel = HELD_BACK.__class__("ESTABLISHED", 0, 300, 50, 0, not_sent)
    return Story(
        held=lambda step: (held(State.IDLE, 30.0, requests=each_step * step, kernel=kernel),)
    )


def ended(pids: Callable[[int], tuple[int, ...]]) -> Story:
    return Story(
        numbers=lambda step: replace(NUMBERS, zombies=len(pids(step)), zombie_pids=pids(step))
    )


DEAD = replace(STATUS, phase="dead", engine_pid=None, last_words=("it ended, exit 1", "ValueError"))
STORIES: dict[str, tuple[Story, Story]] = {
    # a finding: where it must be told; where it must not
    "head-of-line": (blocked("MainThread", 700.0), blocked("MainThread", 100.0)),
    "loop-blocked": (blocked("Task-3", 700.0), blocked("Task-3", 700.0, starved=60.0)),
    "unpatched": (blocked("greenlet-2", 700.0), blocked("greenlet-2", 700.0, threads=9)),
    "busy-polling": (asks(9_000, 0), asks(9_000, 900)),
    "half-read-edge": (
        with_held(held(State.READING, 700.0, kernel=UNREAD)),
        with_held(held(State.READING, 700.0)),  # the client has not sent more
    ),
    "pool-starved": (pinned(State.ACCEPTED), pinned(State.ACCEPTED, handler=True)),
    "keep-alive-pins": (pinned(State.IDLE), pinned(State.IDLE, handler=True)),
    "lock-convoy": (convoy(5.2), convoy(0.3)),
    "hot-worker": (shared([40, 2, 2, 2], 50), shared([11, 12, 13, 10], 50)),
    "thundering-herd": (shared([10, 10, 10, 10], 300), shared([10, 10, 10, 10], 60)),
    "engine-died": (Story(status=DEAD), Story(status=replace(STATUS, phase="switching to poll"))),
    "zombies": (
        ended(lambda step: (7, 8, 9)),
        ended(lambda step: (step * 3, step * 3 + 1, step * 3 + 2)),  # others each time
    ),
    "descriptor-limit": (spins(1_000), spins(1)),
    "descriptor-leak": (grows(descriptors=3), grows(descriptors=3, opened=True)),
    "memory-growth": (grows(memory=3_000_000), grows(memory=3_000)),
    "stranger-closed": (
        Story(errors=(error("EBADF", conn=4),)),
        Story(errors=(error("ECONNRESET", conn=4),)),
    ),
    "shared-descriptor": (
        Story(copies=lambda step: (Copy(3, 3, 100.0 * step, (PID,)),)),
        Story(copies=lambda step: (Copy(step, step, 100.0, (PID,)),)),  # each is soon given up
    ),
    "accept-queue": (queue(10), queue(5)),
    "close-wait": (
        with_held(*(held(State.READING, 700.0, conn=conn, kernel=LEFT) for conn in (1, 2, 3))),
        with_held(*(held(State.HANDLER, 700.0, conn=conn, kernel=LEFT) for conn in (1, 2, 3))),
    ),
    "unsent": (
        with_held(held(State.UNSENT, 1_500.0, missing_bytes=9_000_000, kernel=FULL)),
        with_held(held(State.UNSENT, 9_000.0, silent_ms=80.0, missing_bytes=9_000, kernel=FULL)),
    ),
    "no-length": (
        with_held(held(State.UNSENT, 700.0, missing_bytes=22)),
        with_held(held(State.UNSENT, 700.0, missing_bytes=22, kernel=FULL)),
    ),
    "queue-lost": (Story(lost=(7, 8, 9)), Story()),
    "reset-on-close": (Story(resets=(Reset(3, 3, PID, 65_536, "POST /"),)), Story()),
    "half-close": (Story(dropped=(Dropped(3, 3, PID, "GET /cart"),)), Story()),
    "nagle": (nagle(120, 3), nagle(0, 3)),
    "time-wait": (time_wait(20_000), time_wait(2_000)),
}


def test_each_finding_has_its_stories() -> None:
    assert set(STORIES) == set(FINDING_IDS)


@pytest.mark.parametrize("name", FINDING_IDS)
def test_it_is_told_with_numbers_and_a_remedy(name: str) -> None:
    told = STORIES[name][0].told()
    assert list(told) == [name]
    finding = told[name]
    assert finding.level is not Level.OK
    assert any(letter.isdigit() for letter in finding.text)
    assert finding.remedy
    assert not finding.text.endswith(".")


@pytest.mark.parametrize("name", FINDING_IDS)
def test_it_is_not_told(name: str) -> None:
    assert STORIES[name][1].told() == {}


@pytest.mark.parametrize("name", FINDING_IDS)
def test_an_allowed_one_is_not_told(name: str) -> None:
    findings = Findings([name])
    assert not any(findings.look(STORIES[name][0].moment(step)) for step in range(20))


def test_a_loop_that_rests_while_bytes_wait_is_blocked_too() -> None:
    assert list(paused(80.0, 2.0).told()) == ["loop-blocked"]
    assert paused(80.0, 95.0).told() == {}
    assert paused(3.0, 2.0).told() == {}
    half_read = (held(State.READING, 700.0, kernel=UNREAD),)
    assert list(replace(paused(80.0, 2.0), held=lambda step: half_read).told()) == [
        "half-read-edge"
    ]
    given_up = (held(State.READING, 700.0, kernel=LEFT),)
    at_last = Story(held=lambda step: given_up if step < 18 else ())
    assert replace(paused(80.0, 2.0), held=at_last.held).told() == {}


def test_a_loop_that_rests_names_who_waited_for_it_also_when_it_has_just_read() -> None:
    unread = (held(State.IDLE, 60.0, conn=4, kernel=UNREAD),)
    story = replace(paused(80.0, 2.0), held=lambda step: unread if step % 2 else ())
    finding = story.told(steps=19)["loop-blocked"]
    assert (finding.conns, finding.pids) == ((4,), (PID,))


def test_a_greenlet_that_computes_is_not_said_to_be_unpatched() -> None:
    assert list(blocked("greenlet-2", 700.0, cpu=99.0).told()) == ["loop-blocked"]


def test_answers_that_are_slow_for_other_reasons_do_not_wait_for_the_lock() -> None:
    crowded = convoy(11.0, cpu=30.0, per_s=31.0)
    assert list(crowded.told()) == ["lock-convoy"]
    assert convoy(11.0, per_s=1_600.0).told() == {}, "the lock changes hands 200 times a second"
    assert convoy(11.0, cpu=4.0).told() == {}, "nobody computes"
    assert convoy(11.0, threads=1).told() == {}
    assert convoy(11.0, starved=60.0).told() == {}, "they wait for a processor"


def test_the_culprit_comes_first_and_its_sentence_has_the_numbers() -> None:
    finding = blocked("MainThread", 700.0).told()["head-of-line"]
    assert finding.conns == (1,)
    assert finding.pids == (PID,)
    assert finding.text == (
        "The only thread has been in GET /wait/1000 (#1) for 700 ms; 7 wait behind it"
    )


def test_of_several_accept_queues_the_fullest_is_named() -> None:
    def story(length: int) -> Story:
        views = workers([0, 0])
        own = (views[0], views[1], replace(views[2], listener=12))
        queues = (AcceptQueue(11, 1, 10), AcceptQueue(12, length, 10))
        return Story(
            kernel=lambda step: KernelNumbers(queues=queues),
            snapshot=lambda snapshot, step: replace(snapshot, worker_views=own),
        )

    finding = story(10).told()["accept-queue"]
    assert finding.text.startswith(
        "10 clients wait in an accept queue for 10, that of pid 4122 alone:"
    )
    assert finding.pids == (PID + 2,)
    assert story(7).told() == {}


def ids(found: tuple[Finding, ...]) -> list[str]:
    return [one.id for one in found]


def test_one_look_is_not_enough_and_a_lull_is_no_end() -> None:
    findings = Findings()
    bad = Story(numbers=lambda step: replace(NUMBERS, descriptors=950))
    good = Story()
    assert ids(findings.look(bad.moment(0))) == []
    assert ids(findings.look(good.moment(1))) == []
    assert ids(findings.look(bad.moment(2))) == []
    assert ids(findings.look(bad.moment(4))) == ["descriptor-limit"]
    assert ids(findings.look(good.moment(5))) == ["descriptor-limit"]
    assert ids(findings.look(bad.moment(6))) == ["descriptor-limit"]
    stays = STAYS_NS // (STEP_MS * MS)
    assert ids(findings.look(good.moment(6 + stays))) == ["descriptor-limit"]
    assert ids(findings.look(good.moment(7 + stays))) == []


def test_the_worst_comes_first() -> None:
    findings = Findings()
    story = Story(
        numbers=lambda step: replace(NUMBERS, descriptors=950, accept_queue=200),
    )
    found = [findings.look(story.moment(step)) for step in range(5)][-1]
    assert ids(found) == ["accept-queue", "descriptor-limit"]
    assert [one.level for one in found] == [Level.WARN, Level.WATCH]


def test_another_engine_begins_without_a_past() -> None:
    findings = Findings()
    before = grows(descriptors=3)
    after = replace(before, status=replace(STATUS, engine_pid=PID + 9))
    assert not any(findings.look(before.moment(step)) for step in range(3))
    assert not any(findings.look(after.moment(step)) for step in range(3, 7))
