"""How the dashboard leaves a terminal: restored, and nothing left running."""

import contextlib
import re
import shlex
import signal
import socket

import psutil
import pytest

from tests.client_load import Load
from tests.plain_client import Client
from tests.serve_driver import are_gone
from tests.support import wait_until
from tests.terminal_checks import GONE_S, expect_gone, expect_restored, expect_serving
from tests.terminal_driver import COMMAND, ENTER_ALTERNATE_SCREEN, Dashboard, Terminal
from tui.lifecycle import PATIENCE_S

pytestmark = pytest.mark.usefixtures("tmux")


# --- the end -------------------------------------------------------------------------------------


def work(dashboard: Dashboard, stack: contextlib.ExitStack) -> list[psutil.Process]:
    """An idle connection and one with a request under way; all processes, the children among them."""
    idle = stack.enter_context(Client(dashboard.port))
    assert idle.get("/").status == 200
    busy = stack.enter_context(Client(dashboard.port))
    busy.ask("/wait/60000")
    dashboard.wait_for("GET /wait/60000")
    wait_until(lambda: len(dashboard.everything()) == 4, what="a child for each")
    return dashboard.everything()


ENDS = {"q": 0, "C-c": 0} | {
    number.name: 128 + number for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
}
"""A key or a signal -> the exit code."""


@pytest.mark.parametrize("way", ENDS)
def test_an_end_that_restores_the_terminal(way: str) -> None:
    with Dashboard("process") as dashboard, contextlib.ExitStack() as stack:
        processes = work(dashboard, stack)
        if way.startswith("SIG"):
            dashboard.process.send_signal(signal.Signals[way])
        else:
            dashboard.press(way)
        expect_gone(processes, dashboard.port)
        assert dashboard.exit_code() == ENDS[way]
        expect_restored(dashboard)


def burst_that_waits(dashboard: Dashboard, client: Client) -> list[psutil.Process]:
    """A handler that burns, and behind it a burst of the built-in client; all processes."""
    client.ask("/burn/5000")
    dashboard.wait_for("GET /burn/5000")
    dashboard.press("b")
    dashboard.wait_for("0 of 50")
    assert len(dashboard.children()) == 2
    return dashboard.everything()


def test_q_ends_a_burst_as_well() -> None:
    with Dashboard("epoll") as dashboard, Client(dashboard.port) as client:
        processes = burst_that_waits(dashboard, client)
        dashboard.press("q")
        expect_gone(processes, dashboard.port)
        assert dashboard.exit_code() == 0
        expect_restored(dashboard)


def test_kill_9_leaves_nothing_running() -> None:
    with Dashboard("epoll") as dashboard, Client(dashboard.port) as client:
        processes = burst_that_waits(dashboard, client)
        dashboard.process.kill()
        expect_gone(processes, dashboard.port)


def test_kill_9_leaves_no_child_of_an_engine_running() -> None:
    with Dashboard("process") as dashboard, contextlib.ExitStack() as stack:
        processes = work(dashboard, stack)
        dashboard.process.kill()
        expect_gone(processes, dashboard.port)


def is_at_rest(process: psutil.Process) -> bool:
    """It does not work for half a second, though there is something to draw 12 times a second."""
    before = process.cpu_times()
    process.cpu_percent(0.5)
    return process.cpu_times() == before


@pytest.mark.slow
def test_a_signal_ends_it_though_the_terminal_takes_no_output() -> None:
    with Dashboard("thread", 200, 60) as dashboard:
        processes, port = dashboard.everything(), dashboard.port
        with dashboard.stalled():
            with Load(port) as load:
                wait_until(lambda: is_at_rest(dashboard.process), 20, "a write that blocks")
                answered = load.met["answered"]
                wait_until(lambda: load.met["answered"] > answered + 100, what="more answers")
            dashboard.process.terminate()
            wait_until(lambda: are_gone([dashboard.process]), PATIENCE_S + GONE_S, "its end")
            expect_gone(processes, port)
        load.assert_nobody_failed()
        assert dashboard.exit_code() == 128 + signal.SIGTERM
        assert dashboard.modes() == dashboard.modes_before


