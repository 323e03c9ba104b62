"""`servetui load` as a user runs it: figures, files, exit codes. Its counts are in test_load_counts.py."""

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from hdrh.histogram import HdrHistogram
from hdrh.log import HistogramLogReader

from tests.serve_driver import Json, Serve
from tests.support import ROOT, a_terminal, wait_until

COMMAND = (sys.executable, "-m", "tui", "load")
KEYS = (
    "requests", "connections_opened", "errors", "seconds", "requests_per_s", "p50_ms", "p90_ms",
    "p99_ms", "max_ms", "verdict",
)  # fmt: skip


def run(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*COMMAND, *words], cwd=ROOT, capture_output=True, text=True, timeout=60)


def figures(*words: str) -> Json:
    done = run(*words, "--json")
    assert done.returncode == 0, done.stderr
    told: Json = json.loads(done.stdout.splitlines()[-1])
    return told


def test_the_keys_of_the_contract_come_first(tmp_path: Path) -> None:
    log = tmp_path / "log.hdr"
    with Serve("thread") as server:
        told = figures(
            server.url + "/",
            "-c",
            "2",
            "-d",
            "1.5",
            "--server-pid",
            str(server.pid),
            "--hdr",
            str(log),
        )
    assert tuple(told)[: len(KEYS)] == KEYS
    assert told["is_whole"] is True
    assert told["p50_ms"] <= told["p90_ms"] <= told["p99_ms"] <= told["max_ms"]
    assert told["cpu"]["server"] > 0

    merged = HdrHistogram(1, 3_600_000_000, 3)
    reader = HistogramLogReader(str(log), merged)
    reader.add_next_interval_histogram()
    reader.close()
    assert merged.get_total_count() == told["measured"]
    assert merged.get_value_at_percentile(50) / 1000 == told["p50_ms"]


def test_too_few_connections_are_said_beside_the_verdict() -> None:
    with Serve("thread") as server:
        words = (server.url + "/wait/50", "-c", "1", "-d", "1", "--rate", "100")
        few, enough = run(*words), run(*words, "-c", "30")
    assert (few.returncode, enough.returncode) == (0, 0)
    *_, verdict, lack = few.stdout.splitlines()
    assert verdict.startswith("verdict ")
    assert lack.strip().startswith("with 1 connection, all in use: ")
    assert lack.endswith("; more may carry more")
    assert "in use" not in enough.stdout


def test_figures_for_people() -> None:
    with Serve("thread") as server:
        done = run(server.url + "/", "-c", "2", "-n", "50", "--path", "/=2", "--path", "/style.css")
    assert (done.returncode, done.stderr) == (0, "")
    for words in (
        "closed loop",
        "done 50",
        "p50 ",
        "p99 -",
        "2 opened",
        "errors       none",
        "verdict",
    ):
        assert words in done.stdout
    assert "ended early" not in done.stdout


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("http://127.0.0.1:9/", "-c", "2", "-n", "3"), 1, "http://127.0.0.1:9/: 3 refused"),
        (("http://no.such.host.invalid/", "-c", "2", "-n", "3"), 1, "no.such.host.invalid"),
        (("https://127.0.0.1/", "-c", "2", "-n", "3"), 2, "https is not spoken here"),
        (("http://[::1]:9/", "-c", "2", "-n", "3"), 1, "http://[::1]:9/: 3 refused"),
        (("ftp://127.0.0.1/", "-c", "2", "-n", "3"), 2, "not a URL of the form http://"),
        (("http://127.0.0.1:x/", "-c", "2", "-n", "3"), 2, "not a URL"),
        (("http://127.0.0.1/", "-c", "2"), 2, "-n"),
        (("http://127.0.0.1/", "-n", "2"), 2, "-c"),
        (("http://127.0.0.1/", "-c", "0", "-n", "2"), 2, "-c"),
        (("http://127.0.0.1/", "-c", "1", "-n", "2", "-d", "1"), 2, "-d"),
        (("http://127.0.0.1/", "-c", "1", "-d", "0"), 2, "seconds"),
        (("http://127.0.0.1/", "-c", "1", "-d", "1", "--rate", "0"), 2, "rate"),
        (("http://127.0.0.1/", "-c", "1", "-d", "1", "--path", "x"), 2, "path"),
    ],
)  # fmt: skip
def test_what_cannot_be_done_is_said_in_one_line(
    words: tuple[str, ...], code: int, said: str
) -> None:
    done = run(*words)
    assert (done.returncode, done.stdout if code == 2 else "") == (code, "")
    (line,) = done.stderr.splitlines()
    assert line.startswith("servetui: ")
    assert said in line


def test_on_a_terminal_there_is_a_progress_bar_and_an_interrupt_tells_what_was_done() -> None:
    with Serve("thread") as server, a_terminal() as (terminal, told):
        words = [*COMMAND, server.url + "/", "-c", "2", "-d", "60", "--think", "0.01", "--json"]
        with subprocess.Popen(
            words, cwd=ROOT, stdout=subprocess.PIPE, stderr=terminal, text=True
        ) as client:
            try:
                wait_until(lambda: "answers" in told(), 20, "progress")
                wait_until(lambda: " %" in told(), 20, "a share")
                client.send_signal(signal.SIGINT)
                out, _ = client.communicate(timeout=20)
            finally:
                client.kill()
        assert client.returncode == 1
        figures = json.loads(out)
        assert figures["done"] > 0
        assert figures["is_whole"] is False
        assert "ended early" in told()
        assert 0 < figures["seconds"] < 60
        assert server.stop()["requests"] == figures["requests"]
