"""The dashboard in a real terminal: what is seen, what keys do, and what is left when it ends."""

import contextlib
import re
import shlex
import signal
import socket
import unicodedata
from collections.abc import Callable, Iterable
from functools import partial
from itertools import cycle, islice

import psutil
import pytest

from engine.models import MODELS
from tests.client_load import Load
from tests.serve_driver import Client, descriptors_kept, is_port_free, is_running
from tests.support import wait_until
from tests.terminal_driver import COMMAND, ENTER_ALTERNATE_SCREEN, Dashboard, Terminal
from tui.lifecycle import PATIENCE_S

GONE_S = 2  # the contract: nothing is left after this
SWITCHES = 20
SIZES = [(120, 40), (80, 24), (60, 20)]


@pytest.fixture(autouse=True)
def _tmux(require_tool: Callable[[str], str]) -> None:
    require_tool("tmux")


def are_gone(processes: Iterable[psutil.Process]) -> bool:
    return not any(map(is_running, processes))


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


# --- what is seen, and what keys do ------------------------------------------------------------


@pytest.mark.parametrize(("columns", "rows"), SIZES)
def test_the_first_line_and_the_keys(columns: int, rows: int) -> None:
    with Dashboard("thread", columns, rows) as dashboard:
        first, *_ = dashboard.wait_for("q quit")
        port = dashboard.port
        assert first.startswith(f"servetui  thread  http://127.0.0.1:{port}  keep-alive")
        keys = " ".join(dashboard.screen()[-3:])
        names = [f"{number} {model}" for number, model in enumerate(MODELS, start=1)]
        assert f"1–{len(MODELS)} model" in keys or all(name in keys for name in names)
        for key in ("k to short", "b burst", "? help", "q quit"):
            assert key in keys

        for number, model in enumerate(MODELS, start=1):
            dashboard.press(str(number))
            dashboard.wait_for_model(model)
            expect_serving(dashboard)
        assert not dashboard.has_wrapped_lines()

        old = dashboard.engine()
        dashboard.press("R")
        wait_until(lambda: old not in dashboard.children(), what="the old engine gone")
        dashboard.wait_for_model(model)
        expect_serving(dashboard)

        dashboard.press("k")
        dashboard.wait_for("k to keep-alive")
        assert dashboard.mode == "short"
        dashboard.press("k")
        dashboard.wait_for_mode("keep-alive")
        assert dashboard.port == port
        dashboard.press("q")
        assert dashboard.exit_code() == 0
        expect_restored(dashboard)


@pytest.mark.parametrize(("columns", "rows"), SIZES)
def test_m_lets_a_model_be_chosen(columns: int, rows: int) -> None:
    first, second, *_ = MODELS
    with Dashboard(first, columns, rows) as dashboard:
        dashboard.press("m")
        dashboard.wait_for("esc back")
        assert dashboard.model == first
        assert not dashboard.has_wrapped_lines()
        dashboard.press("Down")
        dashboard.wait_for(f"> 2  {second}")
        dashboard.press("Enter")
        dashboard.wait_for_model(second)
        dashboard.wait_for("m models")

        dashboard.press("m")
        dashboard.wait_for("esc back")
        dashboard.press("1")
        dashboard.wait_for_model(first)
        dashboard.wait_for("m models")

        dashboard.press("m")
        dashboard.wait_for("esc back")
        dashboard.press("Escape")
        dashboard.wait_for("m models")
        assert dashboard.model == first

        dashboard.press("m")
        dashboard.wait_for("esc back")
        dashboard.press("q")
        assert dashboard.exit_code() == 0
        expect_restored(dashboard)


def has_line(is_right: Callable[[str], object], lines: list[str]) -> bool:
    return any(map(is_right, lines))


@pytest.mark.parametrize(("columns", "rows"), SIZES)
def test_b_fires_a_burst_whose_results_stand_side_by_side(columns: int, rows: int) -> None:
    with Dashboard("epoll", columns, rows) as dashboard:
        for mode, opened in (("keep-alive", 10), ("short", 50)):
            dashboard.press("b")
            is_result = re.compile(rf" +\d epoll +{mode} +50 .*\bnone$").match
            lines = dashboard.wait_until(partial(has_line, is_result), f"the {mode} burst")
            (line,) = filter(is_result, lines)
            if columns >= 80:
                assert line.split()[3:5] == ["50", str(opened)]
            assert not dashboard.has_wrapped_lines()
            dashboard.press("k")
        assert has_line(re.compile(" +1 epoll +keep-alive +50 ").match, dashboard.screen())


def is_whole(lines: list[str], first: str, rows: int) -> bool:
    """From the first line to the keys; in a small terminal, the beginning of the first line."""
    is_small = rows < 20
    return len(lines) == rows and lines[0].startswith(first) and (is_small or "q quit" in lines[-1])


def test_a_small_terminal_and_a_size_that_changes() -> None:
    with Dashboard("epoll", 20, 5) as dashboard:
        first = f"servetui  epoll  http://127.0.0.1:{dashboard.port}  keep-alive"
        for columns, rows in ((40, 10), (1, 1), (60, 20), (200, 60), (60, 20), (20, 5), (120, 40)):
            dashboard.resize(columns, rows)
            whole = partial(is_whole, first=first[:columns].rstrip(), rows=rows)
            dashboard.wait_until(whole, f"a whole screen of {columns}x{rows}")
            assert not dashboard.has_wrapped_lines()
            expect_serving(dashboard)
        dashboard.press("m")
        dashboard.wait_for("esc back")
        for columns, rows in ((60, 20), (200, 60), (20, 5), (80, 24)):
            dashboard.resize(columns, rows)
            whole = partial(is_whole, first=first[:columns].rstrip(), rows=rows)
            dashboard.wait_until(whole, f"a whole list of models of {columns}x{rows}")


