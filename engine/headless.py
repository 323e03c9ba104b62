"""A run without a terminal: commands on stdin, data on stdout, talk on stderr.

stdout carries events as JSON lines (with `--events -`), answers to `snapshot`, and the summary; nothing
else. One thread; ends on SIGTERM, SIGINT, SIGHUP, after `seconds`, or when stdout is closed.
"""

import json
import os
import select
import signal
import sys
import time
from collections.abc import Callable
from typing import Any

from engine.events import Event
from engine.models import MODELS
from engine.recording import Recording
from engine.run import Run
from engine.snapshot import STATE_MEANINGS, Counts, ProcessNumbers, Room, RunStatus, Snapshot

BEAT_S = 0.02  # between two looks at engines and events
SNAPSHOT_ROWS = 1_000
ROOMS = (
    "syn_retry", "accept_queue", "unread", "app_queue", "handler", "unsent", "idle", "time_wait",
    "close_wait",
)  # fmt: skip


class Headless:
    """Drives a Run until something ends it."""

    def __init__(
        self, run: Run, *, print_events: bool, recording: Recording | None, seconds: float | None
    ) -> None:
        self.run = run
        self._print_events = print_events
        self._recording = recording
        self._seconds = seconds
        self._stopped = False
        self._said_listening = False
        self._unread = b""
        self._stdin: int | None = 0
        self._said_words: tuple[str, ...] = ()

    def loop(self) -> int:
        """Serve; the exit code: 1 when the engine died and nothing serves at the end."""
        signal.signal(signal.SIGTERM, self._stop)
        signal.signal(signal.SIGINT, self._stop)
        if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # as nohup leaves it
            signal.signal(signal.SIGHUP, self._stop)
        ends_s = float("inf") if self._seconds is None else time.monotonic() + self._seconds
        try:
            while not self._stopped and time.monotonic() < ends_s:
                self._beat()
        except BrokenPipeError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # nobody reads on: end quietly
        is_dead = self.run.status().phase == "dead"
        self._take(self.run.stop())
        return 1 if is_dead else 0

    def summary(self) -> dict[str, Any]:
        """The summary of the command-line contract; null where nothing was traced."""
        return summary_of(
            self.run.status(), self.run.snapshot(0, 0).counts, self.run.settings.trace
        )

    def _beat(self) -> None:
        self._take(self.run.poll())
        status = self.run.status()
        if status.phase == "serving" and not self._said_listening:
            self._said_listening = True
            self._talk(f"listening on {status.url}")
        if status.last_words != self._said_words:
            self._said_words = status.last_words
            for line in status.last_words:
                self._talk(line)
        self._obey(BEAT_S)

    def _take(self, events: list[Event]) -> None:
        if self._recording is not None:
            self._recording.write(events)
        if self._print_events and events:
            sys.stdout.write("".join(event.to_json() + "\n" for event in events))
            sys.stdout.flush()

    def _obey(self, wait_s: float) -> None:
        """Do what stdin says; sleep for `wait_s` when it says nothing."""
        if self._stdin is None:
            time.sleep(wait_s)
            return
        if not select.select([self._stdin], [], [], wait_s)[0]:
            return
        data = os.read(self._stdin, 65536)
        if not data:
            self._stdin = None  # the script is done; the server goes on
        *lines, self._unread = (self._unread + data).split(b"\n")
        for line in lines:
            self._command(line.decode("utf-8", "replace").split())

    def _command(self, words: list[str]) -> None:
        commands: dict[str, Callable[[], None]] = {
            "short": lambda: self.run.set_mode(short=True),
            "keep-alive": lambda: self.run.set_mode(short=False),
            "snapshot": self._print_snapshot,
        }
        if len(words) == 2 and words[0] == "model" and words[1] in MODELS:
            self.run.switch(words[1])
        elif len(words) == 1 and words[0] in commands:
            commands[words[0]]()
        elif words:
            known = ", ".join(["model NAME", *commands])
            self._talk(f"no such command: {' '.join(words)[:80]!r}; there are {known}")

    def _print_snapshot(self) -> None:
        self._take(self.run.poll())
        snapshot = self.run.snapshot(0, SNAPSHOT_ROWS)
        answer = snapshot_of(
            self.run.status(), snapshot, self.run.numbers(0.0), self.run.settings.trace
        )
        print(json.dumps(answer), flush=True)

    def _talk(self, text: str) -> None:
        print(text, file=sys.stderr, flush=True)

    def _stop(self, *_: object) -> None:
        self._stopped = True


def summary_of(status: RunStatus, counts: Counts, traced: bool) -> dict[str, Any]:
    """`{"model", "accepted", ...}`: null where nothing was traced."""
    figures = {
        "accepted": counts.accepted,
        "requests": counts.requests,
        "responses": counts.responses,
        "closed": counts.closed,
        "open": counts.open,
        "bytes_in": counts.bytes_in,
        "bytes_out": counts.bytes_out,
        "events": counts.events,
        "lost": counts.lost,
    }
    return {"model": status.model, **(figures if traced else dict.fromkeys(figures))}


def snapshot_of(
    status: RunStatus, snapshot: Snapshot, numbers: ProcessNumbers, traced: bool
) -> dict[str, Any]:
    """The answer to the command `snapshot`."""
    return {
        "kind": "snapshot",
        **summary_of(status, snapshot.counts, traced),
        "mode": status.mode,
        "engine_pid": status.engine_pid,
        "phase": status.phase,
        "rooms": {name: _room(name, snapshot, numbers, traced) for name in ROOMS},
        "processes": numbers.processes,
        "threads": numbers.threads,
        "zombies": numbers.zombies,
        "sockets": snapshot.sockets if traced else None,
        "descriptors": numbers.descriptors,
        "children_descriptors": numbers.children_descriptors,
        "draining": status.draining,
        "cut": snapshot.counts.cut,
        "illegal_steps": snapshot.counts.illegal_steps,
        "connections": [
            {
                "conn": one.conn,
                "fd": one.fd,
                "pid": one.pid,
                "task": one.task,
                "state": STATE_MEANINGS[one.state].name,
                "requests": one.requests,
                "bytes_in": one.bytes_in,
                "bytes_out": one.bytes_out,
            }
            for one in snapshot.connections
            if not one.closed_ns
        ],
    }


def _room(
    name: str, snapshot: Snapshot, numbers: ProcessNumbers, traced: bool
) -> dict[str, Any] | None:
    """What waits in a room; None where that cannot be known."""
    if name == "accept_queue" and numbers.accept_queue is not None:
        return _room_as_dict(Room(numbers.accept_queue, 0.0)) | {"longest_ms": None}
    room = snapshot.rooms.get(name)
    return _room_as_dict(room) if room and traced else None


def _room_as_dict(room: Room) -> dict[str, Any]:
    return {
        "now": room.now,
        "longest_ms": room.longest_ms,
        "p50_ms": room.p50_ms,
        "p99_ms": room.p99_ms,
    }
