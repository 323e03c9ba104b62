"""A walk over all ordered pairs: each change from one to another, once, without a step between."""

import random
from collections.abc import Sequence


def walk(names: Sequence[str], seed: int = 0) -> list[str]:
    """Begins and ends with the first name; each ordered pair of two names stands in it once, side by side.

    An Eulerian circuit (Hierholzer): go on along changes that are left until none is, then go back to
    where another one was left. `seed` says which of the many walks.
    """
    chance = random.Random(seed)
    left = {name: [other for other in names if other != name] for name in names}
    for others in left.values():
        chance.shuffle(others)
    path, found = [names[0]], []
    while path:
        if left[path[-1]]:
            path.append(left[path[-1]].pop())
        else:
            found.append(path.pop())
    return found[::-1]


def part_of(path: Sequence[str], words: str) -> Sequence[str]:
    """Of `2/5` the second fifth of the steps, and a step back to where that begins."""
    number, parts = map(int, words.split("/"))
    steps = len(path) - 1
    first, last = (steps * each // parts for each in (number - 1, number))
    part = path[first : last + 1]
    return part if part[-1] == part[0] else [*part, part[0]]
