"""Models under the same load, in turns: choose them, watch how far it is, read what came of it.

servetui  thread  http://127.0.0.1:7890  keep-alive
COMPARE  keep-alive, /wait/20, 32 connections, 1.2 s, 3 rounds, interleaved

> [x] thread       a thread for each connection
  [ ] gevent       a greenlet for each connection, all in one thread
  [x] epoll        one thread sleeps until the kernel names the sockets that are ready

COMPARE  /wait/20, 32 connections, 1.2 s, 3 rounds, interleaved
████████████░░░░░  71 %  thread, keep-alive, round 3 of 3
keep-alive               requests/s   p50    p99    waits in
thread   ██████████████       1,490   21 ms  26 ms  handler 100 %
↑ ↓ more  s save as JSON and HTML  C settings  enter again  esc back

The servers of the comparison are others than the dashboard's. Leaving the page ends it.
"""

import os
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

from textual.binding import Binding, BindingType

from engine.compare.conditions import Asked, Conditions
from engine.compare.report import Comparison
from engine.models import MODELS, ModelInfo, describe
from engine.running.client_process import ClientProcess
from engine.views.snapshot import RunStatus
from tui import model_lines
from tui.comparison import cells, in_html, in_text
from tui.format import Line, beside, fit, part_of, wrapped
from tui.lines import Painter
from tui.screens.page import Page

CHOOSING = (
    ("↑ ↓", "choose"), ("space", "mark"), ("a", "all"), ("C", "settings"), ("enter", "start"),
    ("esc", "back"),
)  # fmt: skip
UNDER_WAY = (("esc", "end it"),)
READING = (
    ("s", "save as JSON and HTML"), ("C", "settings"), ("enter", "again"), ("esc", "back"),
)  # fmt: skip
SETTINGS = "settings"
"""The word with which the page ends when its settings are to be changed."""
BESIDE = ("thread", "epoll")  # to compare with, when nothing else was marked
NAME_WIDTH, BAR_CELLS = 14, 30
LIST_WIDTH = NAME_WIDTH + 6  # with cursor and box
PATH_OF_APP = "/"


def first_asked(status: RunStatus, app: str) -> Asked:
    """The running model and one beside it, in the running mode."""
    other = next(name for name in (*BESIDE, *MODELS) if name != status.model)
    models = tuple(name for name in MODELS if name in (status.model, other))
    conditions = Conditions(path=PATH_OF_APP, app=app) if app else Conditions()
    return Asked(models, (status.mode,), conditions=conditions, parent_pid=os.getpid())


