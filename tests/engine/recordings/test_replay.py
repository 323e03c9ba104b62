"""Recordings that are played: the same pictures as those of the live run, at any time."""

from dataclasses import asdict, replace
from pathlib import Path

import pytest

from engine.events import Event, Kind
from engine.fold.state import ServerState
from engine.recordings.recording import Recording, RecordingError
from engine.recordings.replay import Replay
from engine.views.snapshot import BurstView, ProcessNumbers, Snapshot
from tests.engine.still_clock import SECOND_NS, Clock
from tests.make_screenshots import RECORDINGS, at_its_end

BEGIN_NS = 77 * SECOND_NS


def lives() -> list[Event]:
    """Ten connections, one a second, each with one request that takes half a second."""
    events: list[Event] = []

    def tell(at_s: float, kind: Kind, conn: int, moved: int = 0, note: str = "") -> None:
        at_ns = BEGIN_NS + round(at_s * SECOND_NS)
        events.append(Event(len(events), at_ns, kind, conn, 7, 10, "MainThread", moved, 3, note))

    tell(0, Kind.LISTEN, 0, note="127.0.0.1:7890")
    for n in range(1, 11):
        tell(n, Kind.ACCEPT, n, note=f"127.0.0.1:{n}")
        tell(n, Kind.RECV, n, 80)
        tell(n, Kind.REQUEST, n, note=f"GET /{n}")
        tell(n + 0.5, Kind.RESPONSE, n, 300, "200")
        tell(n + 0.5, Kind.SEND, n, 300)
    return events


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "recording.jsonl"
    file = Recording(path, "epoll", ["servetui"], url="http://127.0.0.1:7890", mode="short")
    file.write(lives())
    file.close()
    return path


def folded(until_s: float) -> Snapshot:
    until_ns = BEGIN_NS + round(until_s * SECOND_NS)
    state = ServerState()
    state.fold([event for event in lives() if event.at_ns <= until_ns])
    return state.snapshot(until_ns)


# --- playing ------------------------------------------------------------------------------------------


def test_it_plays_at_the_speed_of_its_clock(path: Path) -> None:
    clock = Clock()
    replay = Replay(path, clock)
    assert [event.kind for event in replay.poll()] == [Kind.LISTEN]
    clock.wait(1.25)
    assert [event.kind for event in replay.poll()] == [Kind.ACCEPT, Kind.RECV, Kind.REQUEST]
    assert replay.at_s == 1.25
    assert replay.snapshot() == folded(1.25)
    replay.faster()
    clock.wait(1)
    replay.poll()
    assert (replay.speed, replay.at_s) == (2, 3.25)
    for _ in range(9):
        replay.slower()
    assert replay.speed == 1 / 16
    clock.wait(1000)
    replay.poll()
    assert replay.is_over
    assert replay.at_s == replay.length_s == 10.5


def test_a_pause_holds_time_and_a_step_is_one_event(path: Path) -> None:
    clock = Clock()
    replay = Replay(path, clock)
    replay.poll()
    replay.toggle_pause()
    clock.wait(100)
    assert replay.poll() == []
    told = []
    for _ in range(5):
        replay.step()
        told += replay.poll()
    assert [event.kind for event in told] == [
        *(Kind.ACCEPT, Kind.RECV, Kind.REQUEST, Kind.RESPONSE, Kind.SEND)
    ]
    assert replay.at_s == 1.5
    replay.toggle_pause()
    clock.wait(0.5)
    assert [event.kind for event in replay.poll()][:1] == [Kind.ACCEPT]


@pytest.mark.parametrize("seconds", [3.2, 0, 7.75, -5, 99, 1.0])
def test_a_jump_shows_what_folding_shows(path: Path, seconds: float) -> None:
    replay = Replay(path, Clock())
    for first in (9.0, 2.0, seconds):
        replay.jump(first)
    at_s = min(max(seconds, 0), 10.5)
    assert replay.at_s == at_s
    assert replay.snapshot() == folded(at_s)
    assert replay.poll() == []


def test_processes_keep_their_model_over_a_jump(tmp_path: Path) -> None:
    """Also those that have ended, and those of an engine that was there before the recording."""
    told = (
        (1, Kind.RECV, 41, ""),
        (2, Kind.SPAWN, 9, "process 50 engine process"),
        (3, Kind.LISTEN, 50, "127.0.0.1:7890"),
        (4, Kind.SPAWN, 50, "process 51"),
        (5, Kind.EXIT, 50, "process 51 exit 0"),
    )
    events = [
        Event(n, s * SECOND_NS, kind, 7 if kind is Kind.RECV else 0, -1, pid, "", 0, 0, note)
        for n, (s, kind, pid, note) in enumerate(told)
    ]

    def models(events: list[Event], *jumps: float) -> list[str | None]:
        path = tmp_path / f"{len(events)}.jsonl"
        file = Recording(path, "gevent", ["servetui"])
        file.write(events)
        file.close()
        replay = Replay(path, Clock())
        for seconds in jumps:
            replay.jump(seconds)
        return [replay.model_of(pid) for pid in (41, 50, 51)]

    assert models(events, 4) == ["gevent", "process", "process"]
    assert models(events, 4, 0) == ["gevent", "gevent", "gevent"]
    assert models(events[1:], 3) == [None, "process", "process"]


def test_keys_that_would_change_the_server_say_that_they_cannot(path: Path) -> None:
    replay = Replay(path, Clock())
    replay.poll()
    before = replay.status()
    replay.switch("thread")
    assert replay.refusal
    replay.toggle_pause()
    assert not replay.refusal
    replay.set_mode(short=False)
    replay.restart()
    replay.start_burst()
    assert replay.refusal
    assert replay.status() == before
    assert (before.model, before.mode, before.phase) == ("epoll", "short", "serving")


