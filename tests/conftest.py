"""Fixtures that every test may use."""

import os
import shutil
import socket
from collections.abc import Callable

import pytest
from hypothesis import settings

# A machine that is busy with other tests makes single examples slow; that is no failure.
settings.register_profile("servetui", deadline=None)
settings.load_profile("servetui")


def find_tool(name: str) -> str:
    """The path of a system tool. Without it the test is skipped; with CI=true it fails."""
    # Servers lie in sbin, which an ordinary user's PATH may lack.
    search = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/local/sbin", "/usr/sbin"])
    path = shutil.which(name, path=search)
    if path is None:
        missing = f"{name} is not installed"
        if os.environ.get("CI") == "true":
            pytest.fail(missing)
        pytest.skip(missing)
    return path


@pytest.fixture
def require_tool() -> Callable[[str], str]:
    """`require_tool("strace")` is the tool's path, or ends the test: see find_tool."""
    return find_tool


@pytest.fixture
def tmux() -> None:
    """For tests that need a terminal, by `pytest.mark.usefixtures("tmux")`."""
    find_tool("tmux")


@pytest.fixture
def free_port() -> int:
    """A TCP port on 127.0.0.1 that was free a moment ago. Prefer `-p 0` where it serves."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port