class ComparePage(Page):
    """Ends with SETTINGS or with None; `told` is then what was found out, `asked` what was chosen."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("c", "back"),
        Binding("C", "settings"),
        Binding("space", "mark"),
        Binding("a", "all"),
        Binding("enter", "start"),
        Binding("s", "save"),
    ]

    def __init__(
        self, painter: Painter, asked: Asked, told: Comparison | None, *, starts: bool = False
    ) -> None:
        """`told` is the last comparison; `starts`: with a new one at once."""
        super().__init__(painter, CHOOSING)
        self.asked = asked
        self.told = told
        self._models = tuple(MODELS)
        self._marked = set(asked.models)
        self._cursor = 0
        self._client: ClientProcess[Comparison] | None = None
        self._wrong = self._saved = ""
        if starts:
            self._start()

    @property
    def is_moving(self) -> bool:
        """While it works."""
        return self.is_live

    def lines(self, width: int, height: int) -> list[Line]:
        """The choice; or what is found out so far."""
        self._advance()
        if self.told is None:
            self._keys = CHOOSING
            return [(), *self._choice(width, height)]
        self._keys = UNDER_WAY if self._client else READING
        role = "warning" if self._wrong else "value"
        said = wrapped(self._wrong or self._saved, width)
        return [*(((line, role),) for line in said or [""]), *report(self.told, width)]

    def on_unmount(self) -> None:
        """Nothing goes on unseen."""
        if self._client is not None:
            self._client.kill()

    def action_move(self, rows: int) -> None:
        """The cursor; or the text."""
        if self.told is not None:
            super().action_move(rows)
            return
        self._cursor = min(max(self._cursor + rows, 0), len(self._models) - 1)
        self.draw()

    def action_mark(self) -> None:
        """Take the model at the cursor in, or out."""
        if self.told is None:
            self._mark(self._marked ^ {self._models[self._cursor]})

    def action_all(self) -> None:
        """All of them; or none, when all are."""
        if self.told is None:
            all_of_them = set(self._models)
            self._mark(set() if self._marked == all_of_them else all_of_them)

    def _mark(self, models: set[str]) -> None:
        self._marked = models
        if models:
            chosen = tuple(name for name in self._models if name in models)
            self.asked = replace(self.asked, models=chosen)
        self.draw()

    def action_back(self) -> None:
        """End what is under way; what is known by then is kept."""
        if self._client is not None and self.told is not None:
            self._client.kill()
            self.told = replace(self.told, is_final=True)
        super().action_back()

    def action_settings(self) -> None:
        """Change them, and start; not while a comparison is under way."""
        if self._client is None:
            self.dismiss(SETTINGS)

    def action_save(self) -> None:
        """Into two files of the current folder; not while a comparison is under way."""
        if self.told is None or self._client is not None:
            return
        self._wrong = self._saved = ""
        try:
            self._saved = f"saved {' and '.join(save(self.told))} in {os.getcwd()}"
        except OSError as error:
            self._wrong = f"cannot save it in {os.getcwd()}: {error.strerror or error}"
        self.first = 0  # where it is said
        self.draw()

    def action_start(self) -> None:
        """Start with those that are marked; or choose again, once it has ended."""
        if self._client is not None and self._client.is_running:
            return
        if self.told is not None:
            self.told, self._wrong = None, ""
        else:
            self._start()
        self.draw()

    def _start(self) -> None:
        asked = self.asked
        if len(self._marked) < 2:
            self.told, self._wrong = None, "mark two models at least"
            return
        try:
            self._client = ClientProcess(asked.to_json(), Comparison.from_json, "engine.compare")
        except OSError as error:
            self.told, self._wrong = None, f"cannot start it: {error.strerror or error}"
            return
        self._wrong = self._saved = ""
        self.told = Comparison(asked.conditions, rounds=asked.rounds)
        self.is_live = True

    def _advance(self) -> None:
        client = self._client
        if client is None:
            return
        client.advance()
        if client.report is not None:
            self.told = client.report
        if not client.is_running:
            self._client, self.is_live = None, False
            if client.report is None or not client.report.is_final:
                self.told, self._wrong = None, client.last_words

    def _choice(self, width: int, height: int) -> Iterator[Line]:
        asked = self.asked
        under = Comparison(asked.conditions, rounds=asked.rounds)
        title = _title(f"{' and '.join(asked.modes)}, {cells.title(under)}", width)
        yield from title
        rows = max(height - 2 - len(title), 3)
        first = min(max(self._cursor - rows // 2, 0), max(len(self._models) - rows, 0))
        seen = (part_of(first, rows, len(self._models)), "name")
        yield ((fit(self._wrong, width), "warning") if self._wrong else seen,)
        infos = [describe(model) for model in self._models]
        is_wide = width >= LIST_WIDTH + model_lines.longest(infos)
        listed = [
            _row(info, info.name in self._marked, number == self._cursor, is_wide)
            for number, info in enumerate(infos[first : first + rows], start=first)
        ]
        if not is_wide:
            told = model_lines.beside(infos[self._cursor], width - LIST_WIDTH - 1)
            listed = beside(listed, told[: len(listed)], LIST_WIDTH)
        yield from listed


def _row(info: ModelInfo, is_marked: bool, is_chosen: bool, is_wide: bool) -> Line:
    mark = "[x]" if is_marked else "[ ]"
    text = f" {mark} {info.name:{NAME_WIDTH}}{info.sentence if is_wide else ''}"
    return ((">" if is_chosen else " ", "key"), (text, "chosen" if is_chosen else "text"))


def save(told: Comparison) -> list[str]:
    """The files written in the current folder: the report, for `servetui compare --against`, and a page.
    Raises OSError."""
    stem = time.strftime("servetui-compare-%Y%m%d-%H%M%S")
    texts = {f"{stem}.json": told.to_json() + "\n", f"{stem}.html": in_html.page(told, [])}
    for path, text in texts.items():
        Path(path).write_text(text, encoding="utf-8")
    return list(texts)


def _title(words: str, width: int) -> list[Line]:
    name = "COMPARE  "
    first, *more = wrapped(words, width - len(name))
    rest: list[Line] = [((" " * len(name) + part, "name"),) for part in more]
    return [((name, "title"), (first, "name")), *rest]


def report(told: Comparison, width: int) -> Iterator[Line]:
    """What is found out so far, or in all."""
    yield from _title(cells.title(told), width)
    if not told.is_final:
        filled = round(BAR_CELLS * told.share)
        bar = in_text.BAR * filled + in_text.REST * (BAR_CELLS - filled)
        yield ((bar, "value"), (f"  {told.share:.0%}".replace("%", " %"), "value"),
               (f"  {told.doing}", "name"))  # fmt: skip
    for mode, standings in cells.by_mode(told).items():
        heading, *rows = in_text.table(standings, width)
        yield ((mode + heading[len(mode) :], "name"),)
        yield from (((row, "text"),) for row in rows)
    if told.sweeps:
        yield from ((), *(((row, "text"),) for row in in_text.sweeps(told.sweeps)))
    sentences = cells.verdicts(told) + cells.notes(told) if told.is_final else []
    for number, sentence in enumerate(sentences):
        if not number:
            yield ()
        yield from (((part, "text"),) for part in wrapped(sentence, width))
