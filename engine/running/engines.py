"""The engines of a run: which one has the listener, which one comes next, which still drain.

A model takes over from another without a gap: the port stays open in this process, the next engine
imports what it needs, the one before leaves accept, and only then the next one accepts. Nothing waits.
"""

import math
import socket
import time
from collections.abc import Callable

from engine.events import Kind, Unreported
from engine.listener import stand_alone
from engine.models import MODELS
from engine.running.engine_process import EngineProcess, Phase
from engine.running.run_settings import RunError, RunSettings
from engine.running.said import Said

DRAIN_S = 15.0  # how long an old engine may go on answering its connections
RESTART_S = 1.0  # between two starts of an engine that dies again and again

Tell = Callable[[Kind, str], None]
"""Reports what this process does with an engine."""


class Engines:
    """One, as a rule; two or more while models change."""

    def __init__(self, settings: RunSettings, listener: socket.socket, tell: Tell) -> None:
        """Start the first one. Raises RunError."""
        self.model = settings.model
        """The one that serves, or is meant to."""
        self.short = settings.short
        self.last_words: tuple[str, ...] = ()
        """Why an engine has ended, or could not begin."""
        self.said = Said()
        """What they have written, all of them."""
        self.is_stepping = False
        """They wait for steps (slow_motion.py)."""
        self.tick_s = settings.tick_s
        """Pause after each round of the polling loop."""
        self.restarts = 0
        """How many engines were started since another one had died."""
        self._settings = settings
        self._listener = listener
        self._tell = tell
        self._served_at_s = 0.0
        self._restart_at_s = math.inf
        self._is_restarting = False
        self._unreported_before = Unreported()
        self._refused_before = (0, 0)
        self._serving: EngineProcess | None = None
        self._next: EngineProcess | None = self._start(settings.model)
        self._old: list[EngineProcess] = []

    # --- what keys and commands do -------------------------------------------------------------

    def switch(self, model: str) -> None:
        """Let another model take over. KeyError: no such model."""
        if model not in MODELS:
            raise KeyError(model)
        if self._next is not None:
            self._next.leave(time.monotonic())
            self._old.append(self._next)
        try:
            self._next = self._start(model)
            self.model = model
        except RunError as error:
            self._next = None
            self.last_words = (str(error),)

    def set_mode(self, *, short: bool) -> None:
        """Keep-alive or short connections, from the next request on."""
        self.short = short
        for engine in self.all():
            engine.settings.set_mode(short=short)

    def hold(self, *, is_stepping: bool) -> None:
        """Let them wait for steps, or no longer."""
        self.is_stepping = is_stepping
        for engine in self.all():
            engine.hold(is_stepping=is_stepping)

    def step(self) -> None:
        """Let the one that serves go on by a step."""
        if self._serving is not None and self._serving.phase is Phase.SERVING:
            self._serving.step()

    def set_tick(self, seconds: float) -> None:
        """Set the pause after each round of the polling loop."""
        self.tick_s = seconds
        for engine in self.all():
            engine.settings.set_tick(seconds)

    def leave(self) -> None:
        """Let all of them end in order."""
        for engine in self.all():
            engine.leave(time.monotonic())

    def kill(self) -> None:
        """End all of them now."""
        for engine in self.all():
            engine.kill()

    # --- how they stand --------------------------------------------------------------------------

    def all(self) -> list[EngineProcess]:
        """Those that are not buried."""
        return [engine for engine in (self._serving, self._next) if engine] + self._old

    @property
    def serving(self) -> EngineProcess | None:
        """The one that has the listener, or had it last."""
        return self._serving

    @property
    def serving_pid(self) -> int | None:
        """Its process; None: there is none."""
        return self._serving.pid if self._serving else None

    @property
    def draining(self) -> list[EngineProcess]:
        """Those that answer the connections they still have, and those not yet buried."""
        return self._old

    @property
    def are_changing(self) -> bool:
        """Not just one that serves."""
        return self._next is not None or bool(self._old)

    @property
    def phase(self) -> str:
        """`serving`, `starting`, `dead` or `switching to MODEL`."""
        if self._next is not None:
            return f"switching to {self._next.model}" if self._serving else "starting"
        is_serving = self._serving is not None and self._serving.phase is Phase.SERVING
        return "serving" if is_serving else "dead"

    def unreported(self) -> Unreported:
        """What all of them together counted without reporting it, so far."""
        total = self._unreported_before
        for engine in self.all():
            total += engine.reader.unreported()
        return total

    def refused(self) -> tuple[int, int]:
        """Clients that were answered 503: at the cap, and for lack of processes or threads."""
        total = self._refused_before
        for engine in self.all():
            total = _added(total, engine.settings.refused)
        return total

    # --- the beat --------------------------------------------------------------------------------

    def advance(self, now_s: float) -> bool:
        """A step; whether another model has the listener now."""
        for engine in self.all():
            engine.advance()
        self._look_after(now_s)
        self._restart_if_due(now_s)
        return self._hand_over(now_s)

    def bury(self, engine: EngineProcess) -> None:
        """One has ended, and all that it reported was taken: keep its counts, free its memory."""
        self._old.remove(engine)
        self._unreported_before += engine.reader.unreported()
        self._refused_before = _added(self._refused_before, engine.settings.refused)
        self._tell(Kind.EXIT, f"process {engine.pid} {_ending(engine)}")
        engine.close()

    def _start(self, model: str) -> EngineProcess:
        settings = self._settings
        try:
            engine = EngineProcess(model, settings, self._listener, self.said)
        except OSError as error:
            raise RunError(f"cannot start the engine: {error.strerror or error}") from error
        engine.settings.set_mode(short=self.short)
        engine.settings.set_tick(self.tick_s)
        engine.hold(is_stepping=self.is_stepping)
        self._tell(Kind.SPAWN, f"process {engine.pid} engine {model}")
        return engine

    def _hand_over(self, now_s: float) -> bool:
        """The next engine gets the listener when the one before it has left accept."""
        upcoming = self._next
        if upcoming is None or upcoming.phase is not Phase.READY:
            return False
        if self._serving is not None and self._serving.phase is Phase.SERVING:
            self._serving.leave(now_s)
        if self._serving is not None and self._serving.phase is Phase.DRAINING:
            self._old.append(self._serving)
            self._serving = None
        if self._serving is not None:
            return False
        stand_alone(self._listener)  # as a killed engine could not leave it
        upcoming.go()
        self._serving, self._next = upcoming, None
        self._served_at_s = now_s
        if not self._is_restarting:  # else it is still to be read why
            self.last_words = ()
        self._is_restarting = False
        return True

    def _look_after(self, now_s: float) -> None:
        """End engines that take too long to leave; take note of those that have ended."""
        for engine in self.all():
            if engine.left_at_s and now_s - engine.left_at_s > DRAIN_S:
                engine.kill()
        if self._next is not None and self._next.phase is Phase.ENDED:
            failed, self._next = self._next, None
            self._mourn(failed)
            self._old.append(failed)
            self._go_back(failed)
            if self._is_restarting:
                self._restart_at_s = now_s + RESTART_S
        if self._serving is not None and self._serving.phase is Phase.ENDED:
            if not self._serving.left_at_s:
                self._mourn(self._serving)
                self._restart_at_s = max(now_s, self._served_at_s + RESTART_S)
            self._old.append(self._serving)
            self._serving = None

    def _restart_if_due(self, now_s: float) -> None:
        if now_s < self._restart_at_s:
            return
        self._restart_at_s = math.inf
        if not self._settings.restart or self.phase != "dead":
            return
        words = self.last_words
        self.switch(self.model)
        if self._next is None:  # not even a process could be had
            self._restart_at_s = now_s + RESTART_S
            return
        self._is_restarting = True
        self.restarts += 1
        self.last_words = words

    def _mourn(self, engine: EngineProcess) -> None:
        if engine.refusal:
            self.last_words = (engine.refusal,)
            return
        what = f"the engine ({engine.model}, pid {engine.pid}) {_ending(engine)}"
        self.last_words = (what, *engine.words)

    def _go_back(self, failed: EngineProcess) -> None:
        """The next engine has failed: the model before it serves on, anew if it has left already."""
        if self._serving is None:
            return
        self.model = self._serving.model
        if self._serving.phase is not Phase.SERVING and failed.model != self.model:
            self._next = self._start(self.model)


def _added(one: tuple[int, int], other: tuple[int, int]) -> tuple[int, int]:
    return one[0] + other[0], one[1] + other[1]


def _ending(engine: EngineProcess) -> str:
    code = engine.exit_code or 0
    return f"killed by signal {-code}" if code < 0 else f"exit {code}"
