"""Drives the dashboard as a user does: a real terminal (tmux), a shell in it, keys, and eyes.

Each terminal has a tmux server of its own, which no other tmux on the machine sees. The shell is a
plain one without line editing, which leaves the terminal's modes as a program that ended left them.
"""

import contextlib
import os
import re
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

import psutil

from tests.serve_driver import family, is_running
from tests.support import ROOT, wait_until

COMMAND = (sys.executable, "-m", "tui")
SWITCH_S = 20  # a model that serves few at a time waits for a client that is idle
START_S = 20  # deadline until the first frame; it takes 0.7 s on an idle machine
SEEN_S = 10  # deadline until the screen shows what a key has done
FIRST_LINE = re.compile(r"servetui  (\S+)  (http://\S+:(\d+))  (keep-alive|short)(?=  |$)")
ENTER_ALTERNATE_SCREEN = b"\x1b[?1049h"
NOT_INHERITED = ("TMUX", "TMUX_PANE", "COLORFGBG", "SSH_CONNECTION", "SSH_TTY", "TERM")


class Terminal:
    """A terminal with a shell in it, ended with all that runs there when the context is left."""

    def __init__(self, columns: int = 120, rows: int = 40) -> None:
        self._home = tempfile.TemporaryDirectory(prefix="servetui-tmux-")
        self.folder = Path(self._home.name)
        self._asked = 0
        self._seen: list[psutil.Process] = []
        # tmux is nobody's child: this one hears when we are gone, however that came, and ends it.
        self._heir = subprocess.Popen(
            ["sh", "-c", 'cat; tmux -S "$0" kill-server', str(self.folder / "socket")],
            stdin=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        try:
            self._open(columns, rows)
        except BaseException:  # also a time-out of the test: no terminal may be left behind
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if error is not None:
            self._tell_the_screen(error)
        self.close()

    # --- eyes ------------------------------------------------------------------------------------

    def screen(self) -> list[str]:
        """The lines as they are seen, without the blanks at their ends."""
        return self.tmux("capture-pane", "-p").split("\n")[:-1]

    def styled_screen(self) -> str:
        """The same with the escape codes of its colours."""
        return self.tmux("capture-pane", "-pe")

    def has_wrapped_lines(self) -> bool:
        """Whether a line was too long, so that its end stands in the next one."""
        return len(self.tmux("capture-pane", "-pJ").split("\n")[:-1]) < len(self.screen())

    def written(self) -> bytes:
        """Every byte that the terminal was sent so far, escape codes and all."""
        return (self.folder / "written").read_bytes()

    def told(self, name: str) -> str:
        """What tmux knows of it: `alternate_on`, `cursor_flag`, `pane_title` and so on."""
        return self.tmux("display-message", "-p", f"#{{{name}}}").rstrip("\n")

    def is_shell_screen(self) -> bool:
        """The alternate screen has been left and the cursor is seen."""
        return (self.told("alternate_on"), self.told("cursor_flag")) == ("0", "1")

    def wait_for(self, text: str, deadline_s: float = SEEN_S) -> list[str]:
        """Wait until a line of the screen holds `text`; the screen."""
        return self.wait_until(lambda lines: any(text in line for line in lines), text, deadline_s)

    def wait_until(
        self, is_right: Callable[[list[str]], object], what: str, deadline_s: float = SEEN_S
    ) -> list[str]:
        """Wait until the screen is as it should be; the screen."""

        def right_screen() -> list[str]:
            lines = self.screen()
            return lines if is_right(lines) else []

        return wait_until(right_screen, deadline_s, what)

    # --- hands -----------------------------------------------------------------------------------

    def press(self, *keys: str) -> None:
        """Keys by tmux's names (`Enter`, `C-c`, `Down`), or the character itself."""
        self.tmux("send-keys", *keys)

    def enter(self, line: str) -> None:
        """Give the shell a line."""
        self.tmux("send-keys", "-l", line)
        self.press("Enter")

    def ask(self, command: str) -> str:
        """Let the shell run a command; what it prints. `$?` is the exit code of the one before."""
        self._asked += 1
        answer = self.folder / f"answer{self._asked}"
        self.enter(f"{{ {command}; }} >answer 2>&1; mv answer {answer.name}")
        wait_until(answer.exists, SEEN_S, f"the shell's answer to {command}")
        return answer.read_text()

    def modes(self) -> str:
        """The terminal's modes: echo, line editing, signals by keys."""
        return self.ask("stty -a")

    def resize(self, columns: int, rows: int) -> None:
        """Another size, as if its window were dragged."""
        self.tmux("resize-window", "-x", str(columns), "-y", str(rows))

    def hang_up(self) -> None:
        """Close the window."""
        self.tmux("kill-session")

    @contextlib.contextmanager
    def stalled(self) -> Iterator[None]:
        """It takes no output meanwhile, as an ssh connection that hangs; nor can it be asked."""
        server = psutil.Process(int(self.told("pid")))
        server.suspend()
        try:
            yield
        finally:
            server.resume()

    def close(self) -> None:
        """End all that runs in it, whatever state it is in."""
        if self._seen:
            shell = self._seen[0].pid
            self._seen += family(shell)
        with contextlib.suppress(subprocess.CalledProcessError):
            self.tmux("kill-server")
        self._heir.communicate()
        for process in self._seen:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        wait_until(lambda: not any(map(is_running, self._seen)), what="all ended")
        self._home.cleanup()

    def tmux(self, *words: str) -> str:
        """Run a command of tmux; what it prints. CalledProcessError: the terminal is closed."""
        return subprocess.run(
            ["tmux", "-u", "-S", str(self.folder / "socket"), "-f", "/dev/null", *words],
            cwd=self.folder,
            env=self._environment(),
            check=True,
            capture_output=True,
            text=True,
        ).stdout

    def _open(self, columns: int, rows: int) -> None:
        self.tmux("new-session", "-d", "-x", str(columns), "-y", str(rows), "sh", "-i")
        self._seen = [psutil.Process(int(self.told("pane_pid")))]
        self.tmux("pipe-pane", "-O", "cat >written")
        self.modes_before = self.modes()  # and so the shell is there, and the pipe may be
        wait_until((self.folder / "written").exists, what="the pipe")

    def _tell_the_screen(self, error: BaseException) -> None:
        with contextlib.suppress(subprocess.CalledProcessError):
            shown = [line for line in self.screen() if line]
            error.add_note("\n".join(["the screen at the end:", *shown]))

    def _environment(self) -> dict[str, str]:
        kept = {name: text for name, text in os.environ.items() if name not in NOT_INHERITED}
        return kept | {
            "TERM": "xterm",  # tmux gives the shell another one
            "ENV": "",
            "HISTFILE": "/dev/null",
            "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", str(ROOT))]),
        }