@pytest.mark.parametrize(("columns", "rows"), [(20, 5), (40, 10)])
def test_keys_work_in_a_small_terminal(columns: int, rows: int) -> None:
    with Dashboard("thread", columns, rows) as dashboard:
        dashboard.press("b")
        dashboard.press("k")
        dashboard.press("m")
        dashboard.wait_for("MODELS")
        dashboard.press("5")
        dashboard.wait_until(lambda lines: lines[0].startswith("servetui  epoll"), "the model")
        expect_serving(dashboard)
        dashboard.press("q")
        assert dashboard.exit_code() == 0
        expect_restored(dashboard)


# --- switching under load ----------------------------------------------------------------------


@pytest.mark.slow
def test_switches_by_keys_under_load() -> None:
    digits = {model: str(number) for number, model in enumerate(MODELS, start=1)}
    with Dashboard("process") as dashboard, contextlib.ExitStack() as stack:
        dashboard.wait_for_model("process")
        first = dashboard.engine()
        with descriptors_kept(dashboard.pid):
            load = stack.enter_context(Load(dashboard.port))
            for model in islice(cycle(MODELS), 1, SWITCHES + 1):
                dashboard.press(digits[model])
                dashboard.wait_for_model(model)
            before = load.met["answered"]
            wait_until(lambda: load.met["answered"] > before + 20, what="the last engine's answers")
            stack.close()
            wait_until(lambda: len(dashboard.everything()) == 2, 20, "no orphan")
        assert not is_running(first)
        load.assert_nobody_failed()
        assert load.met["answered"] > 3 * SWITCHES, load.met
        assert dashboard.model == "process"
        assert "lost 0" in dashboard.screen()[0]


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


@pytest.mark.parametrize(("columns", "rows"), SIZES)
def test_a_dead_engine_is_said_and_R_serves_again(columns: int, rows: int) -> None:  # noqa: N802
    with Dashboard("thread", columns, rows) as dashboard:
        dashboard.wait_for_model("thread")
        expect_serving(dashboard)
        engine = dashboard.engine()
        engine.kill()
        lines = dashboard.wait_for("The server is dead")
        text = " ".join(" ".join(lines).split())
        assert f"the engine (thread, pid {engine.pid}) killed by signal 9." in text
        assert "Press R to start it again" in text
        assert not dashboard.has_wrapped_lines()
        with Client(dashboard.port) as waiting:  # the port stays open: it waits to be accepted
            waiting.ask("/")
            dashboard.press("R")
            assert waiting.answer().status == 200
        dashboard.wait_until(lambda lines: not any("dead" in line for line in lines), "no alert")
        expect_serving(dashboard)


# --- text from the network -----------------------------------------------------------------------

HOSTILE = [
    b"\x1b[2J",
    b"\x1b]0;title\x07",
    b"\x1b]2;title\x1b\\",
    b"\x9b2J",
    b"\x9d0;title\x9c",
    b"\x1bc",
    b"\x0e\x08\x7f\x00",
    b"\rover",
    b"\nover",
    b"\r\nover",
    b"\tover",
    "\u009b2J".encode(),
    "\u202egnp.\u2066".encode(),  # right to left
    "\u200b\u200d\ufeff".encode(),  # zero width
    "e\u0301\U0001f600\u4e2d".encode(),  # combining, and two cells wide
]
SENT_BY_TEXTUAL = "\x1b\r\n\x07"  # \x07 ends its choice of the mouse's pointer


def percent(data: bytes) -> bytes:
    return b"".join(b"%%%02x" % byte for byte in data)


def test_a_path_cannot_touch_the_terminal() -> None:
    with Dashboard("thread") as dashboard:
        title = dashboard.told("pane_title")
        dashboard.wait_for("q quit")
        for number, text in enumerate(HOSTILE):
            for path in (b"/%d/" % number + text, b"/%d/" % number + percent(text)):
                expect_escaped(dashboard, path)
        assert dashboard.told("pane_title") == title
        screen = dashboard.screen()
        assert screen[0].startswith("servetui  thread")
        assert "q quit" in screen[-1]
        colours = re.compile(r"\x1b\[[0-9;:]*m")
        assert colours.sub("", dashboard.styled_screen()).replace("\n", "").isprintable()
        written = dashboard.written().partition(ENTER_ALTERNATE_SCREEN)[2]
    for sequence in (b"\x1b[2J", b"\x1b]0;", b"\x1b]2;", b"\x1bc"):
        assert sequence not in written
    strange = {
        letter
        for letter in written.decode()
        if unicodedata.category(letter)[0] in "CM" and letter not in SENT_BY_TEXTUAL
    }
    assert strange == set()


def expect_escaped(dashboard: Dashboard, path: bytes) -> None:
    """Ask for `path`; what can be shown of it is seen in the list of events."""
    with Client(dashboard.port) as client:
        client.send(b"GET %b HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n" % path)
        assert b" 40" in client.rest()[:20]
    as_it_is = path.decode("ascii", "replace")
    shown = (
        as_it_is if as_it_is.isprintable() and as_it_is.isascii() else path.split(b"/")[1].decode()
    )
    dashboard.wait_for(f"GET /{shown.lstrip('/')[:40]}")


# --- bad starts ------------------------------------------------------------------------------------


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
