"""Fixtures that every test may use."""

import os
import shutil
import sys
from collections.abc import Callable

import pytest
from hypothesis import settings

from engine.models import MODELS
from tests.support import free_port

# A machine that is busy with other tests makes single examples slow; that is no failure.
settings.register_profile("servetui", deadline=None)
settings.load_profile("servetui")


ONE_OF_EACH_KIND = {
    "process", "thread", "gevent", "polling", "epoll", "thread-pool", "prefork-epoll", "asyncio",
}  # fmt: skip
"""Models on which the tests of LONG are run, each for those that are built like it."""
LONG = {
    "test_limits_caps.py", "test_limits_clocks.py", "test_limits_closing.py", "test_limits_crowds.py",
    "test_limits_descriptors.py", "test_limits_killed.py", "test_dying.py",
    "test_app.py",
}  # fmt: skip
"""Tests that take too long to be run on every model each time, as those marked slow do; with --all-models
they are."""


def pytest_configure() -> None:
    """Keep bytecode, whatever the environment says: the tests start thousands of processes, each of which
    would compile all that it imports."""
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    sys.dont_write_bytecode = False


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--all-models", action="store_true", help="run the long tests on every model")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.getoption("--all-models"):
        return
    rest = set(MODELS) - ONE_OF_EACH_KIND
    long = [one for one in items if one.path.name in LONG or one.get_closest_marker("slow")]
    left_out = {item for item in long if _models_of(item) & rest}
    config.hook.pytest_deselected(items=list(left_out))
    items[:] = [item for item in items if item not in left_out]


def _models_of(item: pytest.Item) -> set[str]:
    """The models among the parameters of a test."""
    parameters = getattr(item, "callspec", None)
    values = parameters.params.values() if parameters is not None else ()
    found: set[str] = set()
    for value in values:
        found.update(
            value if isinstance(value, tuple) else (value,) if isinstance(value, str) else ()
        )
    return found & set(MODELS)


@pytest.fixture
def some_models(request: pytest.FixtureRequest) -> list[str]:
    """For a test that starts all of them at once: one of each kind; with --all-models all."""
    has_all = request.config.getoption("--all-models")
    return [model for model in MODELS if has_all or model in ONE_OF_EACH_KIND]


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


@pytest.fixture(name="free_port")
def a_free_port() -> int:
    """As of support.free_port."""
    return free_port()