def test_closing_the_terminal_leaves_nothing_running() -> None:
    with Dashboard("process") as dashboard, contextlib.ExitStack() as stack:
        processes = work(dashboard, stack)
        dashboard.hang_up()
        expect_gone(processes, dashboard.port)


def test_closing_the_terminal_of_a_stopped_dashboard_leaves_nothing_running() -> None:
    with Dashboard("process") as dashboard, contextlib.ExitStack() as stack:
        processes = work(dashboard, stack)
        dashboard.press("C-z")
        wait_until(lambda: dashboard.process.status() == psutil.STATUS_STOPPED, what="the stop")
        dashboard.hang_up()
        expect_gone(processes, dashboard.port)


def test_ctrl_z_lends_the_terminal_to_the_shell_while_the_server_goes_on() -> None:
    with Dashboard("thread") as dashboard:
        dashboard.wait_for("q quit")
        for _ in range(2):
            dashboard.press("C-z")
            wait_until(lambda: dashboard.process.status() == psutil.STATUS_STOPPED, what="the stop")
            expect_restored(dashboard)
            expect_serving(dashboard)
            dashboard.enter("fg")
            dashboard.wait_for("q quit")
            assert dashboard.told("alternate_on") == "1"
        assert dashboard.model == "thread"
        dashboard.wait_for("accepted 2")
        dashboard.press("k")
        dashboard.wait_for_mode("short")
        dashboard.press("q")
        assert dashboard.exit_code() == 0
        expect_restored(dashboard)


# --- bad starts ------------------------------------------------------------------------------------


def test_it_says_that_it_starts_and_leaves_nothing_of_that() -> None:
    """Before the screen is taken, which needs seconds where others are at work."""
    with Dashboard("thread", 80, 24) as dashboard:
        before = dashboard.written().partition(ENTER_ALTERNATE_SCREEN)[0]
        assert b"servetui  thread  starting" in before
        dashboard.press("q")
        assert dashboard.exit_code() == 0
        expect_restored(dashboard)
        assert "starting" not in "\n".join(dashboard.screen())


def start(terminal: Terminal, *words: str, before: str = "", after: str = "") -> tuple[int, str]:
    """Run the dashboard where it cannot run: its exit code and what it says."""
    terminal.enter(f"{before} {shlex.join([*COMMAND, *words])} {after} 2>said")
    code = int(terminal.ask("echo $?"))
    said = (terminal.folder / "said").read_text()
    assert ENTER_ALTERNATE_SCREEN not in terminal.written()
    assert terminal.modes() == terminal.modes_before
    assert re.fullmatch(r"servetui: .+\n", said), said
    return code, said


def test_a_bad_start_is_one_line_and_leaves_the_terminal_alone() -> None:
    with Terminal() as terminal, socket.create_server(("127.0.0.1", 0)) as holder:
        port = str(holder.getsockname()[1])
        code, said = start(terminal, "-p", port)
        assert (code, f"port {port} is in use" in said, "-p" in said) == (1, True, True)
        assert "starting" not in "\n".join(terminal.screen())

        code, said = start(terminal, "-p", "0", before="TERM=dumb")
        assert (code, "terminal" in said, "servetui serve" in said) == (1, True, True)
        for after in ("</dev/null", ">/dev/null"):
            code, said = start(terminal, "-p", "0", after=after)
            assert (code, "terminal" in said, "servetui serve" in said) == (1, True, True)

        code, said = start(terminal, "-p", "0", "--app", "nosuch:app")
        assert (code, "no module 'nosuch'" in said) == (1, True)

        code, said = start(terminal, "-m", "nonsense")
        assert (code, "nonsense" in said) == (2, True)
        code, said = start(terminal, "-p", "0", "--root", "/no/such/folder")
        assert (code, "/no/such/folder" in said) == (2, True)
