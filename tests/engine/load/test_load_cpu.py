"""Who used the processors: exact enough for a server that did little."""

import subprocess
import sys

import pytest

from engine.load.cpu import CpuMeter

WORKS_A_LITTLE = """
import time
while input():
    until_s = time.process_time() + 0.001
    while time.process_time() < until_s:
        pass
    print("done", flush=True)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the system tells it as it likes")
def test_what_is_less_than_a_tick_of_the_system_is_counted() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", WORKS_A_LITTLE],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as server:
        assert server.stdin is not None
        assert server.stdout is not None
        for _ in range(5):
            meter = CpuMeter(server.pid, server.pid)
            server.stdin.write("work\n")
            server.stdin.flush()
            server.stdout.readline()
            told = meter.shares()
            assert told.server
            assert told.dashboard
        server.communicate("\n")
    assert CpuMeter(server.pid, None).shares().server is None
