"""Who watches has short turns on the processor, and what it starts has turns as long as ever."""

import errno
import os
import platform
import subprocess
import sys

import pytest

from engine.running.short_turns import TURN_NS, take_short_turns
from tests.support import ROOT

ASKED = """
import ctypes, os, struct
def turn_ns():
    told = ctypes.create_string_buffer(56)
    number = {"x86_64": 315}.get(os.uname().machine, 275)  # sched_getattr
    assert ctypes.CDLL(None).syscall(number, 0, told, 56, 0) == 0
    return struct.unpack("=IIQiIQQQII", told.raw)[5]
"""
SCRIPT = """
import subprocess, sys
from engine.running.short_turns import take_short_turns
before, nice = turn_ns(), os.getpriority(os.PRIO_PROCESS, 0)
take_short_turns()
assert os.getpriority(os.PRIO_PROCESS, 0) == nice
asked = [sys.executable, "-c", sys.argv[1] + "print(turn_ns())"]
print(before, turn_ns(), int(subprocess.run(asked, capture_output=True).stdout))
"""


def tells_turns() -> bool:
    """Linux from 6.12 on, where each thread may choose its own."""
    if sys.platform != "linux" or platform.machine() not in ("x86_64", "aarch64", "riscv64"):
        return False
    return tuple(map(int, platform.release().split("-")[0].split(".")[:2])) >= (6, 12)


@pytest.mark.skipif(not tells_turns(), reason="this system has turns of one length")
def test_short_turns_are_not_inherited() -> None:
    command = [sys.executable, "-c", ASKED + SCRIPT, ASKED]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=30)
    assert done.returncode == 0, done.stderr
    before, after, child = map(int, done.stdout.split())
    assert after == TURN_NS < before == child


def test_a_system_without_schedulers_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(_: int) -> int:
        raise OSError(errno.ENOSYS, "as musl says")

    monkeypatch.setattr(os, "sched_getscheduler", unknown, raising=False)
    take_short_turns()


@pytest.mark.skipif(not hasattr(os, "SCHED_BATCH"), reason="needs Linux")
def test_another_policy_is_left_alone() -> None:
    script = """
import os
from engine.running.short_turns import take_short_turns
os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))
take_short_turns()
print(os.sched_getscheduler(0) == os.SCHED_BATCH)
"""
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=30)
    assert done.stdout == "True\n", done.stderr
