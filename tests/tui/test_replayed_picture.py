"""A recording shows the picture that the live run showed while it was recorded."""

import re
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from engine.recordings.replay import Replay
from engine.running.run import Run
from engine.running.run_settings import RunSettings
from tests.engine.still_clock import SECOND_NS, Clock
from tests.plain_client import Client
from tests.support import wait_until
from tui.format import Line, plain
from tui.panels.connections import RULER
from tui.picture import Parts, Picture
from tui.recorder import Recorder

SIZE = 120, 40
SAME = ("alert", "rooms", "connections", "events", "bursts")
"""The first line tells where a recording stands, and the last ones what keys it has."""
FIGURES = re.compile(
    r"\b(open|accepted|closed|processes|threads|zombies|descriptors|sockets) +([\d,-]+)"
)
"""Of the server those that are no rates: these depend on when they were asked for."""


@dataclass(frozen=True)
class Frame:
    """What was drawn of a run, and of when."""

    now_ns: int
    events: int
    parts: Parts
    has_looked: bool
    """With the numbers of the last look, which are those that a recording has."""


class Filmed:
    """A run of which each frame is kept, and which is recorded as by the key `r`."""

    def __init__(self, model: str, path: Path) -> None:
        self.run = Run(RunSettings(port=0, model=model, whole=True))
        self.port = urlsplit(self.run.url).port or 0
        self.frames: list[Frame] = []
        self._picture = Picture(self.run)
        self._picture.recorder = self._recorder = Recorder(path, self.run.status())

    def look(self) -> None:
        """A frame."""
        self._recorder.write(self.run.poll())
        picture = self._picture
        picture.ask_numbers()
        picture.ask_findings()
        parts = picture.draw(*SIZE, 12)
        looked = self.run.looked
        has_looked = picture.kernel is looked.kernel and picture._numbers == looked.numbers
        now_ns, events = picture.table.now_ns, picture.snapshot.counts.events
        self.frames.append(Frame(now_ns, events, parts, has_looked))

    def until(self, condition: Callable[[], object], what: str) -> None:
        """Frames until that is so."""

        def holds() -> bool:
            self.look()
            return bool(condition())

        wait_until(holds, what=what)

    def end(self) -> None:
        self._recorder.write(self.run.stop())
        self._recorder.close()


def film(model: str, path: Path) -> list[Frame]:
    """A request that takes its time, a page, a client that is silent, one that leaves, and a burst."""
    filmed = Filmed(model, path)
    run = filmed.run
    try:
        filmed.until(lambda: run.status().phase == "serving", "serving")
        with ExitStack() as clients:
            slow, other, _ = (clients.enter_context(Client(filmed.port)) for _ in range(3))
            slow.ask("/wait/300")
            other.get("/missing")
            filmed.until(lambda: run.snapshot().counts.responses == 2, "two answers")
            run.start_burst(20, 4)
            filmed.until(lambda: not run.bursts[-1].is_running, "the end of the burst")
            other.half_close()
            filmed.until(lambda: run.snapshot().counts.open <= 2, "the client that left")
        filmed.until(lambda: run.snapshot().counts.open == 0, "nobody")
        ends_ns = time.monotonic_ns() + SECOND_NS // 2
        filmed.until(lambda: time.monotonic_ns() > ends_ns, "some more looks")
    finally:
        filmed.end()
    return filmed.frames


def told(lines: Sequence[Line]) -> list[str]:
    """Without blank lines, of which there are as many as the keys leave room for."""
    return [text for line in lines if (text := plain(line).rstrip())]


def without_strips(lines: list[str]) -> list[str]:
    """A live run puts an event that comes late, as of another process, into the cell that has begun."""
    _, heading, *_ = lines
    start = heading.index(RULER.strip())
    return [line[:start].rstrip() for line in lines]


def figures(lines: Sequence[Line]) -> list[tuple[str, str]]:
    """Of the server, by name."""
    return [found for text in told(lines) for found in FIGURES.findall(text)]


@pytest.mark.parametrize("model", ["epoll", "thread", "process"])
def test_a_replay_draws_what_the_live_run_drew(tmp_path: Path, model: str) -> None:
    path = tmp_path / "live.jsonl"
    frames = film(model, path)
    replay = Replay(path, Clock())
    start_ns, end_ns = replay._start_ns, replay._end_ns
    seen = [one for one in frames if start_ns < one.now_ns <= end_ns]
    compared = dict.fromkeys((*SAME, "server"), 0)
    for frame in seen[:: max(len(seen) // 60, 1)]:
        replay.jump((frame.now_ns - start_ns) / SECOND_NS)
        picture = Picture(replay)
        again = picture.draw(*SIZE, 12)
        if picture.snapshot.counts.events != frame.events:
            continue  # some were still on their way
        for name in SAME:
            if name in ("rooms", "alert") and not frame.has_looked:
                continue
            if name == "connections" and not picture.snapshot.rows:
                continue  # what stands there says how to begin, or that nothing did
            compared[name] += 1
            both = told(again[name]), told(frame.parts[name])
            if name == "connections":
                both = without_strips(both[0]), without_strips(both[1])
            assert both[0] == both[1], name
        if frame.has_looked:
            compared["server"] += 1
            assert figures(again["server"]) == figures(frame.parts["server"])
    assert min(compared.values()) > 10, compared
