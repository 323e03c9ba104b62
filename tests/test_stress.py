"""Keys and sizes at random, while a server is under load: nothing breaks, and no cell is left behind.

SERVETUI_STRESS_S sets for how many seconds at least (60 for a thorough run); pytest -rP shows the figures.
"""

import os
import random
import re
import time

import pytest

from tests.client_load import Load
from tests.support import wait_until
from tests.terminal_driver import Dashboard

SECONDS = float(os.environ.get("SERVETUI_STRESS_S", "0"))
TURNS = 150  # at least; keys and another size in each
KEYS = (
    *"12345mkbsSg?/.+-jrR",
    *("Space", "Up", "Down", "PageUp", "PageDown", "Home", "End", "Enter", "Escape", "Left", "F1"),
    *"axQ! 0",
    *"votwfelLcCB,[]",  # load, forms and comparisons end with the same key, with esc or below
)
STILL_S = 1.3  # rows say their age in whole seconds
GOES_ON = {"PAUSED": "Space", "HELD": ","}
LOADS = re.compile(r"\d%|% done|client starting")  # what a burst or a load under way has in its row
FENCE = "zzz"  # what no key does, and no path has
ESCAPE_S = 0.4  # a key that follows an escape at once would make another one of it


pytestmark = pytest.mark.usefixtures("tmux")


def that_go_on(lines: list[str]) -> list[str]:
    """The keys that end what would keep the screen moving: a pause, which tells its seconds, a step that
    holds a request up, and load."""
    keys = [key for word, key in GOES_ON.items() if word in "\n".join(lines)]
    begins = next((y for y, line in enumerate(lines) if line.startswith("BURSTS")), len(lines))
    is_loaded = any(LOADS.search(line) for line in lines[begins + 1 :])
    return [*keys, *["l"] * is_loaded]


def settled(dashboard: Dashboard) -> list[str]:
    """The screen, once nothing moves on it any more."""
    seen: list[str] = []
    since_s = ended_s = time.monotonic()

    def still() -> list[str]:
        nonlocal seen, since_s, ended_s
        now = dashboard.screen()
        keys = that_go_on(now)
        if keys and time.monotonic() - ended_s > STILL_S:
            dashboard.press(*keys)
            ended_s = time.monotonic()
        if keys or now != seen:
            seen, since_s = now, time.monotonic()
        return seen if time.monotonic() - since_s > STILL_S else []

    return wait_until(still, 60, "a screen that stands still")


def without_ages(lines: list[str]) -> list[str]:
    """The screen without how long something has lasted, and in the strip of the rooms without how many:
    those in TIME_WAIT grow old and fewer, whatever stands still."""
    begins = next(y for y, line in enumerate(lines) if line.startswith(("WHERE", "y")))
    ends = next(y for y, line in enumerate(lines) if line.startswith("SERVER"))
    timeless = [re.sub(r" *[\d.,]+ (ms|s|min)\b", " t", line) for line in lines]
    rooms = [re.sub(r"[\d,]+ *", "n ", line) for line in timeless[begins:ends]]
    return [*timeless[:begins], *rooms, *timeless[ends:]]


def back_to_the_table(dashboard: Dashboard) -> None:
    """From whatever page or line stands there, once all keys that were pressed have been taken in."""
    pressed_s, typed = 0.0, False

    def is_there() -> bool:
        nonlocal pressed_s, typed
        lines = dashboard.screen()
        if typed and f'filter "{FENCE}"' in "\n".join(lines):
            return True  # keys come in order: whatever was pressed before has been done
        if time.monotonic() - pressed_s > ESCAPE_S:
            is_table = (
                any(line.startswith("CONNECTIONS") for line in lines) and " quit" in lines[-1]
            )
            is_held = "go on" in "\n".join(lines)  # a filter rests meanwhile
            typed = is_table and not is_held
            dashboard.press(*("/", FENCE) if typed else ("Space", ",") if is_table else ("Escape",))
            pressed_s = time.monotonic()
        return False

    wait_until(is_there, 40 + SECONDS, "the table of connections")
    dashboard.press("Escape")
    dashboard.wait_until(lambda lines: FENCE not in "\n".join(lines), "no filter")


@pytest.mark.parametrize("seed", [1])
def test_keys_and_sizes_at_random(seed: int) -> None:
    chance = random.Random(seed)
    with Dashboard("epoll") as dashboard:
        with Load(dashboard.port, pause_s=0.01):
            keys = turns = 0
            began_s = time.monotonic()
            while turns < TURNS or time.monotonic() - began_s < SECONDS:
                pressed = chance.choices(KEYS, k=chance.randint(1, 4))
                dashboard.press(*pressed)
                dashboard.resize(chance.randint(20, 200), chance.randint(5, 60))
                keys, turns = keys + len(pressed), turns + 1
            took_s = time.monotonic() - began_s
            print(f"seed {seed}: {keys} keys and {turns} sizes in {took_s:.1f} s")
            dashboard.resize(120, 40)
            back_to_the_table(dashboard)
            dashboard.press("C-z")
            wait_until(dashboard.is_shell_screen, what="the shell")
            dashboard.enter("fg")
            dashboard.wait_for("CONNECTIONS")
        back_to_the_table(dashboard)
        assert dashboard.process.is_running()
        dashboard.press("5")  # polling would never stand still
        dashboard.wait_for("servetui  epoll  ")
        left_behind = settled(dashboard)
        dashboard.resize(90, 20)
        dashboard.wait_until(lambda lines: len(lines) == 20, "the other size")
        dashboard.resize(120, 40)
        again = settled(dashboard)
        assert without_ages(again) == without_ages(left_behind)
        assert not dashboard.has_wrapped_lines()
        dashboard.press("q")
        assert dashboard.exit_code() == 0
        assert b"Traceback" not in dashboard.written()
