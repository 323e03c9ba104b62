"""The dashboard in a real terminal: what is seen, and what keys do."""

import contextlib
import re
import unicodedata
from collections.abc import Callable
from functools import partial
from itertools import cycle, islice

import pytest

from engine.models import MODELS
from tests.client_load import Load
from tests.plain_client import Client
from tests.serve_driver import descriptors_kept, is_running
from tests.support import wait_until
from tests.terminal_checks import expect_restored, expect_serving
from tests.terminal_driver import ENTER_ALTERNATE_SCREEN, Dashboard
from tui.panels.keys import DIGITS

SWITCHES = 20
WITH_A_DIGIT = list(MODELS)[:DIGITS]
SIZES = [(120, 40), (80, 24), (60, 20)]

pytestmark = pytest.mark.usefixtures("tmux")


# --- what is seen, and what keys do ------------------------------------------------------------


@pytest.mark.parametrize(("columns", "rows"), SIZES)
def test_the_first_line_and_the_keys(columns: int, rows: int) -> None:
    with Dashboard("thread", columns, rows) as dashboard:
        first, *_ = dashboard.wait_for("q quit")
        port = dashboard.port
        assert first.startswith(f"servetui  thread  http://127.0.0.1:{port}  keep-alive")
        keys = " ".join(dashboard.screen()[-3:])
        names = [f"{number} {model}" for number, model in enumerate(WITH_A_DIGIT, start=1)]
        assert f"1–{len(WITH_A_DIGIT)} model" in keys or all(name in keys for name in names)
        for key in ("k to short", "b burst", "? help", "q quit"):
            assert key in keys

        for number, model in enumerate(WITH_A_DIGIT, start=1):
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


def test_a_small_terminal_and_a_size_that_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")  # as some shells export it: the terminal knows better
    monkeypatch.setenv("LINES", "24")
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
    digits = {model: str(number) for number, model in enumerate(WITH_A_DIGIT, start=1)}
    with Dashboard("process") as dashboard, contextlib.ExitStack() as stack:
        dashboard.wait_for_model("process")
        first = dashboard.engine()
        with descriptors_kept(dashboard.pid):
            load = stack.enter_context(Load(dashboard.port))
            for model in islice(cycle(WITH_A_DIGIT), 1, SWITCHES + 1):
                dashboard.press(digits[model])
                dashboard.wait_for_model(model)
            before = load.met["answered"]
            wait_until(lambda: load.met["answered"] > before + 20, what="the last engine's answers")
            stack.close()
            wait_until(lambda: len(dashboard.everything()) == 2, 20, "no orphan")
        assert not is_running(first)
        load.assert_nobody_failed()
        assert load.met["answered"] > 3 * SWITCHES, load.met
        assert dashboard.model == model
        assert "lost 0" in dashboard.screen()[0]


@pytest.mark.parametrize(("columns", "rows"), SIZES)
def test_a_dead_engine_is_said_and_served_again(columns: int, rows: int) -> None:
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
