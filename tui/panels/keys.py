"""The last lines: the keys that work, and nothing else."""

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

from tui.format import Line, Span, plain

DIGITS = 9  # models beyond the ninth have no digit; `m` shows them all
LEFT_OUT = 7  # keys of this rank and above give way to the names of the models
GAPS = (2, 1)  # cells between keys, the second where the first has no room


class Item(NamedTuple):
    """A key and what it does."""

    key: str
    words: str
    stands_out: bool
    rank: int
    """The lower, the longer it stays where there is little room."""


@lru_cache(maxsize=16)  # hardly a frame has other keys than the one before
def lines(
    items: tuple[Item, ...], models: tuple[str, ...], running: str, width: int, most: int
) -> Sequence[Line]:
    """At most `most` lines; a key and its words stay together. Where there is room for them beside the
    keys that matter, the digits are told one by one (without `models` there are none); where there is
    little, the least important keys are left out."""
    digits = [
        Item(str(digit), model, model == running, 0)
        for digit, model in enumerate(models[:DIGITS], start=1)
    ]
    told = [*digits, *items[1:]] if digits else list(items)
    while len(rows := _flow(told, width, GAPS[0])) > most:
        least = max(told, key=lambda item: item.rank)
        if not digits or least.rank < LEFT_OUT:
            break
        told.remove(least)
    kept = list(items)
    while len(rows) > most and kept:
        for gap in GAPS:
            rows = _flow(kept, width, gap)
            if len(rows) <= most:
                break
        else:
            kept.remove(max(kept, key=lambda item: item.rank))
    return rows


def _flow(items: Sequence[Item], width: int, gap: int) -> list[Line]:
    rows: list[list[Span]] = [[]]
    for item in items:
        spans: list[Span] = [
            (item.key, "key"),
            (" ", "text"),
            (item.words, "chosen" if item.stands_out else "hint"),
        ]
        between: list[Span] = [(" " * gap, "text")] if rows[-1] else []
        if len(plain(tuple(rows[-1] + between + spans))) > width:
            rows.append(spans)
        else:
            rows[-1] += between + spans
    return [tuple(row) for row in rows]
