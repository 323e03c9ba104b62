"""How often and how long lines ran, by events made by hand and by those of real servers."""

import pytest

from engine.events import Event, Kind
from engine.fold.line_counts import TASKS_KEPT, LineCounts
from engine.models import MODELS, source_of
from engine.running.run import Run
from engine.running.run_settings import RunSettings
from tests.engine.made import MS, event
from tests.plain_client import Client
from tests.support import wait_until

RECV, REQUEST, SEND = 72, 79, 84


def done(line: int, at_ms: float, kind: Kind = Kind.RECV, **fields: object) -> Event:
    return event(kind, 1, round(at_ms * MS), line=line, **fields)


def counted(*events: Event) -> LineCounts:
    counts = LineCounts(lambda pid: {10: "thread", 11: "epoll"}.get(pid))
    counts.take(events)
    return counts


def figures(counts: LineCounts, model: str = "thread") -> dict[int, tuple[int, float, float]]:
    """Line -> (runs, mean, longest), in ms."""
    return {
        line: (one.runs, (one.mean_ns or 0) / MS, one.longest_ns / MS)
        for line, one in counts.lines.get(model, {}).items()
    }


def test_a_line_took_the_time_since_the_event_before_on_its_task() -> None:
    counts = counted(done(RECV, 0), done(SEND, 2), done(RECV, 1202), done(SEND, 1206))
    assert figures(counts) == {RECV: (2, 1200, 1200), SEND: (2, 3, 4)}
    assert counts.events == 4


def test_tasks_wait_side_by_side() -> None:
    counts = counted(
        done(RECV, 0, task="a"), done(RECV, 90, task="b"), done(RECV, 100, task="a"),
        done(RECV, 110, task="b"),
    )  # fmt: skip
    assert figures(counts) == {RECV: (4, 60, 100)}


def test_the_same_name_in_another_process_is_another_task() -> None:
    counts = counted(done(RECV, 0), done(RECV, 50, pid=11), done(RECV, 60))
    assert figures(counts) == {RECV: (2, 60, 60)}
    assert figures(counts, "epoll") == {RECV: (1, 0, 0)}


def test_what_no_line_did_is_not_counted() -> None:
    tick = done(RECV, 5, Kind.TICK, note="sent: x")
    assert figures(counted(done(RECV, 0), done(0, 3), tick, done(RECV, 8))) == {RECV: (2, 8, 8)}


def test_tasks_stand_at_their_last_line_until_they_end() -> None:
    counts = counted(
        done(REQUEST, 0, Kind.REQUEST, task="a"), done(REQUEST, 1, Kind.REQUEST, task="b"),
        done(RECV, 2, task="c"), done(SEND, 3, Kind.SEND, task="c"),
    )  # fmt: skip
    here = counts.here("thread")
    assert {line: [one.task for one in events] for line, events in here.items()} == {
        REQUEST: ["a", "b"],
        SEND: ["c"],
    }
    counts.take([done(0, 4, Kind.EXIT, task="a", note="thread")])
    assert [one.task for one in counts.here("thread")[REQUEST]] == ["b"]
    counts.take([done(90, 5, Kind.EXIT, pid=9, note="process 10 exited 0")])
    assert counts.here("thread") == {}


def test_tasks_that_never_tell_their_end_are_forgotten() -> None:
    counts = counted(*(done(RECV, n, task=f"greenlet-{n}") for n in range(TASKS_KEPT + 10)))
    assert len(counts.tasks) == TASKS_KEPT
    assert (10, "greenlet-9") not in counts.tasks


@pytest.mark.parametrize("model", MODELS)
def test_the_lines_of_a_real_server_are_those_of_its_calls(model: str) -> None:
    """Each event names the line of the source that made it."""
    run = Run(RunSettings(port=0, model=model, whole=True))
    counts = LineCounts(run.model_of)
    events: list[Event] = []

    def polled() -> Run:
        new = run.poll(at_once=True)
        events.extend(new)
        counts.take(new)
        return run

    try:
        wait_until(lambda: polled().status().phase == "serving", 20, "serving")
        with Client(int(run.url.rpartition(":")[2])) as client:
            assert client.get("/wait/20").status == 200
            wait_until(lambda: polled().snapshot().counts.responses, what="told")
    finally:
        run.stop()
    text = source_of(MODELS[model]).read_text(encoding="utf-8").splitlines()
    words = {Kind.ACCEPT: "accept", Kind.RECV: "rec", Kind.REQUEST: "receive"}
    told = [one for one in events if one.kind in words and one.conn]
    assert {one.kind for one in told} == set(words)
    for one in told:
        assert words[one.kind] in text[one.line - 1], (one, text[one.line - 1])
    assert counts.lines[model].keys() >= {one.line for one in told}
