"""How often to draw: the full rate, or half of it again and again when drawing costs too much. And what waits
for a key that is on its way to the screen.

Pure: seconds come in as arguments.
"""

FRAMES_PER_S = 12
FRAMES_PER_S_REMOTE = 6  # over ssh each frame is traffic
LEAST_PER_S = 2
TOO_MUCH = 0.5  # of the period
LITTLE = 0.15
CALM_FRAMES = 24  # so many cheap frames in a row before the rate is raised again
KEY_S = 0.03  # a key that has shown nothing by then shows nothing
STARVED_S = 0.1  # so long everything else waits for keys, at most


class Pace:
    """The rate in force."""

    def __init__(self, full_per_s: float) -> None:
        self.full_per_s = full_per_s
        self.per_s = full_per_s
        self._calm = 0

    @property
    def period_s(self) -> float:
        """Between two frames."""
        return 1 / self.per_s

    def note(self, cost_s: float) -> None:
        """A frame has taken this long, from the first question to the last byte."""
        share = cost_s / self.period_s
        if share > TOO_MUCH:
            self.per_s = max(self.per_s / 2, min(LEAST_PER_S, self.full_per_s))
            self._calm = 0
        elif share < LITTLE and self.per_s < self.full_per_s:
            self._calm += 1
            if self._calm >= CALM_FRAMES:
                self.per_s = min(self.per_s * 2, self.full_per_s)
                self._calm = 0
        else:
            self._calm = 0


class RightOfWay:
    """A key passes a dozen hands before it is painted. What has 2 ms of work each time would hold it up at
    each of them; so it waits, for a moment, until the key is seen."""

    def __init__(self) -> None:
        self._pressed_s = -KEY_S
        self._worked_s = 0.0

    def press(self, now_s: float) -> None:
        """A key was pressed."""
        self._pressed_s = now_s

    def seen(self) -> None:
        """What it did has been painted."""
        self._pressed_s = -KEY_S

    def is_free(self, now_s: float) -> bool:
        """Whether other work may go on, which then counts as done."""
        if now_s - self._pressed_s < KEY_S and now_s - self._worked_s < STARVED_S:
            return False
        self._worked_s = now_s
        return True
