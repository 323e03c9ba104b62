"""Tests of Flask and of Werkzeug: python -m tests.frameworks.pallets FRAMEWORK MODEL [pytest's options]

Their test client calls an application with an environ. Here a request is made of that environ, and a
server asked, which runs in a thread, with MODEL: one that neither forks nor awaits. What the application
raises is raised in the test, as it is there. Needs the network, to fetch the tests.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import pytest

from engine.models import MODELS
from tests.frameworks.suite import Counting, LeftOut, fetch, run

NEEDS = {"flask": (), "werkzeug": ("ephemeral-port-reserve", "pytest-timeout")}
LEFT_OUT: dict[str, LeftOut] = {
    "flask": {
        "the method PROPFIND: the HTTP core answers 501": [r"test_methods_var_inheritance"],
        "the test has a context of its own in the thread in which it calls": [
            r"test_app_tearing_down_with_(handled_exception_by_app_handler|unhandled_exception)$",
        ],
        "fails without any server, too": [r"test_bad_environ_raises_bad_request"],
    },
    "werkzeug": {
        "of Werkzeug's own server": [r"test_serving\.py"],
        "no Host: the HTTP core answers 400, and asks no application": [
            r"test_proxy_fix\[port, name\]"
        ],
        "the application gives str, which no server may send": [
            r"test_path_info_script_name_unquoting"
        ],
        "REQUEST_URI: not in PEP 3333, and not given": [r"test_raw_request_uri"],
        "counts objects of the whole process": [r"test_no_memory_leak_from_Rule_builder"],
    },
}


class Sockets:
    """A plugin of pytest: the client asks a server."""

    def __init__(self, model: str, counting: Counting) -> None:
        from werkzeug.test import Client

        from tests.frameworks.werkzeug_sockets import Servers

        def count() -> None:
            counting.requests += 1

        self._servers = Servers(model, count)
        Client.run_wsgi_app = self._servers.replaced()  # type: ignore[method-assign]

    @pytest.fixture(autouse=True)
    def _closed_in_the_end(self) -> Iterator[None]:
        yield
        self._servers.close()


def main(words: list[str]) -> int:
    """Fetch, run, tell."""
    if len(words) < 2:
        raise SystemExit(__doc__)
    framework, model, *options = words
    import_module(MODELS[model])  # it may have to patch before anybody else imports
    with tempfile.TemporaryDirectory() as folder:
        root = fetch(framework, Path(folder), NEEDS[framework])
        counting = Counting(LEFT_OUT[framework])
        sockets = Sockets(model, counting)
        del sys.modules["tests"]  # theirs may bear the same name
        return run(root, options, counting, sockets)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
