"""A report beside an earlier one, made under the same conditions. Pure."""

from __future__ import annotations

from engine.compare.report import Comparison
from engine.compare.standing import Standing
from engine.compare.verdict import order


def changes(earlier: Comparison, now: Comparison) -> list[str]:
    """In words: whose requests/s lie outside the earlier spread, and whose order has changed."""
    before = {(each.model, each.mode): each for each in earlier.standings}
    found = [
        words
        for each in now.standings
        if (old := before.get((each.model, each.mode))) and (words := _change(old, each))
    ]
    return found + _turned(earlier, now) or ["as in the earlier report, within the spread"]


def _change(old: Standing, new: Standing) -> str:
    if not (old.is_fair and new.is_fair):
        return ""
    where = f"{new.model}, {new.mode}: "
    figures = f"{old.requests_per_s:,.0f} requests/s then, {new.requests_per_s:,.0f} now"
    if new.spread[0] > old.spread[1]:
        return f"{where}faster beyond the spread, {figures}"
    if new.spread[1] < old.spread[0]:
        return f"{where}slower beyond the spread, {figures}"
    return ""


def _turned(earlier: Comparison, now: Comparison) -> list[str]:
    """Pairs whose order holds outside the spread both times, and is not the same."""
    found = []
    for mode in dict.fromkeys(each.mode for each in now.standings):
        for more, less in sorted(_order(now, mode)):
            if (less, more) in _order(earlier, mode):
                found.append(f"{mode}: {more} is ahead of {less} now, and was behind")
    return found


def _order(told: Comparison, mode: str) -> set[tuple[str, str]]:
    fair = [each for each in told.standings if each.mode == mode and each.is_fair]
    return order({each.model: each.rounds_per_s for each in fair})
