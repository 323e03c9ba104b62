"""A run without a terminal: commands on stdin, data on stdout, talk on stderr.

stdout carries events as JSON lines (with `--events -`), answers to `snapshot`, and the summary; nothing
else. One thread; ends on SIGTERM, SIGINT, SIGHUP, after `seconds`, when stdout takes no more, or when
its first engine cannot start. A reader that stalls holds the loop up, but not its end.
"""

import contextlib
import json
import math
import os
import select
import signal
import time
from collections.abc import Callable
from pathlib import Path

from engine.events import Event, Unreported
from engine.models import MODELS
from engine.output import Output
from engine.recordings.recording import Recording
from engine.recordings.teller import Teller
from engine.running.run import Run
from engine.running.run_settings import SLOW_START_S, still_starting
from engine.running.seldom_collected import collect_seldom
from engine.running.short_turns import take_short_turns
from engine.running.summary import snapshot_of, summary_of

BEAT_S = 0.02  # between two looks at engines and events
TAKE_S = 0.02  # of processor time, for events at once: where others want it, that takes 0.2 s
PATIENCE_S = 0.7  # at the end, with a reader that stalls; an engine may take 0.5 s besides
SNAPSHOT_ROWS = 1_000


class Headless:
    """Drives a Run until something ends it."""

    def __init__(
        self,
        run: Run,
        *,
        command: list[str],
        events: str = "count",
        seconds: float | None = None,
        summary: bool = False,
    ) -> None:
        """`events` is `-`, `count` or the file of the recording, whose header names the `command`."""
        self.run = run
        self._command_line = command
        self._events_to = events
        self._seconds = seconds
        self._with_summary = summary
        self._ends_s = self._slow_at_s = math.inf
        self._said_listening = False
        self._said_words: tuple[str, ...] = ()
        self._passed_on = 0  # lines of the engines
        self._has_failed = False
        self._unread = b""
        self._stdin: int | None = 0
        self._stdout: Output | None = Output(1, self._give_up_at_s)
        self._stderr = Output(2, self._give_up_at_s)
        self._recording: Recording | None = None
        self._teller: Teller | None = None
        self._held: list[Event] = []

    def loop(self) -> int:
        """Serve; the exit code: 1 when nothing serves at the end, or what was asked for could not
        be written."""
        if self._seconds is not None:
            self._ends_s = time.monotonic() + self._seconds
        self._slow_at_s = time.monotonic() + SLOW_START_S
        self._listen_to_signals()
        take_short_turns()
        collect_seldom()
        while time.monotonic() < self._ends_s:
            self._beat()
        is_dead = self.run.status().phase == "dead"
        last_events = self.run.stop()
        self._pass_on()
        self._ends_s = time.monotonic()  # patience anew for what is written now
        counts = self.run.snapshot(0, 0).counts  # takes in the last totals, which are told next
        self._take(last_events)
        if self._with_summary:
            traced = self.run.settings.trace
            self._print(json.dumps(summary_of(self.run.status(), counts, traced)))
        if self._recording is not None:
            self._recording.close()
        return 1 if is_dead or self._has_failed else 0

    def _listen_to_signals(self) -> None:
        signal.signal(signal.SIGTERM, self._end)
        signal.signal(signal.SIGINT, self._end)
        if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # as nohup leaves it
            signal.signal(signal.SIGHUP, self._end)
        signal.signal(
            signal.SIGTTIN, signal.SIG_IGN
        )  # sent to the background into the middle of a read

    def _beat(self) -> None:
        # All at once where all is told: else a pause of who reads along would count as being behind.
        self._take(self.run.poll(within_s=math.inf if self.run.whole else TAKE_S))
        self._pass_on()
        status = self.run.status()
        if status.phase == "serving" and not self._said_listening:
            self._begin(status.url)
        if status.phase == "starting" and time.monotonic() > self._slow_at_s:
            self._slow_at_s = math.inf
            self._talk(still_starting(self.run.settings.app))
        if status.last_words != self._said_words:
            self._said_words = status.last_words
            for line in status.last_words[:1]:  # the others have been passed on already
                # Why it does not begin is told as all that ends a command is.
                self._talk(line if self._said_listening else f"servetui: {line}")
        if status.phase == "dead" and not self._said_listening:
            self._end()  # it has never served, and nobody waits for it
        self.run.findings()  # so that they have a memory when they are asked for
        self._note_look()
        self._obey(0.0 if self.run.is_behind else BEAT_S)

    def _pass_on(self) -> None:
        """What the engines write, as an application's tracebacks, is talk."""
        lines, self._passed_on = self.run.said_since(self._passed_on)
        for line in lines:
            self._talk(line)

    def _begin(self, url: str) -> None:
        """It serves: only now is the recording begun, which may overwrite an old one."""
        if self._events_to not in ("-", "count"):
            try:
                self._recording = Recording(
                    Path(self._events_to),
                    self.run.settings.model,
                    self._command_line,
                    self._give_up_at_s,
                    url=url,
                    mode=self.run.status().mode,
                )
            except OSError as error:
                self._fail(self._events_to, error, "; name another file with --events")
                self._end()
                return
            self._teller = Teller(self._recording, self.run.status().mode, Unreported())
        self._said_listening = True
        self._talk(f"listening on {url}")
        held, self._held = self._held, []
        self._take(held)

    # --- data and talk --------------------------------------------------------------------------

    def _take(self, events: list[Event]) -> None:
        if self._recording is not None:
            recording = self._recording
            self._record(lambda: recording.write(events))
            self._record(self._tell)
        elif not events or self._events_to == "count":
            return
        elif self._events_to == "-":
            self._print("\n".join(event.to_json() for event in events))
        elif not self._said_listening:
            self._held += events

    def _record(self, write: Callable[[], None]) -> None:
        if self._recording is None:
            return
        try:
            write()
        except OSError as error:
            self._recording.close()
            self._recording = self._teller = None
            self._fail(self._events_to, error, "; the recording ends there")

    def _tell(self) -> None:
        """What is no event, when it changes. Raises OSError."""
        if self._teller is not None:
            mode, unreported = self.run.status().mode, self.run.state.unreported
            self._teller.tell(time.monotonic_ns(), mode, unreported)

    def _note_look(self) -> None:
        """What the last look for findings saw, before further events are recorded."""
        if (teller := self._teller) is not None:
            self._record(lambda: teller.look(self.run.looked, self.run.unread_since_ns()))

    def _print(self, lines: str) -> None:
        """Data. Nothing follows what could not be written: it would continue a line cut short."""
        if self._stdout is None:
            return
        try:
            self._stdout.write(lines + "\n")
        except OSError as error:
            self._stdout = None
            self._end()
            if not isinstance(error, BrokenPipeError):  # else nobody reads on: end quietly
                self._fail("to stdout", error)

    def _talk(self, text: str) -> None:
        with contextlib.suppress(OSError):  # nobody listens
            self._stderr.write(text + "\n")

    def _fail(self, target: str, error: OSError, remedy: str = "") -> None:
        self._has_failed |= not isinstance(error, TimeoutError)  # which only meets a run at its end
        self._talk(f"servetui: cannot write {target}: {error.strerror}{remedy}")

    # --- commands -------------------------------------------------------------------------------

    def _obey(self, wait_s: float) -> None:
        """Do what stdin says; sleep for `wait_s` when it says nothing."""
        if self._stdin is None or _is_in_background(self._stdin):
            time.sleep(wait_s)
            return
        for line in self._lines(self._stdin, wait_s):
            self._command(line.decode("utf-8", "replace").split())

    def _lines(self, stdin: int, wait_s: float) -> list[bytes]:
        try:
            if not select.select([stdin], [], [], wait_s)[0]:
                return []
            data = os.read(stdin, 65536)
        except OSError:  # nohup leaves it write-only; a terminal has hung up
            if _is_in_background(stdin):  # since a moment ago
                return []
            data = b""
        if not data:
            self._stdin = None  # the script is done; the server goes on
        *lines, self._unread = (self._unread + data).split(b"\n")
        return lines

    def _command(self, words: list[str]) -> None:
        commands: dict[str, Callable[[], None]] = {
            "short": lambda: self.run.set_mode(short=True),
            "keep-alive": lambda: self.run.set_mode(short=False),
            "snapshot": self._print_snapshot,
        }
        if len(words) == 2 and words[0] == "model":
            self._switch(words[1])
        elif len(words) == 1 and words[0] in commands:
            commands[words[0]]()
        elif words:
            known = ", ".join(["model NAME", *commands])
            self._talk(f"no such command: {' '.join(words)[:80]!r}; there are {known}")

    def _switch(self, model: str) -> None:
        """Let a model take over, unless it runs already."""
        status = self.run.status()
        if model not in MODELS:
            self._talk(f"no model {model[:80]!r}; there are {', '.join(MODELS)}")
        elif model != status.model or status.phase == "dead":
            self.run.switch(model)

    def _print_snapshot(self) -> None:
        self._take(self.run.poll(at_once=True))
        snapshot = self.run.snapshot(0, SNAPSHOT_ROWS)
        answer = snapshot_of(
            self.run.status(),
            snapshot,
            self.run.numbers(0.0),
            self.run.kernel(0.0),
            self.run.settings.trace,
            self.run.findings(0.0),
        )
        self._note_look()
        self._print(json.dumps(answer))

    def _end(self, *_: object) -> None:
        """End the loop. Also the handler of signals."""
        self._ends_s = min(self._ends_s, time.monotonic())

    def _give_up_at_s(self) -> float:
        return self._ends_s + PATIENCE_S


def _is_in_background(stdin: int) -> bool:
    """Whether it is a terminal whose keys are for another job: reading it would stop this one."""
    try:
        return os.tcgetpgrp(stdin) != os.getpgrp()
    except OSError:  # no terminal, or not ours
        return False
