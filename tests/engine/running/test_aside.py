"""Who watches keeps off the server's processor; what it starts may run where it might run at first."""

import os
import subprocess
import sys

import psutil
import pytest

from tests.support import ROOT, wait_until

ASKED = """
import os, signal, sys
from engine.running.aside import aside
allowed = os.sched_getaffinity(0)
asks = [sys.executable, "-c", "import os; print(len(os.sched_getaffinity(0)))"]
"""
KEEPS_OFF = """
busy = aside.start([sys.executable, "-c", "while True: pass"])  # before: by this thread
try:
    for processor in allowed:
        os.sched_setaffinity(busy.pid, {processor})
        while processor in os.sched_getaffinity(0):  # it may not have moved yet
            aside.keep_off(busy.pid)
        assert os.sched_getaffinity(0) == allowed - {processor}
finally:
    busy.kill()
    busy.wait()
told = aside.start(asks, stdout=-1).communicate()[0]
print(int(told) == len(allowed))
"""
NOWHERE_ELSE = """
only = {min(allowed)}
os.sched_setaffinity(0, only)
aside.keep_off(os.getpid())
aside.keep_off(None)
aside.keep_off(2**31 - 1)
assert os.sched_getaffinity(0) == only
print(int(aside.start(asks, stdout=-1).communicate()[0]))
"""
DIES = """
aside.keep_off(os.getpid())
child = aside.start(
    [
        *(sys.executable, "-c"),
        "import os, signal; from engine.dying import die_with_parent;"
        "die_with_parent(os.getppid()); print(os.getpid(), flush=True); signal.pause()",
    ],
    stdout=-1,
)
print(int(child.stdout.readline()), flush=True)
sys.stdin.read()
print(child.poll())
"""
on_linux = pytest.mark.skipif(
    not hasattr(os, "sched_setaffinity"), reason="elsewhere nobody chooses a processor"
)


def output_of(script: str) -> str:
    """What a process of its own says: it cannot undo what it does to itself."""
    command = [sys.executable, "-c", ASKED + script]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=30)
    assert done.returncode == 0, done.stderr
    return done.stdout


@on_linux
@pytest.mark.skipif(psutil.cpu_count() == 1, reason="needs two processors")
def test_off_the_processor_of_another_process() -> None:
    assert output_of(KEEPS_OFF) == "True\n"


@on_linux
def test_stays_where_there_is_nowhere_else() -> None:
    assert output_of(NOWHERE_ELSE) == "1\n"


@on_linux
def test_what_is_started_lives_for_as_long_as_the_process() -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", ASKED + DIES], cwd=ROOT, stdin=-1, stdout=-1, text=True
    )
    assert process.stdout is not None
    child = int(process.stdout.readline())
    told, _ = process.communicate("", timeout=30)
    assert told == "None\n", "while its starter waits for more"
    wait_until(lambda: not is_running(child), what="end of what was started")


def is_running(pid: int) -> bool:
    """Not ended, or a zombie that nobody takes leave of."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
