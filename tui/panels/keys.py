"""The last lines: the keys that work, and nothing else."""

from collections.abc import Sequence

from engine.snapshot import RunStatus
from tui.format import Line, Span, plain

DIGITS = 9  # models beyond the ninth have no digit; `m` shows them all
GAP = 2  # cells between keys


def lines(models: Sequence[str], status: RunStatus, width: int) -> list[Line]:
    """As many lines as it takes; a key and its words stay together."""
    named = [*_models(models, status), *_actions(status)]
    if len(_flow(named, width)) > 2:  # too many names: say them as one
        digits = ("1" if len(models) == 1 else f"1–{min(len(models), DIGITS)}", "model")
        named = [(digits[0], digits[1], False), *_actions(status)]
    return _flow(named, width)


def _models(models: Sequence[str], status: RunStatus) -> list[tuple[str, str, bool]]:
    return [
        (str(digit), model, model == status.model)
        for digit, model in enumerate(models[:DIGITS], start=1)
    ]


def _actions(status: RunStatus) -> list[tuple[str, str, bool]]:
    """(key, what it does, whether it stands out)."""
    other = "keep-alive" if status.mode == "short" else "short"
    return [
        ("m", "models", False),
        ("k", other, False),
        ("b", "burst", False),
        ("R", "restart", status.phase == "dead"),
        ("q", "quit", False),
    ]


def _flow(keys: Sequence[tuple[str, str, bool]], width: int) -> list[Line]:
    rows: list[list[Span]] = [[]]
    for key, words, stands_out in keys:
        item: list[Span] = [
            (key, "key"),
            (" ", "text"),
            (words, "chosen" if stands_out else "hint"),
        ]
        gap: list[Span] = [(" " * GAP, "text")] if rows[-1] else []
        if len(plain(tuple(rows[-1] + gap + item))) > width:
            rows.append(item)
        else:
            rows[-1] += gap + item
    return [tuple(row) for row in rows]
