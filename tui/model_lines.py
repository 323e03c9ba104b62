"""A model told in words, beside or below the list in which it is chosen. Pure."""

from collections.abc import Iterable

from engine.models import ModelInfo
from tui.format import Line, wrapped

LABEL_WIDTH = 15


def below(info: ModelInfo, width: int, margin: int) -> list[Line]:
    """Calls and failure, each beside its name; its sentence stands in the list."""
    lines: list[Line] = []
    for name, words in _told(info)[1:]:
        for number, part in enumerate(wrapped(words, width - margin - LABEL_WIDTH)):
            shown = "" if number else name
            lines.append(((f"{'':{margin}}{shown:{LABEL_WIDTH}}", "name"), (part, "text")))
    return lines


def beside(info: ModelInfo, width: int) -> list[Line]:
    """Sentence, calls and failure, each below its name, in a narrow column."""
    lines: list[Line] = [((f" {info.name}", "value"),)]
    for name, words in _told(info):
        lines.append(((f" {name}", "name"),))
        lines += [((f" {part}", "text"),) for part in wrapped(words, width - 1)]
    return lines


def longest(infos: Iterable[ModelInfo]) -> int:
    """Columns that the sentences take."""
    return max(len(info.sentence) for info in infos)


def _told(info: ModelInfo) -> list[tuple[str, str]]:
    return [
        ("how it works", info.sentence), ("system calls", info.calls), ("fails by", info.failure),
    ]  # fmt: skip
