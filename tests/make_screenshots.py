"""Draws screenshots/ anew: a real run of each scene, under real requests, drawn by the dashboard.

`make screenshots`. Every figure in a picture was measured while it was made.
"""

import asyncio
import socket
import sys
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

from engine.run import Run, RunSettings
from tui.app import Dashboard

SCREENSHOTS = Path(__file__).parent.parent / "screenshots"
BURST_DEADLINE_S = 20


class Scene(NamedTuple):
    """A picture: its name, the model, the size of the terminal."""

    name: str
    model: str
    columns: int
    rows: int


SCENES = [
    Scene("dashboard-120x40", "thread", 120, 40),
    Scene("dashboard-80x24", "epoll", 80, 24),
    Scene("process-120x40", "process", 120, 40),
]


async def draw(scene: Scene) -> None:
    """Play one scene and keep its last picture."""
    run = Run(RunSettings(model=scene.model))
    dashboard = Dashboard(run)
    try:
        async with dashboard.run_test(size=(scene.columns, scene.rows)) as pilot:
            await until(lambda: run.status().phase == "serving")
            for key in "b", "k", "b", "k":
                await pilot.press(key)
                if key == "b":
                    await until(lambda: not run.bursts[-1].is_running)
            with ExitStack() as clients:
                await visit(run.url, clients)
                await pilot.pause()
                picture = dashboard.export_screenshot(title="servetui")
                (SCREENSHOTS / f"{scene.name}.svg").write_text(picture, encoding="utf-8")
    finally:
        run.stop()


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
    await asyncio.sleep(0.8)


def request(path: str) -> bytes:
    """A request of a client that keeps its connection."""
    return f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode()


async def until(condition: Callable[[], bool]) -> None:
    """Wait for something that the run does."""
    async with asyncio.timeout(BURST_DEADLINE_S):
        while not condition():
            await asyncio.sleep(0.02)


def main(names: list[str]) -> None:
    """Draw the scenes with these names, or all."""
    SCREENSHOTS.mkdir(exist_ok=True)
    for scene in SCENES:
        if not names or scene.name in names:
            asyncio.run(draw(scene))
            print(f"screenshots/{scene.name}.svg")


if __name__ == "__main__":
    main(sys.argv[1:])
