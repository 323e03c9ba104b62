"""Drives `servetui serve` as a user's script would: options, lines on stdin, JSON lines on stdout.

Two threads of the driver read stdout and stderr, so that the server never waits for its reader.
"""

import contextlib
import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterable, Iterator, Sequence
from types import TracebackType
from typing import IO, Any, Self

import psutil

from engine.events import QUEUE, QUEUED
from tests.plain_client import Client
from tests.support import ROOT, wait_until

COMMAND = (sys.executable, "-m", "tui", "serve")
EPOLL = (*COMMAND, "-m", "epoll", "-p", "0")
WAIT_FOR_A_TURN = {"iterative", "prefork", "prefork-epoll", "reuseport"}
"""Models that accept no more connections than they serve: who comes too late waits in the accept queue."""
FEW_AT_A_TIME = {"iterative", "prefork"}
"""Of those, the ones that serve no more than one client in each process: idle ones hold the others up."""
WORKERS = {"prefork": 8, "prefork-epoll": 8, "reuseport": 8}
"""Processes that a model has as long as it serves, beside its first one."""
SNAPSHOT_S = 30  # deadline of an answer, or a switch: less than a second on an idle machine
START_S = 60  # deadline until it listens: 0.3 s on an idle machine, 20 s were seen on a crowded one

Json = dict[str, Any]


