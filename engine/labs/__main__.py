"""The process that plays a lab: what is asked in argv[1], lines of JSON on stdout (told.py).

A line when an act is over, and, where somebody looks on, scenes meanwhile. Exit 1, with one line on
stderr, when it cannot be played.
"""

import os
import sys
from time import monotonic

from engine.dying import die_with_parent
from engine.labs.acting import LOOK_S, SAMPLE_S, play_act
from engine.labs.lab import Act, LabError
from engine.labs.playing import load
from engine.labs.stage import Stage
from engine.labs.told import ROWS, Asked, Scene, Told, bare
from engine.running.run import Run

SCENE_S = 0.15  # between two scenes


class Play:
    """What has been played so far."""

    def __init__(self, asked: Asked) -> None:
        self._asked = asked
        self._acts: tuple[Act, ...] = ()
        self._due_s = 0.0

    def do(self) -> None:
        """All of it. Raises LabError."""
        lab = load(self._asked.name)
        for mended in self._asked.acts:
            self._acts = (*self._acts, play_act(lab, mended=mended, on_beat=self._on_beat))
            self._tell(Told(self._acts, is_final=len(self._acts) == len(self._asked.acts)))

    def _on_beat(self, run: Run, stage: Stage, seconds: float) -> None:
        if not self._asked.shows or monotonic() < self._due_s:
            return
        self._due_s = monotonic() + SCENE_S
        scene = Scene(
            seconds,
            tuple(stage.claims),
            dict(stage.figures),
            run.findings(LOOK_S),
            run.status(),
            bare(run.snapshot(0, ROWS)),
            run.numbers(SAMPLE_S),
            run.kernel(LOOK_S),
        )
        self._tell(Told(self._acts, scene))

    def _tell(self, told: Told) -> None:
        sys.stdout.write(told.to_json() + "\n")
        sys.stdout.flush()


def main() -> int:
    """Do what argv asks for; returns the exit code."""
    try:
        asked = Asked.from_json(sys.argv[1] if len(sys.argv) > 1 else "")
    except (ValueError, TypeError, KeyError) as error:
        print(f"lab: {error}", file=sys.stderr)
        return 1
    if asked.parent_pid is not None:
        die_with_parent(asked.parent_pid)
    try:
        Play(asked).do()
    except LabError as error:
        print(f"{asked.name}: {error}", file=sys.stderr)
        return 1
    except BrokenPipeError:
        os._exit(1)  # nobody reads: a flush at exit would only complain
    return 0


if __name__ == "__main__":
    sys.exit(main())
