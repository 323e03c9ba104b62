"""What is left of a dashboard in a terminal, and what must be."""

from collections.abc import Iterable

import psutil

from tests.plain_client import Client
from tests.serve_driver import are_gone, is_port_free
from tests.support import wait_until
from tests.terminal_driver import Dashboard, Terminal

GONE_S = 2  # the contract: nothing is left after this


def expect_gone(processes: Iterable[psutil.Process], port: int) -> None:
    wait_until(lambda: are_gone(processes), GONE_S, "no process left")
    wait_until(lambda: is_port_free(port), GONE_S, "a free port")


def expect_restored(terminal: Terminal) -> None:
    wait_until(terminal.is_shell_screen, GONE_S, "the shell's screen and cursor")
    assert terminal.modes() == terminal.modes_before
    assert b"Traceback" not in terminal.written()


def expect_serving(dashboard: Dashboard) -> None:
    with Client(dashboard.port) as client:
        assert client.get("/").status == 200
