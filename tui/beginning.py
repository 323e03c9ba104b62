"""The first engine of a run, awaited before the screen is taken."""

import math
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from engine.running.run_settings import SLOW_START_S, still_starting

if TYPE_CHECKING:
    from engine.running.run import Run

LOOK_S = 0.006  # between two looks; an application takes some 0.2 s to be imported


def why_not_begun(run: "Run", talk: Callable[[str], None]) -> list[str]:
    """Wait until it serves: []. Else the run is ended: why, and what its engine has written."""
    slow_at_s = time.monotonic() + SLOW_START_S
    while (status := run.status()).phase == "starting":
        run.poll()
        time.sleep(LOOK_S)
        if time.monotonic() > slow_at_s:
            slow_at_s = math.inf
            talk(still_starting(run.settings.app))
    if status.phase != "dead":
        return []
    run.stop()
    return [status.last_words[0], *run.said]
