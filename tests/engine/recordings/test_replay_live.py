"""A recording shows what the run showed while it was recorded."""

import http.client
import time
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from engine.recordings.recording import Recording
from engine.recordings.replay import Replay
from engine.running.run import Run
from engine.running.run_settings import RunSettings
from engine.views.snapshot import Snapshot
from tests.engine.still_clock import SECOND_NS, Clock


@pytest.mark.parametrize("model", ["epoll", "thread", "process"])
def test_a_replay_shows_what_the_live_run_showed(tmp_path: Path, model: str) -> None:
    """At each of some moments of a real run; but for rates, which depend on when they were asked."""
    run = Run(RunSettings(port=0, model=model, whole=True))
    path = tmp_path / "live.jsonl"
    file = Recording(path, model, ["servetui"], url=run.url)
    shown: list[Snapshot] = []

    def look() -> None:
        file.write(run.poll())
        shown.append(run.snapshot())

    try:
        deadline_s = time.monotonic() + 20
        while run.status().phase != "serving" and time.monotonic() < deadline_s:
            look()
        url = urlsplit(run.url)
        for target in ("/", "/missing", "/wait/30", "/style.css"):
            client = http.client.HTTPConnection(url.hostname or "", url.port, timeout=10)
            client.request("GET", target)
            client.getresponse().read()
            look()
            client.close()
            look()
        wanted = time.monotonic() + 10
        while run.snapshot().counts.closed < 4 and time.monotonic() < wanted:
            look()
        look()
    finally:
        file.write(run.stop())
        file.close()
    replay = Replay(path, Clock())
    start_ns = replay._start_ns
    seen = [one for one in shown if one.now_ns >= start_ns][:: max(len(shown) // 40, 1)]
    assert len(seen) > 5
    compared = 0
    for live in [*seen, *reversed(seen)]:
        replay.jump((live.now_ns - start_ns) / SECOND_NS)
        again = replay.state.snapshot(live.now_ns)
        if again.counts.events == live.counts.events:  # else some were still on their way
            compared += 1
            assert without_rates(again) == without_rates(live)
            assert requests_moved(again, live) <= 2
    assert compared > len(seen)


def requests_moved(again: Snapshot, live: Snapshot) -> int:
    """How many stand in another second, counted in both: one that was on its way as a second ended is of the
    next one in the live run."""
    seconds = zip(again.requests_history, live.requests_history, strict=True)
    return sum(abs(one - other) for one, other in seconds)


def without_rates(snapshot: Snapshot) -> Snapshot:
    return replace(
        snapshot,
        requests_per_s=0.0,
        events_per_s=0.0,
        bytes_in_per_s=0.0,
        bytes_out_per_s=0.0,
        wakeups_per_s=0.0,
        would_block_per_s=0.0,
        requests_history=(),
    )
