"""Who is best, and whether the spread over the rounds lets us say so. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from engine.compare.conditions import ROUNDS_LEAST


@dataclass(frozen=True, slots=True)
class Verdict:
    """On one figure in one mode."""

    mode: str
    figure: str
    best: tuple[str, ...]
    """One: the winner. Several: they lie within one another's spread. None: nothing to compare."""
    words: str


def judge(
    mode: str, figure: str, told: Mapping[str, Sequence[float]], *, more_is_better: bool
) -> Verdict:
    """`told`: model -> its figure in each round; who is to be left out is not in it.

    A winner is one whose worst round is better than any round of any other. Of a model with fewer than
    ROUNDS_LEAST the figure is not known, which is said: it might be the best.
    """
    rounds = {name: values for name, values in told.items() if len(values) >= ROUNDS_LEAST}
    unknown = ", ".join(name for name in told if name not in rounds)
    beside = f"; not known of {unknown}" if unknown else ""
    if len(rounds) < 2:
        return Verdict(mode, figure, (), f"fewer than two models to compare{beside}")
    sign = 1 if more_is_better else -1
    middle = {name: sign * median(values) for name, values in rounds.items()}
    first = max(middle, key=lambda name: middle[name])
    worst = min(sign * value for value in rounds[first])
    best = sorted(
        (name for name, values in rounds.items() if max(sign * each for each in values) >= worst),
        key=lambda name: -middle[name],
    )
    if len(best) == 1:
        return Verdict(mode, figure, (first,), f"{first}, by more than the spread{beside}")
    words = f"no winner within the spread: {', '.join(best)}{beside}"
    return Verdict(mode, figure, tuple(best), words)


def order(rounds: Mapping[str, Sequence[float]]) -> set[tuple[str, str]]:
    """Each (more, less) whose rounds do not overlap."""
    return {
        (one, other)
        for one, more in rounds.items()
        for other, less in rounds.items()
        if min(more) > max(less)
    }
