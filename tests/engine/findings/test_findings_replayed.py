"""A replay finds what the live run found, look by look, from the same numbers."""

import time
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import urlsplit

from engine.findings.finding import Finding
from engine.recordings.recording import Recording
from engine.recordings.replay import Replay
from engine.recordings.teller import Teller
from engine.running.run import Run
from engine.running.run_settings import RunSettings
from engine.views.kernel_numbers import KernelNumbers
from engine.views.snapshot import ProcessNumbers
from tests.engine.still_clock import Clock
from tests.plain_client import Client

DEADLINE_S = 60.0
BEAT_NS = 5_000_000

Looked = tuple[tuple[Finding, ...], KernelNumbers, ProcessNumbers]


class Watched:
    """A run that is recorded, and what each of its looks found."""

    def __init__(self, file: Path) -> None:
        self.run = Run(RunSettings(model="polling", port=0, whole=True, backlog=1))
        self.port = urlsplit(self.run.url).port or 0
        self.looks: dict[int, Looked] = {}
        self._file = Recording(file, "polling", ["servetui"], url=self.run.url)
        self._teller = Teller(self._file, "keep-alive", self.run.state.unreported)

    def beat(self) -> None:
        self._file.write(self.run.poll())
        found = self.run.findings(0.05)
        looked = self.run.looked
        self._teller.look(looked, self.run.unread_since_ns())
        if looked.now_ns:
            self.looks.setdefault(looked.now_ns, (found, looked.kernel, looked.numbers))

    def found(self) -> set[str]:
        return {one.id for found, _, _ in self.looks.values() for one in found}

    def stop(self) -> None:
        self._file.write(self.run.stop())
        self._file.close()


def test_a_replay_finds_what_the_live_run_found(tmp_path: Path) -> None:
    file = tmp_path / "live.jsonl"
    live = Watched(file)
    deadline_s = time.monotonic() + DEADLINE_S
    try:
        with ExitStack() as clients:
            while live.run.status().phase != "serving" and time.monotonic() < deadline_s:
                live.beat()
            clients.enter_context(Client(live.port)).ask("/wait/2000")
            while not live.run.snapshot().counts.requests and time.monotonic() < deadline_s:
                live.beat()
            for _ in range(2):  # one more than the backlog says: the queue is full
                clients.enter_context(Client(live.port)).ask("/")
            while live.run.snapshot().counts.responses < 3 and time.monotonic() < deadline_s:
                live.beat()
    finally:
        live.stop()
    assert "accept-queue" in live.found()

    clock = Clock()
    replay = Replay(file, clock)
    again: dict[int, Looked] = {}
    while not replay.is_over:
        clock.ns += BEAT_NS
        replay.poll()
        looked = replay.looked
        again[looked.now_ns] = (replay.findings(), looked.kernel, looked.numbers)
    compared = live.looks.keys() & again.keys()
    assert len(compared) > len(live.looks) / 2
    for at_ns in compared:
        assert again[at_ns] == live.looks[at_ns]
