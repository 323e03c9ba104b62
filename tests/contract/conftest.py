"""A server of each model, and the folder that it serves."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.models import MODELS
from tests.contract.checks import HUGE_BYTES, SECRET, short_mode
from tests.serve_driver import Serve


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder to serve, with what must not be served beside it and linked from it."""
    outside = tmp_path_factory.mktemp("outside")
    (outside / "secret.txt").write_bytes(SECRET)
    root = outside / "root"
    (root / "sub").mkdir(parents=True)
    (root / "index.html").write_bytes(b"<!doctype html><title>start</title>\n" * 30)
    (root / "style.css").write_bytes(b"body { margin: 0 }\n")
    (root / "sub" / "image.png").write_bytes(bytes(range(256)) * 40)
    with open(root / "huge", "wb") as huge:
        huge.truncate(HUGE_BYTES)  # a hole, which takes no room
    (root / "link.txt").symlink_to(outside / "secret.txt")
    (root / "out").symlink_to(outside)
    return root


@pytest.fixture(scope="module", params=list(MODELS))
def server(request: pytest.FixtureRequest, site: Path) -> Iterator[Serve]:
    """One server a model; each test looks at its own connections only."""
    with Serve(request.param, "--events", "-", "--root", str(site)) as serve:
        yield serve


@pytest.fixture(params=["keep-alive", "short"])
def mode(request: pytest.FixtureRequest, server: Serve) -> Iterator[str]:
    """For tests that hold in both modes: that in which the server is."""
    with short_mode(server) if request.param == "short" else contextlib.nullcontext():
        yield request.param
