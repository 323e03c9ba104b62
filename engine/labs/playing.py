"""A lab as it is seen from outside: loaded to be read, played in a process of its own.

So that it disturbs nobody who looks on, and that nothing of it is left when it is given up: its servers
end with it.
"""

import os
from collections.abc import Callable
from importlib import import_module
from time import sleep

from engine.labs import LABS
from engine.labs.lab import Act, Lab, LabError
from engine.labs.told import Asked, Told
from engine.running.client_process import ClientProcess

LOOK_S = 0.05
MODULE = "engine.labs"


def load(name: str) -> Lab:
    """The lab of this name. KeyError: there is none."""
    lab: Lab = import_module(LABS[name]).LAB
    return lab


def begin(name: str, *, acts: tuple[bool, ...] = (False, True), shows: bool) -> ClientProcess[Told]:
    """Let it be played; `shows`: with scenes. From the main thread. Raises OSError."""
    asked = Asked(name, acts, os.getpid(), shows)
    return ClientProcess(asked.to_json(), Told.from_json, MODULE)


def play_all(
    name: str,
    acts: tuple[bool, ...] = (False, True),
    on_act: Callable[[bool], None] = lambda _: None,
) -> tuple[Act, ...]:
    """Play these acts of a lab and wait for them; `on_act` hears `mended` of each as it begins.

    Raises LabError.
    """
    begun = 0
    process = begin(name, acts=acts, shows=False)
    try:
        while process.is_running:
            done = len(process.report.acts) if process.report else 0
            for mended in acts[begun : done + 1]:
                on_act(mended)
                begun += 1
            sleep(LOOK_S)
            process.advance()
    finally:
        process.kill()
    if process.report is None or not process.report.is_final:
        raise LabError(process.last_words)
    return process.report.acts


def play(lab: Lab, *, mended: bool) -> Act:
    """Play one act. Raises LabError."""
    return play_all(lab.name, (mended,))[0]
