"""The wheel, as a user gets it: built from the tree, installed alone, run from another folder."""

import os
import re
import signal
import subprocess
import sys
import tomllib
import urllib.request
import venv
import zipfile
from pathlib import Path

import pytest

from tests.support import ROOT, read_until

NO_NETWORK = re.compile(
    r"NewConnectionError|NameResolutionError|Temporary failure in name resolution|ProxyError"
    r"|ConnectTimeoutError|ReadTimeoutError|Network is unreachable"
)

pytestmark = pytest.mark.slow


def clean_environment() -> dict[str, str]:
    """Ours without what could lead Python back to the tree."""
    return {name: text for name, text in os.environ.items() if not name.startswith("PYTHON")}


def pip(python: Path, *words: str, cwd: Path) -> None:
    """Run pip; without a network the test is skipped, any other failure fails it."""
    done = subprocess.run(
        [python, "-m", "pip", "--disable-pip-version-check", *words],
        cwd=cwd,
        env={**clean_environment(), "PIP_RETRIES": "1"},
        capture_output=True,
        text=True,
        timeout=600,
    )
    if done.returncode and NO_NETWORK.search(done.stdout + done.stderr):
        pytest.skip("no network: pip cannot reach the package index to build or install the wheel")
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("elsewhere")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory, elsewhere: Path) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    pip(Path(sys.executable), "wheel", "--no-deps", "-w", str(folder), str(ROOT), cwd=elsewhere)
    (file,) = folder.glob("*.whl")
    return file


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory, elsewhere: Path) -> Path:
    """The bin folder of a new environment that holds the wheel and what it depends on."""
    folder = tmp_path_factory.mktemp("venv")
    venv.create(folder)
    # Into it by our own pip, and without bytecode of all that is installed: both would take seconds.
    into = ("--python", str(folder / "bin" / "python"), "install", "--no-compile")
    pip(Path(sys.executable), *into, str(wheel), cwd=elsewhere)
    return folder / "bin"


def run(command: Path, *words: str, cwd: Path) -> str:
    done = subprocess.run(
        [command, *words],
        cwd=cwd,
        env=clean_environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_wheel_holds_the_program_and_its_site_only(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    tops = {name.partition("/")[0] for name in names}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"engine", "tui", "www"}
    site = [path for path in (ROOT / "www").rglob("*") if path.is_file()]
    assert {path.relative_to(ROOT).as_posix() for path in site} <= names
    assert not [name for name in names if name.endswith(".pyc")]


def test_version(installed: Path, elsewhere: Path) -> None:
    with (ROOT / "pyproject.toml").open("rb") as file:
        version = tomllib.load(file)["project"]["version"]
    assert version in run(installed / "servetui", "--version", cwd=elsewhere)


def test_models(installed: Path, elsewhere: Path) -> None:
    assert "epoll" in run(installed / "servetui", "models", cwd=elsewhere)


def test_serve_gives_the_default_site(installed: Path, elsewhere: Path) -> None:
    with subprocess.Popen(
        [installed / "servetui", "serve", "-m", "epoll", "-p", "0"],
        cwd=elsewhere,
        env=clean_environment(),
        stdin=subprocess.PIPE,  # held open: the end of it might end the server
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        bufsize=0,
    ) as server:
        try:
            assert server.stderr is not None
            said = read_until(server.stderr, b"listening on ", deadline_s=15).decode()
            url = said.partition("listening on ")[2].split()[0]
            # No proxy: the environment may name one, and it would not reach this machine.
            opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
            with opener.open(f"{url}/", timeout=5) as answer:
                assert answer.read() == (ROOT / "www" / "index.html").read_bytes()
            server.send_signal(signal.SIGTERM)
            assert server.wait(timeout=10) in (0, -signal.SIGTERM, 128 + signal.SIGTERM)
        finally:
            server.kill()
