"""The terminal of the tests is no orphan of theirs."""

import subprocess
import sys

import psutil
import pytest

from tests.support import ROOT, wait_until

pytestmark = pytest.mark.usefixtures("tmux")
TEST = """
from tests.terminal_driver import Terminal
with Terminal() as terminal:
    print(terminal.told("pid"), flush=True)
    input()
"""


def test_it_ends_with_the_process_that_opened_it() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", TEST], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as tests:
        assert tests.stdout is not None
        server = psutil.Process(int(tests.stdout.readline()))
        tests.kill()
    wait_until(lambda: not server.is_running(), what="the end of tmux")
