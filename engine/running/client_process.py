"""The load process, or one that compares, as its parent sees it: start it, read its reports, end it.

Belongs to the terminal's main thread, like engine_process.py. Nothing here waits but kill().
"""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from typing import Generic, TypeVar

Told = TypeVar("Told")
"""What a line of its stdout says."""


class ClientProcess(Generic[Told]):
    """Load under way, or the last report of it."""

    def __init__(
        self, settings: str, parse: Callable[[str], Told], module: str = "engine.load"
    ) -> None:
        """Start it with a line of settings; `parse` reads a line of its reports. Raises OSError."""
        self.report: Told | None = None
        """The last one."""
        self.last_words = ""
        """Its last line on stderr, once it has ended."""
        self._parse = parse
        self._unread = b""
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", module, settings],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            process_group=0,
        )
        assert self._process.stdout is not None
        os.set_blocking(self._process.stdout.fileno(), False)

    @property
    def is_running(self) -> bool:
        """Whether it goes on."""
        return self._process.returncode is None

    def advance(self) -> None:
        """Take in what it reported since the last call."""
        if not self.is_running:
            return
        has_ended = self._process.poll() is not None
        self._read_reports()
        if has_ended:
            self._close()

    def stop(self) -> None:
        """Ask it to end with what it has done; the last report follows."""
        if self.is_running:
            self._process.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """End it now; what it had done stays on record."""
        if self.is_running:
            self._process.kill()
            self._process.wait()
            self._close()

    def _read_reports(self) -> None:
        assert self._process.stdout is not None
        try:
            while data := os.read(self._process.stdout.fileno(), 65536):
                self._unread += data
        except OSError:
            pass  # nothing more for now
        *lines, self._unread = self._unread.split(b"\n")
        if lines:
            self.report = self._parse(lines[-1].decode())

    def _close(self) -> None:
        assert self._process.stdout is not None
        assert self._process.stderr is not None
        words = self._process.stderr.read().decode("utf-8", "replace").strip().splitlines()
        self.last_words = words[-1] if words else "the client ended without a result"
        self._process.stdout.close()
        self._process.stderr.close()
