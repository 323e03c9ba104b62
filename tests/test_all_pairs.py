"""The walk over all switches takes each of them once."""

from itertools import pairwise, permutations

import pytest

from engine.models import MODELS
from tests.all_pairs import part_of, walk


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize("names", [["a", "b"], list(MODELS)])
def test_each_ordered_pair_once(names: list[str], seed: int) -> None:
    path = walk(names, seed)
    assert sorted(pairwise(path)) == sorted(permutations(names, 2))
    assert path[0] == path[-1] == names[0]


def test_the_seed_decides() -> None:
    assert walk(list(MODELS), 1) == walk(list(MODELS), 1) != walk(list(MODELS), 2)


def test_parts_take_all_steps_and_end_where_they_begin() -> None:
    path = walk(list(MODELS))
    parts = [part_of(path, f"{number}/7") for number in range(1, 8)]
    assert all(part[0] == part[-1] for part in parts)
    assert set(pairwise(path)) <= {step for part in parts for step in pairwise(part)}
    assert part_of(path, "1/1") == path
