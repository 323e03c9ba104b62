"""However the dashboard ends, the terminal is restored and the engine is gone."""

import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import sys
import termios
from collections.abc import Iterator

import psutil
import pytest

from engine import terminal_gone
from tests.support import ROOT, wait_until

ALTERNATE_SCREEN_ON, ALTERNATE_SCREEN_OFF = b"\x1b[?1049h", b"\x1b[?1049l"
CURSOR_ON = b"\x1b[?25h"


class Terminal:
    """A dashboard in a pseudo-terminal; it is not told of a hang-up by a signal, as under nohup."""

    def __init__(self) -> None:
        self.master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
        self.before = termios.tcgetattr(slave)
        self.slave = slave
        self.shown = b""
        self.child = subprocess.Popen(
            [sys.executable, "-m", "tui", "-m", "epoll", "-p", "0"],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT), "TERM": "xterm-256color"},
            start_new_session=True,
        )
        wait_until(lambda: "events/s" in self.text() and "curl" in self.text(), 10, "first frame")
        self.engines = psutil.Process(self.child.pid).children(recursive=True)

    def text(self) -> str:
        """All that was painted so far."""
        while self.master >= 0 and select.select([self.master], [], [], 0)[0]:
            try:
                data = os.read(self.master, 65_536)
            except OSError:
                break
            self.shown += data
        return self.shown.decode("utf-8", "replace")

    def has_ended(self) -> bool:
        """The dashboard and all that it started."""
        self.text()
        return self.child.poll() is not None and not any(
            map(psutil.Process.is_running, self.engines)
        )

    def close(self) -> None:
        """The window is closed."""
        for name in ("slave", "master"):
            if getattr(self, name) >= 0:
                os.close(getattr(self, name))
                setattr(self, name, -1)


@pytest.fixture
def terminal() -> Iterator[Terminal]:
    terminal = Terminal()
    yield terminal
    terminal.child.kill()
    terminal.child.wait()
    terminal.close()


def expect_restored(terminal: Terminal) -> None:
    tail = terminal.shown.rpartition(ALTERNATE_SCREEN_ON)[2]
    assert ALTERNATE_SCREEN_OFF in tail
    assert CURSOR_ON in tail.rpartition(ALTERNATE_SCREEN_OFF)[2]
    assert b"Traceback" not in terminal.shown
    assert termios.tcgetattr(terminal.slave)[:4] == terminal.before[:4]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_a_signal_restores_the_terminal(terminal: Terminal, number: signal.Signals) -> None:
    terminal.child.send_signal(number)
    wait_until(terminal.has_ended, 3, "the end")
    assert terminal.child.returncode == 128 + number
    expect_restored(terminal)


def test_q_restores_the_terminal(terminal: Terminal) -> None:
    os.write(terminal.master, b"q")
    wait_until(terminal.has_ended, 3, "the end")
    assert terminal.child.returncode == 0
    expect_restored(terminal)


def test_a_terminal_that_goes_away_ends_the_dashboard(terminal: Terminal) -> None:
    terminal.close()
    wait_until(lambda: terminal.child.poll() is not None, 2, "the end")
    wait_until(terminal.has_ended, 2, "the end of the engine")
    assert terminal.child.returncode == 128 + signal.SIGHUP


def test_ctrl_z_gives_the_terminal_back_and_fg_repaints_all(terminal: Terminal) -> None:
    process = psutil.Process(terminal.child.pid)
    os.write(terminal.master, b"\x1a")
    wait_until(lambda: process.status() == psutil.STATUS_STOPPED, 3, "the stop")
    terminal.text()
    expect_restored(terminal)
    seen = len(terminal.shown)
    process.send_signal(signal.SIGCONT)
    wait_until(lambda: terminal.text() and b"quit" in terminal.shown[seen:], 3, "the whole screen")
    for words in (ALTERNATE_SCREEN_ON, b"servetui", b"requests/s", b"EVENTS"):
        assert words in terminal.shown[seen:]


def test_an_engine_that_is_killed_is_said_and_comes_back(terminal: Terminal) -> None:
    terminal.engines[0].kill()
    wait_until(lambda: "The server is dead" in terminal.text(), 5, "the banner")
    seen = len(terminal.shown)
    os.write(terminal.master, b"R")
    wait_until(lambda: terminal.text() and b"curl" in terminal.shown[seen:], 5, "the restart")


def test_a_terminal_is_gone_when_its_other_end_is_closed() -> None:
    master, slave = pty.openpty()
    assert not terminal_gone.is_gone(slave)
    os.write(master, b"typed, and not read yet")
    assert not terminal_gone.is_gone(slave)
    os.close(master)
    assert terminal_gone.is_gone(slave)
    terminal_gone.replace_by_null(slave)
    assert not terminal_gone.is_gone(slave)
    assert os.write(slave, b"nobody reads this") == 17
    os.close(slave)
    assert terminal_gone.is_gone(slave)
