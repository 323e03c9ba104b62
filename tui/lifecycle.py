"""How the dashboard ends: by a signal or a terminal that goes away, with the screen restored.

Textual handles neither. One thread: the handlers run in the event loop.
"""

import asyncio
import signal
import sys
from collections.abc import Callable

from engine import terminal_gone

ENDING_SIGNALS = (signal.SIGTERM, signal.SIGHUP, signal.SIGINT)


def install(leave: Callable[[int], None]) -> None:
    """Call `leave` with the number of the signal that asks for the end."""
    loop = asyncio.get_running_loop()
    for number in ENDING_SIGNALS:
        loop.add_signal_handler(number, leave, number)


def remove() -> None:
    """From here on signals do what they did before."""
    loop = asyncio.get_running_loop()
    for number in ENDING_SIGNALS:
        loop.remove_signal_handler(number)


def terminal_has_gone() -> bool:
    """Whether the terminal is gone; then its descriptors lead nowhere now, so that leaving works."""
    stdin = sys.__stdin__.fileno() if sys.__stdin__ else -1
    if stdin < 0 or not terminal_gone.is_gone(stdin):
        return False
    terminal_gone.replace_by_null(0, 1, 2)
    return True
