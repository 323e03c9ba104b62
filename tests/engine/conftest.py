"""Fixtures that several files of this folder use."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.event_queue.reader import Reader
from engine.event_queue.shared_memory import SharedMemory
from engine.handlers import site
from tests.engine.asked_site import SECRET, Clock
from tests.engine.traced_script import PRELUDE, Run, Told
from tests.engine.writers import shared_memory
from tests.support import ROOT


@pytest.fixture
def memory() -> Iterator[SharedMemory]:
    with shared_memory() as memory:
        yield memory


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Run]:
    """Run a script to its end; `first` is done before anything is traced."""
    memory = SharedMemory.create()

    def start(body: str, first: str = "pass") -> Told:
        source = f"def import_first():\n    {first}\n{PRELUDE}\n{body}\n"
        path = tmp_path / "server.py"
        path.write_text(source)
        process = subprocess.Popen(
            [sys.executable, "-P", str(path), str(ROOT), str(memory.fd)],
            pass_fds=(memory.fd,),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        output, errors = process.communicate(timeout=30)
        assert process.returncode == 0, errors
        reader = Reader(memory)
        return Told(source, reader.drain(), reader.unreported(), output, process.pid)

    yield start
    memory.close()


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(site, "time", clock)
    return clock


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "secret.txt").write_bytes(SECRET)
    root = tmp_path / "root"
    (root / "dir").mkdir(parents=True)
    (root / "empty").mkdir()
    (root / "index.html").write_bytes(b"<p>start")
    (root / "dir" / "index.html").write_bytes(b"<p>dir")
    (root / "a b.txt").write_bytes(b"space")
    (root / "é.css").write_bytes(b"accent")
    (root / "picture.SVG").write_bytes(b"<svg/>")
    (root / "noend").write_bytes(b"\0\1")
    return root