class Serve:
    """A running `serve -m MODEL -p 0 --json OPTIONS`, ended when the context is left."""

    def __init__(
        self, model: str, *options: str, under: Sequence[str] = (), execs: bool = False
    ) -> None:
        """`under` is a command that runs it: as its child (strace), or in its own place (`execs`,
        as nohup does). AssertionError: it never listened."""
        self.model = model
        self.errors: list[str] = []
        self.summary: Json = {}
        self._printed: list[tuple[str, Json]] = []
        self._handled = 0
        self._events: list[Json] = []
        self._snapshots: list[Json] = []
        self._process = subprocess.Popen(
            [*under, *COMMAND, "-m", model, "-p", "0", "--json", *options],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        assert self._process.stdout is not None
        assert self._process.stderr is not None
        self._readers = [
            threading.Thread(target=self._read_data, args=(self._process.stdout,)),
            threading.Thread(target=self._read_talk, args=(self._process.stderr,)),
        ]
        for reader in self._readers:
            reader.start()
        try:
            wait_until(self._is_listening, START_S, "listening")
        except BaseException:  # also a time-out of the test: no server may be left behind
            self.close()
            raise
        pid = self._process.pid
        self.pid = _served_by(pid) if under and not execs else pid

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    # --- what it says ----------------------------------------------------------------------------

    @property
    def url(self) -> str:
        """`http://127.0.0.1:PORT`, from its own words."""
        (said,) = [line for line in list(self.errors) if line.startswith("listening on ")]
        return said.removeprefix("listening on ")

    @property
    def port(self) -> int:
        return int(self.url.rpartition(":")[2])

    @property
    def events(self) -> list[Json]:
        """What `--events -` has printed so far."""
        self._sort_out()
        return self._events

    @property
    def stdout(self) -> list[str]:
        """All lines so far, as they were printed."""
        return [line for line, _ in list(self._printed)]

    @property
    def exit_code(self) -> int | None:
        """None while it runs."""
        return self._process.poll()

    def story(self, client: Client) -> list[Json]:
        """The events of this client's connection, in order of time, once it has been closed."""
        return wait_until(lambda: self._closed_story(client.name), what="the connection's close")

    def how_ended(self, client: Client) -> str:
        """The note of the connection's close: who closed first, and why."""
        (note,) = [one["note"] for one in self.story(client) if one["kind"] == "close"]
        return str(note)

    def story_so_far(self, client: Client) -> list[Json]:
        """The events of this client's connection until now; its accept is waited for."""
        return wait_until(lambda: self._story(client.name), what="the connection's accept")

    # --- what it is told ------------------------------------------------------------------------

    def command(self, line: str) -> None:
        """Give it a command; a `snapshot` after it shows it carried out."""
        assert self._process.stdin is not None
        self._process.stdin.write(line.encode() + b"\n")
        self._process.stdin.flush()

    def end_of_commands(self) -> None:
        """Close its stdin, as a script that has ended does."""
        assert self._process.stdin is not None
        self._process.stdin.close()

    def snapshot(self) -> Json:
        """Ask for a snapshot, and wait for it."""
        self._sort_out()
        before = len(self._snapshots)
        self.command("snapshot")
        wait_until(lambda: self._has_snapshot(before), SNAPSHOT_S, "a snapshot")
        return self._snapshots[before]

    def switch(self, model: str) -> None:
        """Change the model, and wait until the new engine serves."""
        self.command(f"model {model}")
        self.wait_for_model(model)

    def wait_for_model(self, model: str) -> None:
        """Wait until an engine with `model` serves."""

        def serves() -> bool:
            shot = self.snapshot()
            return bool(shot["phase"] == "serving" and shot["model"] == model)

        wait_until(serves, SNAPSHOT_S, f"serving as {model}")

    def stop(self) -> Json:
        """SIGTERM; the summary."""
        psutil.Process(self.pid).terminate()
        return self.wait()

    def wait(self, deadline_s: float = 10) -> Json:
        """Wait until it has ended by itself; the summary, {} when there is none."""
        self._process.wait(deadline_s)
        for reader in self._readers:
            reader.join(deadline_s)
        self._sort_out()
        return self.summary

    def close(self) -> None:
        """End all that was started, whatever state it is in."""
        if self._process.poll() is None:
            for process in [*family(self._process.pid), psutil.Process(self._process.pid)]:
                with contextlib.suppress(psutil.NoSuchProcess):
                    process.kill()
        self._process.wait()
        for reader in self._readers:
            reader.join()
        for stream in (self._process.stdin, self._process.stdout, self._process.stderr):
            assert stream is not None
            with contextlib.suppress(BrokenPipeError):
                stream.close()

    # --- its output -----------------------------------------------------------------------------

    def _read_data(self, stream: IO[bytes]) -> None:
        for line in stream:
            if line.endswith(b"\n"):  # else it was killed while it wrote
                self._printed.append((line.decode(), json.loads(line)))

    def _read_talk(self, stream: IO[bytes]) -> None:
        for line in stream:
            self.errors.append(line.decode().rstrip("\n"))

    def _is_listening(self) -> bool:
        if self._process.poll() is not None:
            raise AssertionError(f"it ended before it listened: {self.errors}")
        return any(line.startswith("listening on ") for line in list(self.errors))

    def _has_snapshot(self, before: int) -> bool:
        self._sort_out()
        if len(self._snapshots) <= before and self._process.poll() is not None:
            raise AssertionError(f"it has ended: {self.errors}")
        return len(self._snapshots) > before

    def _sort_out(self) -> None:
        """Take what was printed since the last call to where it belongs."""
        while self._handled < len(self._printed):
            _, data = self._printed[self._handled]
            self._handled += 1
            if "seq" in data:
                self._events.append(data)
            elif data.get("kind") == "snapshot":
                self._snapshots.append(data)
            else:
                self.summary = data

    def _story(self, name: str) -> list[Json]:
        events = self.events
        conns = [one["conn"] for one in events if one["kind"] == "accept" and one["note"] == name]
        told = [one for one in events if conns and one["conn"] == conns[-1]]
        # On a busy machine it may have had to wait for accept(), and that is told, too.
        told = [one for one in told if not one["note"].startswith((QUEUE, QUEUED))]
        return sorted(told, key=lambda one: int(one["at_ns"]))

    def _closed_story(self, name: str) -> list[Json]:
        story = self._story(name)
        return story if "close" in kinds(story) else []


def kinds(events: Iterable[Json]) -> list[str]:
    """The kind of each event."""
    return [event["kind"] for event in events]


def family(pid: int) -> list[psutil.Process]:
    """The processes that `pid` started, and those that they started."""
    try:
        return psutil.Process(pid).children(recursive=True)
    except psutil.NoSuchProcess:
        return []


def is_running(process: psutil.Process) -> bool:
    """Whether it is there and no zombie."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def are_gone(processes: Iterable[psutil.Process]) -> bool:
    """Whether none of them runs any more."""
    return not any(map(is_running, processes))


def is_port_free(port: int) -> bool:
    """Whether somebody else could listen there now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
            probe.listen()
        except OSError:
            return False
    return True


def _served_by(tracer: int) -> int:
    """The process that a tracer runs."""
    (child,) = psutil.Process(tracer).children()
    return int(child.pid)


@contextlib.contextmanager
def descriptors_kept(pid: int) -> Iterator[None]:
    """The process has as many descriptors at the end as at the beginning, within a deadline."""
    before = len(os.listdir(f"/proc/{pid}/fd"))
    yield
    wait_until(lambda: len(os.listdir(f"/proc/{pid}/fd")) == before, 5, f"{before} descriptors")
