"""`servetui compare` as a user runs it."""

import json
import signal
import subprocess
import sys
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path

import psutil
import pytest

from engine.views.rooms import ROOMS
from tests.pictures import pixels, widest
from tests.serve_driver import Json
from tests.support import ROOT, a_terminal, wait_until
from tui.palette import ROLES

COMMAND = (sys.executable, "-m", "tui", "compare")
SHORT = ("--models", "thread,epoll", "--mode", "short", "-d", "1", "-c", "8", "--path", "/wait/20")


def run(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*COMMAND, *words], cwd=ROOT, capture_output=True, text=True, timeout=100)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Json, Path]:
    """The report of a short comparison of two models, and the folder of its files."""
    folder = tmp_path_factory.mktemp("report")
    words = ("--json", "--html", str(folder / "c.html"), "--markdown", str(folder / "c.md"))
    done = run(*SHORT, *words)
    assert (done.returncode, done.stderr) == (0, "")
    (folder / "c.json").write_text(done.stdout)
    return json.loads(done.stdout.splitlines()[-1]), folder


@pytest.mark.slow
def test_where_waiting_belongs_to_the_model(made: tuple[Json, Path]) -> None:
    told, _ = made
    assert (told["kind"], told["is_whole"], told["share"]) == ("comparison", True, 1.0)
    thread, epoll = told["models"]
    assert [one["model"] for one in (thread, epoll)] == ["thread", "epoll"]
    for one in (thread, epoll):
        assert set(one["waits"]) == set(ROOMS)
        assert (one["errors"], one["rounds"], one["mode"]) == ({}, 3, "short")
        assert 20 <= one["p50_ms"] <= one["max_ms"]
        least, most = one["spread_per_s"]
        assert least <= one["requests_per_s"] <= most
    assert thread["threads"] > epoll["threads"] == 1
    assert epoll["requests_per_s"] <= 50  # a wait of 20 ms blocks its only thread
    assert thread["requests_per_s"] > epoll["requests_per_s"]
    assert thread["waits"]["handler"] > 1.5 > epoll["waits"]["handler"]
    if thread["is_fair"] and epoll["is_fair"]:  # the machine was not crowded
        assert told["verdicts"][0]["best"] == ["thread"]


@pytest.mark.slow
def test_the_report_stands_beside_an_earlier_one(made: tuple[Json, Path]) -> None:
    _, folder = made
    report = folder / "c.json"
    refused = run(*SHORT, "--against", str(report), "--path", "/")
    assert refused.returncode == 2
    assert "path is '/wait/20' there and '/' here" in refused.stderr
    done = run(*SHORT, "--against", str(report))
    assert (done.returncode, done.stderr) == (0, "")
    assert "epoll is ahead" not in done.stdout
    for words in ("requests/s", "waits in", "thread", "short, lowest p50: "):
        assert words in done.stdout


class Addresses(HTMLParser):
    """All that a page would load, and the elements that it has."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self.tags: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.found += [value or "" for name, value in attrs if name in ("src", "href", "data")]


@pytest.mark.slow
def test_the_page_needs_no_network_and_shows_its_charts(
    made: tuple[Json, Path], tmp_path: Path, require_tool: Callable[[str], str]
) -> None:
    _, folder = made
    text = (folder / "c.html").read_text()
    page = Addresses()
    page.feed(text)
    assert page.found == []
    assert page.tags.count("svg") == 3
    assert "script" not in page.tags
    assert "url(" not in text
    assert "@import" not in text
    shot = tmp_path / "c.png"
    flags = ("--headless", "--no-sandbox", "--disable-gpu", "--no-proxy-server")
    taken = subprocess.run(
        [require_tool("chromium"), *flags, "--window-size=1000,1100", "--hide-scrollbars",
         f"--user-data-dir={tmp_path}", f"--screenshot={shot}", f"file://{folder / 'c.html'}"],
        capture_output=True, timeout=60, text=True,
    )  # fmt: skip
    assert shot.exists(), taken.stderr[-2000:]
    picture = pixels(shot.read_bytes())
    # The longest bar of requests/s, of a model that may be left out of the verdict; and who waits in
    # the handler, as long as the chart, or nearly.
    for roles in (("bar", "closed"), ("handler",)):
        rows = [row for row in widest(picture, [ROLES[each][1] for each in roles]) if row > 300]
        assert 12 <= len(rows) <= 60, roles


@pytest.mark.slow
def test_the_markdown_has_a_table(made: tuple[Json, Path]) -> None:
    _, folder = made
    lines = (folder / "c.md").read_text().splitlines()
    rows = [line for line in lines if line.startswith("| ")]
    # On a machine at work both may have a star.
    names = [row.split("|")[1].strip().removesuffix("\\*") for row in rows]
    assert names == ["model", "---", "thread", "epoll"]
    assert len({row.count("|") for row in rows}) == 1


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("--models", "thread,nobody"), 2, "no model 'nobody'; there are process, thread"),
        (("--models", "thread,thread"), 2, "each model once"),
        (("--path", "wait"), 2, "'wait' is no path"),
        (("--mode", "long"), 2, "--mode"),
        (("--rounds", "2"), 2, "2 rounds show no spread"),
        (("-d", "0.1"), 2, "shows nothing"),
        (("-c", "0"), 2, "-c"),
        (("--app", "7"), 2, "names no application"),
        (("--against", "/no/such/file"), 2, "cannot read /no/such/file"),
        (("--against", __file__), 2, "is no report"),
        (("--models", "thread", "--path", "/nothing/there"), 1, "/nothing/there is answered 404"),
        (("--models", "thread", "--app", "no_such:app"), 1, "no module 'no_such'"),
        (("--models", "asyncio", "--app", "tests.apps.flask_app:app"), 1, "which asyncio cannot run"),
    ],
)  # fmt: skip
def test_what_cannot_be_done_is_said_in_one_line(
    words: tuple[str, ...], code: int, said: str
) -> None:
    done = run(*words)
    assert done.returncode == code
    assert not (code == 2 and done.stdout)
    (line,) = done.stderr.splitlines()
    assert line.startswith("servetui: ")
    assert said in line


def test_an_interrupt_tells_what_was_done_and_the_bar_shows_what_is() -> None:
    words = [*COMMAND, *SHORT, "-d", "1", "--json"]
    with (
        a_terminal() as (terminal, told),
        subprocess.Popen(
            words, cwd=ROOT, stdout=subprocess.PIPE, stderr=terminal, text=True
        ) as process,
    ):
        try:
            wait_until(lambda: "epoll, short, round 1 of 3" in told(), 30, "the second run")
            process.send_signal(signal.SIGINT)
            out, _ = process.communicate(timeout=20)
        finally:
            process.kill()
    assert process.returncode == 1
    report = json.loads(out)
    assert (report["is_whole"], report["models"][0]["model"]) == (False, "thread")


def test_nothing_outlives_a_command_that_is_killed() -> None:
    words = [*COMMAND, *SHORT, "-d", "9"]
    with subprocess.Popen(words, cwd=ROOT, stdout=subprocess.DEVNULL) as process:
        try:
            command = psutil.Process(process.pid)
            # The process that compares, its engine, its client.
            wait_until(lambda: len(command.children(recursive=True)) >= 3, 20, "three processes")
            started = command.children(recursive=True)
        finally:
            process.kill()
    wait_until(lambda: not any(each.is_running() for each in started), 5, "their end")
