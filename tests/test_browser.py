"""A real browser loads the page: several connections, and the paths that the page asks for."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from engine.models import MODELS
from tests.serve_driver import Serve
from tests.support import wait_until

FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--no-proxy-server", "--virtual-time-budget=3000", "--dump-dom",
)  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("model", [name for name in ("thread", "epoll") if name in MODELS])
def test_a_page_brings_its_parts(
    model: str, tmp_path: Path, require_tool: Callable[[str], str]
) -> None:
    chromium = require_tool("chromium")
    with Serve(model, "--events", "-") as server:
        shown = subprocess.run(
            [chromium, *FLAGS, f"--user-data-dir={tmp_path}", f"{server.url}/"],
            capture_output=True,
            timeout=60,
        )
        wait_until(lambda: server.snapshot()["open"] == 0, 10, "all connections closed")
        shot = server.snapshot()
    assert b'src="img/lens.svg"' in shown.stdout, shown.stderr[-2000:]
    asked = [one for one in server.events if one["kind"] == "request"]
    paths = {one["note"].removeprefix("GET ") for one in asked}
    images = {f"/img/{name}.svg" for name in ("lens", "clock", "flame", "parcel", "rooms")}
    assert {"/", "/style.css", "/script.js", *images} <= paths
    assert len({one["conn"] for one in asked}) > 1
    answered = [one["note"] for one in server.events if one["kind"] == "response"]
    assert set(answered) == {"200"}
    assert len(answered) == len(asked)
    assert (shot["illegal_steps"], shot["lost"], shot["accepted"]) == (0, 0, shot["closed"])
