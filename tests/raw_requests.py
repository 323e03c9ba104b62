"""The table of raw requests (data/requests.toml), and what the HTTP core and the site make of one."""

import re
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engine.handlers.site import WWW, Site
from engine.http1.conversation import Conversation
from engine.http1.messages import Request

SHORT_BYTES = 700  # what is longer repeats itself, and is not sent byte by byte

_STATUS = re.compile(rb"HTTP/1\.1 (\d\d\d) [^\r\n]*\r\n")


@dataclass(frozen=True, slots=True)
class Case:
    """One row of the table."""

    name: str
    rfc: str
    why: str
    data: bytes
    statuses: tuple[int, ...]
    open: bool
    h11: str

    def short_statuses(self) -> tuple[int, ...]:
        """The statuses in short mode: up to the first final one."""
        finals = [at for at, status in enumerate(self.statuses) if status >= 200]
        return self.statuses[: finals[0] + 1] if finals else self.statuses

    def short_open(self) -> bool:
        return self.open and self.short_statuses()[-1:] in ((), (100,))

    def pieces(self) -> list[bytes]:
        """The bytes one by one, or of long ones some hundred pieces."""
        step = 1 if len(self.data) <= SHORT_BYTES else len(self.data) // 100
        return [self.data[at : at + step] for at in range(0, len(self.data), step)]


@dataclass(slots=True)
class Mode:
    keep_alive: bool = True


@dataclass(frozen=True, slots=True)
class Talk:
    """What came of some bytes."""

    requests: list[Request]
    answers: list[bytes]
    ended: bool
    partial: bool

    def statuses(self) -> tuple[int, ...]:
        return tuple(int(answer[9:12]) for answer in self.answers)


def load() -> list[Case]:
    path = Path(__file__).parent / "data" / "requests.toml"
    return [_case(row) for row in tomllib.loads(path.read_text("utf-8"))["case"]]


def statuses(wire: bytes) -> list[int]:
    """Of each status line, interim ones too. No content here has such a line."""
    return [int(status) for status in _STATUS.findall(wire)]


def converse(pieces: Iterable[bytes], site: Site | None = None, mode: Mode | None = None) -> Talk:
    """Feed and answer, as the models do."""
    site = site or _SITE
    conversation = Conversation(mode or Mode())
    asked, answers = [], []
    for piece in pieces:
        if conversation.ended:
            break
        for request in conversation.receive(piece):
            asked.append(request)
            answers.append(b"".join(conversation.send(site.answer(request))))
            if conversation.ended:
                break
    return Talk(asked, answers, conversation.ended, conversation.partial)


_SITE = Site(WWW)


def _case(row: dict[str, Any]) -> Case:
    sent = row["send"] if isinstance(row["send"], list) else [row["send"]]
    text = "".join(one if isinstance(one, str) else one["text"] * one["times"] for one in sent)
    return Case(
        row["name"], row["rfc"], row["why"], text.encode("latin-1"), tuple(row["status"]),
        row["open"], row.get("h11", ""),
    )  # fmt: skip
