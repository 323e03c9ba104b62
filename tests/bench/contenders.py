"""What is measured side by side: servetui's models, watched and not, and the peers.

A contender starts a fresh server for each measurement, so that nothing is left of the one before.
"""

from __future__ import annotations

import contextlib
import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from engine.handlers.application import AWAITS
from tests.bench import lean_sockets
from tests.bench.peers import PEERS, Peer, Serving, of_page
from tests.bench.processes import (
    READY_WITHIN_S,
    cpu_seconds,
    end,
    own_cpu_seconds,
    running,
    tree,
    wait_for_port,
)
from tests.support import free_port, wait_until

KEEP_ALIVE, SHORT = "keep-alive", "short"
WATCHED, UNTRACED, PEER = "watched", "untraced", "peer"
APP = "app"  # watched, with what the Python peers run (apps.py) instead of files
FLOOR = "floor"  # of floor_sockets.py
LEAN, TELLING = lean_sockets.LEAN, lean_sockets.TELLING  # watched, with those of lean_sockets.py
CLOSE = ("Connection: close",)  # short mode of a peer is the client's word
SERVETUI = (sys.executable, "-m", "tui")
WITH_LEAN_SOCKETS = (sys.executable, "-m", "tests.bench.lean_sockets")  # which kind comes next
_LISTENING = re.compile(rb"listening on (http://\S+)")


@dataclass(slots=True)
class Running:
    """A server that answers now, with the processes whose CPU is counted."""

    url: str
    pid: int
    has_watcher: bool = False  # the root of the tree watches, and its children serve
    summary: dict[str, Any] = field(default_factory=dict)  # filled when the server has ended

    def server_cpu_s(self) -> float:
        """Seconds used so far by what serves."""
        processes = tree(self.pid)
        return cpu_seconds(processes[1:] if self.has_watcher else processes)

    def watcher_cpu_s(self) -> float:
        """Seconds used so far by what watches; 0 for a peer."""
        return own_cpu_seconds(psutil.Process(self.pid)) if self.has_watcher else 0.0


@dataclass(frozen=True, slots=True)
class Contender:
    """One row: `start` is given the folder of the page."""

    name: str
    kind: str  # one of those above
    mode: str  # KEEP_ALIVE or SHORT
    headers: tuple[str, ...]  # that wrk sends
    start: Callable[[Path], AbstractContextManager[Running]]


def of_peer(name: str, mode: str) -> Contender:
    """A peer; in short mode the client asks it to close."""
    headers = CLOSE if mode == SHORT else ()
    return Contender(name, PEER, mode, headers, _peer_start(PEERS[name]))


def _peer_start(peer: Peer) -> Callable[[Path], AbstractContextManager[Running]]:
    @contextlib.contextmanager
    def start(root: Path) -> Iterator[Running]:
        with peer(root) as serving:
            yield _as_running(serving)

    return start


def _as_running(serving: Serving) -> Running:
    return Running(url=serving.url, pid=serving.pid)


def of_floor(model: str, mode: str) -> Contender:
    """A model with sockets that report as little as can be (floor_sockets.py)."""

    @contextlib.contextmanager
    def start(root: Path) -> Iterator[Running]:
        port = free_port()
        words = [sys.executable, "-m", "tests.bench.floor_sockets", "-m", model, "-p", str(port)]
        words += ["--short"] * (mode == SHORT)
        with running([*words, "--root", str(root)]) as child:
            wait_for_port(port, child)
            yield Running(url=f"http://127.0.0.1:{port}/index.html", pid=child.pid)

    return Contender(model, FLOOR, mode, (), start)


def of_model(
    model: str, kind: str, mode: str, command: Sequence[str] = SERVETUI, extra: Sequence[str] = ()
) -> Contender:
    """`servetui serve`; in short mode the server closes, as its policy."""
    watching = ("--no-trace",) if kind == UNTRACED else ("--events", "count")
    words = [*command, "serve", "-m", model, "-p", "0", "--json", *watching, *extra]
    app = ("--app", f"tests.bench.apps:{'asgi' if model in AWAITS else 'wsgi'}")
    if mode == SHORT:
        words.append("--short")

    @contextlib.contextmanager
    def start(root: Path) -> Iterator[Running]:
        served = app if kind == APP else ("--root", str(root))
        with serve([*words, *served], of_page(root)) as server:
            yield server

    return Contender(model, kind, mode, (), start)


@contextlib.contextmanager
def serve(words: Sequence[str], env: Mapping[str, str] | None = None) -> Iterator[Running]:
    """Run `servetui serve ...`; its summary is there once the context has ended."""
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        with running(words, stdout=out, stderr=err, stdin=subprocess.PIPE, env=env) as child:
            url = _url_when_ready(child, err.fileno())
            server = Running(url=f"{url}/index.html", pid=child.pid, has_watcher=True)
            yield server
            end(child)
        server.summary.update(_last_json_line(_text(out.fileno())))


def _url_when_ready(child: subprocess.Popen[bytes], stderr: int) -> str:
    def is_ready() -> bool:
        if child.poll() is not None:
            last = _text(stderr).strip().splitlines()[-1:]
            raise RuntimeError(f"serve ended with {child.returncode}: {b''.join(last).decode()}")
        return _LISTENING.search(_text(stderr)) is not None

    wait_until(is_ready, READY_WITHIN_S, "listening on http://...")
    found = _LISTENING.search(_text(stderr))
    assert found is not None
    return found[1].decode().rstrip("/")


def _text(descriptor: int) -> bytes:
    """All of a file that its writer, with whom the offset is shared, is still appending to."""
    return Path(f"/proc/self/fd/{descriptor}").read_bytes()


def _last_json_line(text: bytes) -> dict[str, Any]:
    for line in reversed(text.splitlines()):
        with contextlib.suppress(ValueError):
            values = json.loads(line)
            if isinstance(values, dict):
                return values
    return {}