def test_what_was_told_beside_the_events(tmp_path: Path) -> None:
    numbers = ProcessNumbers(processes=1, threads=3, descriptors=9, cpu_percent=12.5)
    burst = BurstView(
        "epoll",
        "short",
        20,
        50,
        True,
        5,
        0.0,
        None,
        None,
        None,
        0,
        {"reset": 1},
        latencies=(0, 3),
        number=3,
    )
    path = tmp_path / "told.jsonl"
    file = Recording(path, "epoll", ["servetui"])
    first, *rest = lives()
    file.write([first])
    file.tell(BEGIN_NS + 1, "numbers", asdict(numbers))
    file.tell(BEGIN_NS + 1, "burst", {"index": 3, **asdict(burst)})
    file.tell(BEGIN_NS + SECOND_NS // 2, "mode", {"mode": "short"})
    file.write(rest)
    file.close()
    replay = Replay(path, Clock())
    replay.jump(0.1)
    assert replay.numbers() == numbers
    assert replay.bursts == (burst,)
    assert not replay.short
    replay.jump(1)
    assert replay.short
    replay.jump(0.1)
    assert replay.status().mode == "keep-alive"
    replay.jump(11)
    assert replay.snapshot() == replace(folded(10.5), now_ns=replay.snapshot().now_ns)


# --- files that are not ours -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (b"", "empty"),
        (b"hello\n", "no recording"),
        (b'{"servetui": 99, "model": "epoll", "command": []}\n', "newer"),
        (b'{"servetui": 1, "model": "nginx", "command": []}\n', "known are"),
        (b'{"servetui": 1, "model": "epoll", "command": []}\n{"seq": 1}\n', "line 2"),
        (b'{"servetui": 1, "model": "epoll", "command": []}\n' + b"[" * 50_000 + b"\n", "line 2"),
        (b"\xff\xfe\n", "no recording"),
    ],
)
def test_a_file_that_is_not_ours_is_refused_in_one_line(
    tmp_path: Path, text: bytes, words: str
) -> None:
    path = tmp_path / "file"
    path.write_bytes(text)
    with pytest.raises(RecordingError, match=words) as raised:
        Replay(path, Clock())
    assert "\n" not in str(raised.value)


def test_no_file_and_a_folder_are_refused(tmp_path: Path) -> None:
    for path in (tmp_path / "none", tmp_path):
        with pytest.raises(RecordingError, match="cannot read"):
            Replay(path, Clock())


def test_a_recording_whose_writer_was_killed_is_read_up_to_its_last_line(path: Path) -> None:
    whole = path.read_bytes()
    path.write_bytes(whole[:-20])
    replay = Replay(path, Clock())
    replay.jump(99)
    assert replay.snapshot().counts.events == len(lives()) - 1


def test_a_switch_is_told_as_it_was(tmp_path: Path) -> None:
    path, clock = tmp_path / "recording.jsonl", Clock()
    file = Recording(path, "thread", ["servetui"])
    told = (
        (1, Kind.LISTEN, 40, "127.0.0.1:7890"),
        (2, Kind.SPAWN, 9, "process 41 engine epoll"),
        (3, Kind.LISTEN, 41, "127.0.0.1:7890"),
        (4, Kind.EXIT, 9, "process 40 exit 0"),
        (5, Kind.EXIT, 9, "process 41 signal SIGKILL"),
    )
    file.write(
        Event(n, s * SECOND_NS, kind, 0, -1, pid, "", 0, 0, note)
        for n, (s, kind, pid, note) in enumerate(told)
    )
    file.close()
    replay = Replay(path, clock)
    seen = []
    for _ in told:
        replay.poll()
        status = replay.status()
        seen.append((status.model, status.phase, status.engine_pid, status.draining))
        clock.wait(1)
    assert seen == [
        ("thread", "serving", 40, 0),
        ("epoll", "switching to epoll", 40, 0),
        ("epoll", "serving", 41, 1),
        ("epoll", "serving", 41, 0),
        ("epoll", "dead", None, 0),
    ]


def test_who_is_unread_is_not_idle_as_in_the_run_itself() -> None:
    rooms = at_its_end("polling").snapshot().rooms
    assert rooms["handler"].now == 1
    assert rooms["idle"].now == 0, "the three others have asked, and nobody has read it"


def test_a_jump_knows_the_seconds_that_it_has_passed() -> None:
    clock = Clock()
    played, jumped = (Replay(RECORDINGS / "thread.jsonl", clock) for _ in range(2))
    clock.wait(60)
    played.poll()
    jumped.jump(99)
    assert jumped.past == played.past
    assert list(jumped.past.values())[-1] == (7, 16)
    jumped.jump(0)
    assert len(jumped.past) <= 1


def test_when_more_is_due_than_there_is_time_for_time_waits(tmp_path: Path) -> None:
    path = tmp_path / "recording.jsonl"
    file = Recording(path, "epoll", ["servetui"], url="http://127.0.0.1:7890", mode="short")
    some = [event._replace(at_ns=event.at_ns + turn) for turn in range(20) for event in lives()]
    events = sorted(some, key=lambda event: event.at_ns)
    file.write(events)
    file.close()
    clock = Clock()
    replay, at_once = Replay(path, clock), Replay(path, clock)
    clock.wait(60)
    told = replay.poll(within_s=1e-9)
    assert replay.is_behind
    assert 0 < len(told) < len(events)
    assert replay.at_s == (told[-1].at_ns - BEGIN_NS) / SECOND_NS
    while replay.is_behind:
        told += replay.poll(within_s=1e-9)
        clock.wait(60)
    assert told + replay.poll() == at_once.poll() == events
    assert replay.snapshot() == at_once.snapshot()
