"""Runs sustained load, in the process of the test or in one of its own."""

import asyncio
import subprocess
import sys
from typing import Any

from engine.load.figures import Figures, Report, figures
from engine.load.plan import Plan
from engine.load.readiness import Loop
from engine.load.sustained import run
from tests.support import ROOT

COMMAND = (sys.executable, "-P", "-m", "engine.load")
DEADLINE_S = 60


def load(url: str, **settings: Any) -> Figures:
    """Run it in this process."""
    with asyncio.Runner(loop_factory=Loop) as runner:
        return figures(runner.run(run(Plan(url, **settings))))


def start(url: str, **settings: Any) -> subprocess.Popen[str]:
    """Run it as a process of its own."""
    words = [*COMMAND, Plan(url, **settings).to_json()]
    return subprocess.Popen(words, cwd=ROOT, stdout=subprocess.PIPE, text=True)


def came_of(client: subprocess.Popen[str]) -> Figures:
    out, _ = client.communicate(timeout=DEADLINE_S)
    return figures(Report.from_json(out.splitlines()[-1]))
