"""The labs: choose one, answer its question, watch it fail, read what it was.

servetui  thread  http://127.0.0.1:7890  keep-alive
LABS  3 of 30 done  failures on purpose, each in a server of its own
> 1  [x] parent-keeps         The parent keeps its copy of the socket
  2  [ ] acceptor-closes      The acceptor closes what a thread still uses

  A child serves the request and closes the socket. What does the browser do?
↑ ↓ choose  enter open  esc back

LAB 1 of 30  The parent keeps its copy of the socket
WITH THE FAULT  1.2 s
Look at: the descriptors of the parent, and the connection that stays open after its answer
  yes  the answer arrives whole
y SYN retry  q accept queue  u unread   a app queue  H handler   S unsent   _ idle ...

It is played in a process of its own, with servers of its own; going back ends them. What is done stands
in the file that the course of `servetui lab` goes on from.
"""

from enum import Enum
from typing import ClassVar

from textual.binding import Binding, BindingType

from engine.labs import LABS
from engine.labs.lab import Lab
from engine.labs.playing import begin, load
from engine.labs.told import Scene, Told
from engine.running.client_process import ClientProcess
from tui import course, lab_lines
from tui.format import Line, fit
from tui.lines import Painter
from tui.screens.page import Keys, Page

DIGITS = 4  # answers to choose from, at most


class Stand(Enum):
    """How far one is."""

    LIST = "list"
    QUESTION = "question"
    RUN = "run"
    ANSWER = "answer"


KEYS: dict[Stand, Keys] = {
    Stand.LIST: (("↑ ↓", "choose"), ("enter", "open"), ("esc", "back"), ("q", "quit")),
    Stand.QUESTION: (("enter", "run it"), ("esc", "the labs"), ("q", "quit")),
    Stand.RUN: (("esc", "end it"), ("q", "quit")),
    Stand.ANSWER: (("enter", "next lab"), ("esc", "the labs"), ("q", "quit")),
}


class LabsPage(Page):
    """Ends with None."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("x", "leave"),
        Binding("enter", "on"),
        *[Binding(str(digit), f"answer({digit})") for digit in range(1, DIGITS + 1)],
    ]

    def __init__(self, painter: Painter) -> None:
        super().__init__(painter, KEYS[Stand.LIST])
        self._labs = [load(name) for name in LABS]
        self._done = course.done()
        self._cursor = next((place for place, name in enumerate(LABS) if name not in self._done), 0)
        self._stand = Stand.LIST
        self._chosen: str | None = None
        self._process: ClientProcess[Told] | None = None
        self._told = Told()
        self._kept: Scene | None = None  # of the act with the fault, to be read at leisure
        self._wrong = ""

    @property
    def _lab(self) -> Lab:
        return self._labs[self._cursor]

    @property
    def is_moving(self) -> bool:
        """While it works."""
        return self.is_live

    def lines(self, width: int, height: int) -> list[Line]:
        """Of where one is."""
        self._advance()
        if self._stand is Stand.LIST:
            return lab_lines.listed(self._labs, self._done, self._cursor, width, height)
        lines = lab_lines.heading(self._lab, self._cursor + 1, len(self._labs), width)
        if self._stand is Stand.QUESTION:
            return lines + lab_lines.question(self._lab, width)
        if self._stand is Stand.RUN:
            return lines + lab_lines.run(self._lab, self._told, width, height - len(lines))
        if self._wrong:
            return [*lines, ((fit(self._wrong, width), "warning"),)]
        answer = lab_lines.answer(self._lab, self._told, self._chosen, self._kept, width)
        return lines + answer

    def on_unmount(self) -> None:
        """Nothing goes on unseen."""
        self._end()

    def action_move(self, rows: int) -> None:
        """The cursor; or the text."""
        if self._stand is not Stand.LIST:
            super().action_move(rows)
            return
        self._cursor = min(max(self._cursor + rows, 0), len(self._labs) - 1)
        self.draw()

    def action_on(self) -> None:
        """One step further: to the question, to the run, to the question of the next lab."""
        if self._stand is Stand.LIST:
            self._go(Stand.QUESTION)
        elif self._stand is Stand.QUESTION:
            self._begin(None)
        elif self._stand is Stand.ANSWER:
            self._cursor = (self._cursor + 1) % len(self._labs)
            self._go(Stand.QUESTION)

    def action_answer(self, digit: int) -> None:
        """Choose an answer, and see."""
        if self._stand is Stand.QUESTION and digit <= len(self._lab.choices):
            self._begin(sorted(self._lab.choices)[digit - 1])

    def action_back(self) -> None:
        """To the list, whatever is played; from there to the dashboard."""
        if self._stand is Stand.LIST:
            self.dismiss(None)
            return
        self._end()
        self._go(Stand.LIST)

    def action_leave(self) -> None:
        """To the dashboard."""
        self.dismiss(None)

    def _go(self, stand: Stand) -> None:
        self._stand, self._keys = stand, KEYS[stand]
        if stand is Stand.QUESTION:
            digits = range(1, len(self._lab.choices) + 1)
            self._keys = ((" ".join(map(str, digits)), "your answer"), *self._keys)
        self.is_live = stand is Stand.RUN
        self.first = 0
        self.draw()

    def _begin(self, chosen: str | None) -> None:
        self._chosen, self._told, self._kept, self._wrong = chosen, Told(), None, ""
        try:
            self._process = begin(self._lab.name, shows=True)
        except OSError as error:
            self._wrong = f"cannot start it: {error.strerror or error}"
        self._go(Stand.ANSWER if self._wrong else Stand.RUN)

    def _advance(self) -> None:
        process = self._process
        if process is None:
            return
        process.advance()
        self._told = process.report or self._told
        scene = self._told.scene
        if scene and not self._told.acts and lab_lines.tells_more(scene, self._kept):
            self._kept = scene
        if process.is_running:
            return
        self._process = None
        if self._told.is_final:
            course.remember(self._lab.name)
            self._done = course.done()
        else:
            self._wrong = process.last_words
        self._stand, self._keys, self.is_live = Stand.ANSWER, KEYS[Stand.ANSWER], False

    def _end(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process = None
