"""Stepping and slow motion, as keys change them: whatever engine runs, and the one after it."""

from bisect import bisect_left, bisect_right

from engine.running.engines import Engines

TICKS_S = (0.0, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0)
"""Pauses after each round of the polling loop, from which the keys choose."""


class SlowMotion:
    """The pace of a run's engines."""

    def __init__(self, engines: Engines) -> None:
        self._engines = engines

    @property
    def is_stepping(self) -> bool:
        """The server waits for steps."""
        return self._engines.is_stepping

    @property
    def tick_s(self) -> float:
        """The pause after each round of the polling loop."""
        return self._engines.tick_s

    def step(self) -> None:
        """Hold the server; if it is held, let one request be answered, or one round be made."""
        if self.is_stepping:
            self._engines.step()
        else:
            self._engines.hold(is_stepping=True)

    def go_on(self) -> None:
        """Hold it no longer."""
        self._engines.hold(is_stepping=False)

    def change_tick(self, steps: int) -> None:
        """The next longer pause of TICKS_S, or the next shorter one."""
        if steps > 0:
            at = min(bisect_right(TICKS_S, self.tick_s), len(TICKS_S) - 1)
        else:
            at = max(bisect_left(TICKS_S, self.tick_s) - 1, 0)
        self._engines.set_tick(TICKS_S[at])
