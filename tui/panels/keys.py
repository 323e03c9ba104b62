"""The last lines: the keys that work, and nothing else."""

from collections.abc import Sequence

from engine.snapshot import RunStatus
from tui.format import Line, Span, plain

DIGITS = 9  # models beyond the ninth have no digit; `m` shows them all
GAPS = (2, 1)  # cells between keys, the second where the first has no room
MODES = ("keep-alive", "short")
MODE_WIDTH = max(map(len, MODES))  # so that the keys after `k` stay where they are


def lines(models: Sequence[str], status: RunStatus, width: int, most: int) -> list[Line]:
    """At most `most` lines if possible; a key and its words stay together."""
    actions = _actions(status)
    last = str(min(len(models), DIGITS))
    digits = ("1" if last == "1" else f"1–{last}", "model", False)
    for keys, gap in (
        ([*_models(models, status), *actions], GAPS[0]),
        ([digits, *actions], GAPS[0]),
        ([digits, *actions], GAPS[1]),
    ):
        rows = _flow(keys, width, gap)
        if len(rows) <= most:
            break
    return rows


def _models(models: Sequence[str], status: RunStatus) -> list[tuple[str, str, bool]]:
    return [
        (str(digit), model, model == status.model)
        for digit, model in enumerate(models[:DIGITS], start=1)
    ]


def _actions(status: RunStatus) -> list[tuple[str, str, bool]]:
    """(key, what it does, whether it stands out)."""
    other = MODES[0] if status.mode == MODES[1] else MODES[1]
    return [
        ("m", "models", False),
        ("k", f"{other:{MODE_WIDTH}}", False),
        ("b", "burst", False),
        ("R", "restart", status.phase == "dead"),
        ("q", "quit", False),
    ]


def _flow(keys: Sequence[tuple[str, str, bool]], width: int, gap: int) -> list[Line]:
    rows: list[list[Span]] = [[]]
    for key, words, stands_out in keys:
        item: list[Span] = [
            (key, "key"),
            (" ", "text"),
            (words, "chosen" if stands_out else "hint"),
        ]
        between: list[Span] = [(" " * gap, "text")] if rows[-1] else []
        if len(plain(tuple(rows[-1] + between + item))) > width:
            rows.append(item)
        else:
            rows[-1] += between + item
    return [tuple(row) for row in rows]
