"""The first engine of a run, awaited before the screen is taken."""

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from engine.run import Run

LOOK_S = 0.006  # between two looks; an application takes some 0.2 s to be imported


def why_not_begun(run: "Run") -> list[str]:
    """Wait until it serves: []. Else the run is ended: why, and what its engine has written."""
    while (status := run.status()).phase == "starting":
        run.poll()
        time.sleep(LOOK_S)
    if status.phase != "dead":
        return []
    run.stop()
    return [status.last_words[0], *run.said]