class Dashboard(Terminal):
    """A terminal in which `servetui -m MODEL -p 0 OPTIONS` runs and has drawn its first frame."""

    def __init__(self, model: str, columns: int = 120, rows: int = 40, *options: str) -> None:
        super().__init__(columns, rows)
        self.pid = 0
        try:
            self._start(["-m", model, "-p", "0", *options])
        except BaseException as error:  # as above
            self._tell_the_screen(error)
            self.close()
            raise

    def _start(self, words: Sequence[str]) -> None:
        self.enter(shlex.join([*COMMAND, *words]))
        (self.process,) = wait_until(self._find, START_S, "the dashboard's process")
        self.pid = self.process.pid
        self._seen.append(self.process)
        self.wait_until(self._has_started, "its first line", START_S)
        self.port = wait_until(self._find_port, what="its port")

    # --- eyes ------------------------------------------------------------------------------------

    @property
    def model(self) -> str:
        return self._first_line()[1]

    @property
    def mode(self) -> str:
        return self._first_line()[4]

    def wait_for_model(self, model: str) -> None:
        """Wait until it serves with this model."""
        self.wait_until(
            lambda lines: self._serves(lines[0], model), f"serving as {model}", SWITCH_S
        )

    def wait_for_mode(self, mode: str) -> None:
        self.wait_until(lambda _: self.mode == mode, mode)

    def children(self) -> list[psutil.Process]:
        """One engine, two while they change over, and a burst's client."""
        return self.process.children()

    def engine(self) -> psutil.Process:
        """The only one, once no other is left."""
        (engine,) = wait_until(self._only_child, SEEN_S, "one engine alone")
        return engine

    def everything(self) -> list[psutil.Process]:
        """The dashboard, and all that it has started."""
        processes = [self.process, *family(self.pid)]
        self._seen += processes
        return processes

    def exit_code(self) -> int:
        """As the shell has it, once it has ended."""
        wait_until(lambda: not is_running(self.process), what="its end")
        return int(self.ask("echo $?"))

    def _first_line(self) -> re.Match[str]:
        line = self.screen()[0]
        match = FIRST_LINE.match(line)
        assert match, line
        return match

    def _serves(self, line: str, model: str) -> bool:
        match = FIRST_LINE.match(line)
        rest = line[match.end() :] if match else ""
        is_under_way = re.match(r"  (starting|switching|dead)", rest)
        return match is not None and match[1] == model and not is_under_way

    def _find(self) -> list[psutil.Process]:
        """The shell's child, once it is Python that runs the dashboard."""
        with contextlib.suppress(psutil.NoSuchProcess):
            children = self._seen[0].children()
            return [one for one in children if one.cmdline()[1:3] == list(COMMAND[1:])]
        return []

    def _only_child(self) -> list[psutil.Process]:
        children = self.children()
        return children if len(children) == 1 else []

    def _has_started(self, lines: list[str]) -> bool:
        assert is_running(self.process), "it ended before it drew anything"
        return lines[0].startswith("servetui")

    def _find_port(self) -> int:
        """From the system: a narrow screen does not show it."""
        sockets = self.process.net_connections("tcp")
        listening = [one.laddr.port for one in sockets if one.status == psutil.CONN_LISTEN]
        return int(listening[0]) if listening else 0
