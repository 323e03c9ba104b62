"""Draws screenshots/ anew, from recordings of real runs: `make screenshots`.

`python -m tests.make_screenshots --record` makes the recordings (tests/recordings/) of these pictures anew
as well: a real server under real requests, so that every figure in a picture was measured. The snapshots
of the tests are drawn from the same files.
"""

import asyncio
import socket
import sys
from collections.abc import Callable, Coroutine
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple
from urllib.parse import urlsplit

from engine.models import MODELS
from engine.recordings.replay import Replay
from engine.running.run import Run
from engine.running.run_settings import RunSettings
from tests.recorded_findings import FIRES, unpacked
from tests.support import ROOT
from tui.app import Dashboard
from tui.recorder import Recorder

SCREENSHOTS = ROOT / "screenshots"
RECORDINGS = ROOT / "tests" / "recordings"
BLOCKED = "polling"  # of this model the picture is one in which everybody waits
BURST_DEADLINE_S = 20
PORT = 7890
BEFORE_END_S = 0.1  # of a recording: its pictures show this moment


class Scene(NamedTuple):
    """A picture: its name, the recorded model (or finding), the size of the terminal, keys that were
    pressed."""

    name: str
    model: str
    columns: int
    rows: int
    keys: tuple[str, ...] = ()


SCENES = [
    Scene("rooms-120x40", "polling", 120, 40),
    Scene("dashboard-120x40", "thread", 120, 40),
    Scene("dashboard-80x24", "epoll", 80, 24),
    Scene("dashboard-60x20", "thread", 60, 20),
    Scene("dashboard-200x60", "thread", 200, 60),
    Scene("process-120x40", "process", 120, 40),
    Scene("detail-120x40", "thread", 120, 40, ("down", "enter")),
    Scene("lanes-120x40", "thread", 120, 40, ("v", "down", "down")),
    Scene("graphs-120x40", "thread", 120, 40, ("g",)),
    Scene("workers-120x40", "process", 120, 40, ("w",)),
    Scene("findings-120x40", "accept-queue", 120, 40, ("f",)),
    Scene("models-120x40", "thread", 120, 40, ("m",)),
    Scene("help-80x24", "thread", 80, 24, ("question_mark",)),
]


class Still:
    """A clock that does not go."""

    def __call__(self) -> int:
        return 0


def recorded(name: str, folder: Path) -> Path:
    """The recording of a model; of a finding, unpacked into the folder."""
    file = RECORDINGS / f"{name}.jsonl"
    return file if name in MODELS else unpacked(name, FIRES, folder)


def at_its_end(name: str) -> Replay:
    """The recording of a model, held shortly before its end."""
    return held_at_end(RECORDINGS / f"{name}.jsonl")


def held_at_end(file: Path) -> Replay:
    """A recording, held shortly before its end."""
    replay = Replay(file, Still())
    replay.toggle_pause()
    replay.jump(replay.length_s - BEFORE_END_S)
    return replay


# --- pictures ---------------------------------------------------------------------------------------


async def draw(scene: Scene, folder: Path) -> None:
    """Draw one scene; `folder` is for what has to be unpacked."""
    dashboard = Dashboard(held_at_end(recorded(scene.model, folder)), beats=False)
    async with dashboard.run_test(size=(scene.columns, scene.rows)) as pilot:
        dashboard.frame()
        for key in scene.keys:
            await pilot.press(key)
        await pilot.pause()
        picture = dashboard.export_screenshot(title="servetui")
        (SCREENSHOTS / f"{scene.name}.svg").write_text(picture, encoding="utf-8")


# --- recordings -------------------------------------------------------------------------------------


