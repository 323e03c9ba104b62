"""Who watches may let the server go first: what it starts then has the priority that it had itself."""

import subprocess
import sys

import psutil
import pytest

from tests.support import ROOT, wait_until

SCRIPT = """
import os, signal, sys, threading
from engine.running import starter
own = threading.get_native_id()
before = os.getpriority(os.PRIO_PROCESS, own)
starter.let_others_go_first()
asked = "import os; print(os.getpriority(os.PRIO_PROCESS, 0))"
child = starter.start([sys.executable, "-c", asked], stdout=-1)
print(before, os.getpriority(os.PRIO_PROCESS, own), int(child.communicate()[0]))
"""
DIES = """
import sys
from engine.running import starter
asked = "import os, signal; from engine.dying import die_with_parent; die_with_parent(os.getppid());"
asked += "print(os.getpid(), flush=True); signal.pause()"
child = starter.start([sys.executable, "-c", asked], stdout=-1)
print(int(child.stdout.readline()), flush=True)
sys.stdin.read()
print(child.poll())
"""


def is_running(pid: int) -> bool:
    """Not ended, or a zombie that nobody takes leave of."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere threads share their priority")
def test_only_the_thread_that_watches_goes_last() -> None:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )
    before, after, child = map(int, done.stdout.split())
    assert child == before
    assert after == max(before, 10)


def test_what_is_started_lives_for_as_long_as_the_process() -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", DIES], cwd=ROOT, stdin=-1, stdout=-1, text=True
    )
    assert process.stdout is not None
    child = int(process.stdout.readline())
    told, _ = process.communicate("", timeout=30)
    assert told == "None\n", "while its starter waits for more"
    wait_until(lambda: not is_running(child), what="end of what was started")
