"""One engine process as its parent sees it: start it, talk to it, drain it, end it.

Belongs to the terminal's main thread: an engine is killed by the kernel when the thread that started
it ends. Nothing here waits.
"""

import contextlib
import os
import signal
import socket
import subprocess
import sys
from collections import deque
from dataclasses import asdict
from enum import Enum

from engine.__main__ import EngineSettings
from engine.event_queue.reader import Reader
from engine.event_queue.shared_memory import SharedMemory
from engine.labs import server_of
from engine.models import MODELS
from engine.running.run_settings import RunSettings
from engine.running.said import Said
from engine.serving.service import Settings

LAST_WORDS = 20  # lines of an engine's stderr that are kept

# -P: a user's own engine.py in the current folder must not be run instead of ours.
ENGINE: tuple[str, ...] = ("-P", "-m", "engine")


class Phase(Enum):
    """How far an engine has come. It only ever moves down this list."""

    STARTING = "starting"
    READY = "ready"
    SERVING = "serving"
    LEAVING = "leaving"  # told to leave accept, has not yet said that it did
    DRAINING = "draining"  # never accepts again, answers the connections it has
    ENDED = "ended"


class EngineProcess:
    """A running engine, its memory and what it said."""

    def __init__(
        self, model: str, settings: RunSettings, listener: socket.socket, said: Said
    ) -> None:
        """`model` may be another than that of the settings. What it writes is added to `said`, beside
        what others do."""
        self._said = said
        self.model = model
        self.phase = Phase.STARTING
        self.memory = SharedMemory.create()
        self.settings = Settings(self.memory.words)
        self.reader = Reader(self.memory)
        self.words: deque[str] = deque(maxlen=LAST_WORDS)
        self.left_at_s = 0.0
        self.refusal = ""
        """Why it cannot run what it was asked for, and so has ended."""
        self._unread = b""
        self._unread_words = b""
        self._control, theirs = socket.socketpair()
        self._steps_fd, self._step_fd = os.pipe()  # the engine reads from the first one
        os.set_blocking(self._steps_fd, False)
        told = self._told(settings, listener, theirs)
        self._process = subprocess.Popen(
            [sys.executable, *ENGINE, told.to_json()],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            pass_fds=(told.listener_fd, told.memory_fd, told.control_fd, told.steps_fd),
            process_group=0,  # so that it and its children can be ended together
        )
        theirs.close()
        self._control.setblocking(False)
        assert self._process.stdout is not None
        os.set_blocking(self._process.stdout.fileno(), False)
        self.pid = self._process.pid

    def _told(
        self, settings: RunSettings, listener: socket.socket, control: socket.socket
    ) -> EngineSettings:
        host, port = listener.getsockname()[:2]
        return EngineSettings(
            model=self.model,
            module=server_of(self.model) or MODELS[self.model],
            root=str(settings.root),
            app=settings.app,
            host=host,
            port=port,
            parent_pid=os.getpid(),
            listener_fd=listener.fileno(),
            memory_fd=self.memory.fd,
            control_fd=control.fileno(),
            steps_fd=self._steps_fd,
            trace=settings.trace,
            limits=asdict(settings.limits),
            pool=asdict(settings.pool),
            serve_options=settings.serve_options,
        )

    @property
    def exit_code(self) -> int | None:
        """None while it runs; negative: the signal that ended it."""
        return self._process.returncode

    def advance(self) -> None:
        """Take in what it said since the last call."""
        self._listen()
        self._read_words()
        if self.phase is not Phase.ENDED and self._process.poll() is not None:
            self._listen()
            self._read_words()
            self.phase = Phase.ENDED

    def go(self) -> None:
        """Hand it the listener."""
        self._tell(b"go\n")
        self.phase = Phase.SERVING

    def leave(self, now_s: float) -> None:
        """Tell it to leave accept and to drain."""
        if self.phase in (Phase.STARTING, Phase.READY):
            self.kill()
            return
        self.settings.leave()
        self.phase = Phase.LEAVING
        self.left_at_s = now_s

    def hold(self, *, is_stepping: bool) -> None:
        """Let it wait for steps, or no longer."""
        self._take_back_steps()
        self.settings.set_stepping(stepping=is_stepping)

    def step(self) -> None:
        """Let one of those who wait go on, or the one that comes next."""
        self._take_back_steps()  # steps that nobody wanted do not add up
        os.write(self._step_fd, b".")

    def _take_back_steps(self) -> None:
        with contextlib.suppress(BlockingIOError):
            os.read(self._steps_fd, 64)

    def kill(self) -> None:
        """End it and its children now."""
        try:
            os.killpg(self.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass  # nothing of it is left
        self._process.wait()
        self.advance()

    def close(self) -> None:
        """Give up what this process holds of an engine that has ended."""
        self._control.close()
        os.close(self._steps_fd)
        os.close(self._step_fd)
        assert self._process.stdout is not None
        self._process.stdout.close()
        self.memory.close()

    def _tell(self, message: bytes) -> None:
        try:
            self._control.sendall(message)
        except OSError:
            pass  # it has just ended, as advance() will find

    def _listen(self) -> None:
        try:
            while data := self._control.recv(256):
                self._unread += data
        except OSError:
            pass  # nothing more for now
        *lines, self._unread = self._unread.split(b"\n")
        for line in lines:
            if line == b"ready" and self.phase is Phase.STARTING:
                self.phase = Phase.READY
            elif line.startswith(b"cannot "):
                self.refusal = line.removeprefix(b"cannot ").decode()
            elif line == b"left" and self.phase is Phase.LEAVING:
                self.phase = Phase.DRAINING

    def _read_words(self) -> None:
        assert self._process.stdout is not None
        try:
            while data := os.read(self._process.stdout.fileno(), 65536):
                self._unread_words += data
        except OSError:
            pass  # nothing more for now
        *lines, self._unread_words = self._unread_words.split(b"\n")
        for line in lines:
            if line.strip():
                word = line.decode("utf-8", "replace")
                self.words.append(word)
                self._said.add(word)
