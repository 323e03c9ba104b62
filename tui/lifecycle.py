"""How the dashboard ends: by a signal or a terminal that goes away, with the screen restored.

Textual handles neither. One thread: `leave` runs in the event loop.
"""

import asyncio
import contextlib
import os
import signal
import sys
import termios
from collections.abc import Callable

from engine import terminal_gone

ENDING_SIGNALS = (signal.SIGTERM, signal.SIGHUP, signal.SIGINT)
EXIT_BY_SIGNAL = 128  # plus its number: what a shell reports as well
PATIENCE_S = 3  # after a signal; an orderly end takes 0.6 s


def install(leave: Callable[[int], None]) -> None:
    """Call `leave` with the number of the signal that asks for the end.

    A terminal that takes no output (a stalled ssh) blocks the event loop in the middle of a write,
    and `leave` never runs: then the process ends as it is, and the engine ends with it. All that can
    be restored is how the terminal treats keys.
    """
    loop = asyncio.get_running_loop()
    modes = termios.tcgetattr(0) if os.isatty(0) else None

    def end_now(number: int) -> None:
        if modes:
            with contextlib.suppress(termios.error):
                termios.tcsetattr(0, termios.TCSANOW, modes)
        os._exit(EXIT_BY_SIGNAL + number)

    def ask_for_the_end(number: int, _: object) -> None:
        loop.call_soon_threadsafe(leave, number)
        signal.signal(signal.SIGALRM, lambda *_: end_now(number))
        signal.alarm(PATIENCE_S)

    for number in ENDING_SIGNALS:
        signal.signal(number, ask_for_the_end)


def remove() -> None:
    """From here on signals do what they did before."""
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)


def terminal_has_gone() -> bool:
    """Whether the terminal is gone; then its descriptors lead nowhere now, so that leaving works."""
    stdin = sys.__stdin__.fileno() if sys.__stdin__ else -1
    if stdin < 0 or not terminal_gone.is_gone(stdin):
        return False
    terminal_gone.replace_by_null(0, 1, 2)
    return True
