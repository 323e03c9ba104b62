"""How often to draw: the full rate, or half of it again and again when drawing costs too much.

Pure: seconds come in as arguments.
"""

FRAMES_PER_S = 12
FRAMES_PER_S_REMOTE = 6  # over ssh each frame is traffic
LEAST_PER_S = 2
TOO_MUCH = 0.5  # of the period
LITTLE = 0.15
CALM_FRAMES = 24  # so many cheap frames in a row before the rate is raised again


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
