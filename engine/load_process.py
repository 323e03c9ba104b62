"""One burst as its parent sees it: start the load process, read its reports, end it.

Belongs to the terminal's main thread, like engine_process.py. Nothing here waits.
"""

import os
import subprocess
import sys

from engine.load.result import Burst, BurstResult, Progress, parse_line
from engine.snapshot import BurstView


class LoadProcess:
    """A burst under way, or its result."""

    def __init__(self, burst: Burst, model: str, mode: str, number: int = 1) -> None:
        """Start the client. `number`: as in BurstView. Raises OSError."""
        self._number = number
        self._burst = burst
        self._model = model
        self._mode = mode
        self._report: Progress | BurstResult | None = None
        self._failure = ""
        self._unread = b""
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "engine.load", burst.to_json()],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            process_group=0,
        )
        assert self._process.stdout is not None
        os.set_blocking(self._process.stdout.fileno(), False)

    @property
    def is_running(self) -> bool:
        """Whether the burst goes on."""
        return self._process.returncode is None

    def note_change(self, model: str, mode: str) -> None:
        """The server has changed under the burst: its result speaks of both."""
        if self.is_running:
            if not self._model.endswith(model):
                self._model += f">{model}"
            if not self._mode.endswith(mode):
                self._mode += f">{mode}"

    def advance(self) -> None:
        """Take in what it reported since the last call."""
        if not self.is_running:
            return
        has_ended = self._process.poll() is not None
        self._read_reports()
        if has_ended:
            self._close()

    def kill(self) -> None:
        """End it now; what it had done stays on record."""
        if self.is_running:
            self._process.kill()
            self._process.wait()
            self._close()

    def view(self) -> BurstView:
        """Its numbers, frozen."""
        report = self._report
        result = report if isinstance(report, BurstResult) else None
        return BurstView(
            model=self._model,
            mode=self._mode,
            done=report.requests if report else 0,
            total=self._burst.requests,
            is_running=self.is_running,
            connections_opened=report.connections_opened if report else 0,
            requests_per_s=result.requests_per_s if result else 0.0,
            p50_ms=result.p50_ms if result else None,
            p99_ms=result.p99_ms if result else None,
            max_ms=result.max_ms if result else None,
            retried=report.retried if report else 0,
            errors=dict(report.errors) if report else {},
            failure=self._failure,
            latencies=result.latencies if result else (),
            number=self._number,
        )

    def _read_reports(self) -> None:
        assert self._process.stdout is not None
        try:
            while data := os.read(self._process.stdout.fileno(), 65536):
                self._unread += data
        except OSError:
            pass  # nothing more for now
        *lines, self._unread = self._unread.split(b"\n")
        for line in lines:
            self._report = parse_line(line.decode())

    def _close(self) -> None:
        assert self._process.stdout is not None
        assert self._process.stderr is not None
        words = self._process.stderr.read().decode("utf-8", "replace").strip().splitlines()
        if not isinstance(self._report, BurstResult):
            self._failure = words[-1] if words else "the client ended without a result"
        self._process.stdout.close()
        self._process.stderr.close()