async def record(
    name: str, settings: RunSettings, play: Callable[[Run], Coroutine[None, None, None]]
) -> None:
    """Play a scene on a real server, and keep what it told."""
    run = Run(settings)
    RECORDINGS.mkdir(exist_ok=True)
    recorder = Recorder(RECORDINGS / f"{name}.jsonl", run.status())
    playing = asyncio.create_task(play(run))
    try:
        while not playing.done():
            recorder.write(run.poll())
            now = run.snapshot()
            run.findings()
            since_ns = run.unread_since_ns()
            recorder.look(
                now.now_ns, run.status(), now.unreported, run.bursts, run.looked, since_ns
            )
            await asyncio.sleep(0.02)
        await playing
    finally:
        recorder.close()
        run.stop()


async def _play(run: Run) -> None:
    await until(lambda: run.status().phase == "serving")
    for short in (False, True):
        run.set_mode(short=short)
        run.start_burst()
        await until(lambda: not run.bursts[-1].is_running)
    run.set_mode(short=False)
    with ExitStack() as clients:
        await visit(run.url, clients)


async def _block(run: Run) -> None:
    """One client whose request takes long, and seven that ask for little: of those, four come after it."""
    await until(lambda: run.status().phase == "serving")
    address = (urlsplit(run.url).hostname or "", urlsplit(run.url).port or 0)
    with ExitStack() as clients:
        early = [clients.enter_context(socket.create_connection(address)) for _ in range(4)]
        await until(lambda: run.snapshot().counts.open == len(early))
        for turn in range(8):
            early[turn % 4].sendall(request("/"))
            await asyncio.sleep(0.1)
            early[turn % 4].recv(65536)
        early[0].sendall(request("/wait/5000"))
        await until(lambda: run.snapshot().rooms["handler"].now == 1)
        for client in early[1:]:
            client.sendall(request("/"))
            await asyncio.sleep(0.1)
        for _ in range(4):
            clients.enter_context(socket.create_connection(address)).sendall(request("/"))
            await asyncio.sleep(0.1)
        await asyncio.sleep(1.9)  # as in visit()


async def visit(url: str, clients: ExitStack) -> None:
    """Clients of every kind: quick ones, one whose request takes long, one that does not read."""
    address = (urlsplit(url).hostname or "", urlsplit(url).port or 0)
    quick = [clients.enter_context(socket.create_connection(address)) for _ in range(6)]
    for turn in range(9):
        for client in quick[: 1 + turn % 6]:
            client.sendall(request("/" if turn % 3 else "/rooms.html"))
            await asyncio.sleep(0.05)
            client.recv(65536)
        await asyncio.sleep(0.15)
    slow_reader = clients.enter_context(socket.create_connection(address))
    slow_reader.sendall(request("/bytes/50000000"))
    await asyncio.sleep(0.3)
    quick.pop().close()
    waiting = clients.enter_context(socket.create_connection(address))
    waiting.sendall(request("/wait/3000"))
    await asyncio.sleep(1.9)  # a recording ends with a whole second, at most one before


def request(path: str) -> bytes:
    """A request of a client that keeps its connection."""
    return f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode()


async def until(condition: Callable[[], bool]) -> None:
    """Wait for something that the run does."""
    async with asyncio.timeout(BURST_DEADLINE_S):
        while not condition():
            await asyncio.sleep(0.02)


def main(words: list[str]) -> None:
    """Draw the scenes with these names, or all; with --record, record their models first."""
    names = [word for word in words if word != "--record"]
    scenes = [scene for scene in SCENES if not names or scene.name in names]
    if "--record" in words:
        for model in dict.fromkeys(scene.model for scene in scenes if scene.model in MODELS):
            settings = RunSettings(model=model, port=PORT, whole=True, tells_bytes=True)
            asyncio.run(record(model, settings, _block if model == BLOCKED else _play))
            print(f"tests/recordings/{model}.jsonl")
    SCREENSHOTS.mkdir(exist_ok=True)
    with TemporaryDirectory() as folder:
        for scene in scenes:
            asyncio.run(draw(scene, Path(folder)))
            print(f"screenshots/{scene.name}.svg")


if __name__ == "__main__":
    main(sys.argv[1:])
