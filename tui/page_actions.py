"""The keys that open a page over the dashboard, and what comes of it when it is closed."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from textual.app import App

from engine.load.plan import Plan
from engine.models import MODELS
from tui.key_table import GROUPS, GROUPS_PLAYED, Groups
from tui.lines import Painter
from tui.pace import RightOfWay
from tui.picture import Picture
from tui.run_like import RunLike
from tui.screens.page import Page

if TYPE_CHECKING:
    from engine.compare.conditions import Asked
    from engine.compare.report import Comparison


class PageActions(App[None]):
    """The pages. A page that is open rests the dashboard's own keys."""

    served: RunLike
    picture: Picture
    page: Page | None
    keys: RightOfWay
    plan = Plan("http://this.server/", seconds=30.0)
    """The settings of the next sustained load; the run fills in its own address."""

    app_served = ""
    """`module:callable` of --app; empty: a folder is served."""
    comparison: "Comparison | None" = None
    """The last one."""
    compared: "Asked | None" = None
    """What was asked of it, and is of the next; None: what runs, and one beside it."""

    _is_due = False

    @property
    def groups(self) -> Groups:
        """The keys that do something with what is served."""
        return GROUPS_PLAYED if self.picture.playback else GROUPS

    def frame(self, *, asks: bool = True) -> int:
        """Draw what differs from the frame before, asking anew for numbers and findings or not."""
        raise NotImplementedError

    def draw_soon(self) -> None:
        """A frame, after the keys that wait already: with one for each, a held key would lag."""
        if not self._is_due:
            self._is_due = True
            self.call_later(self._draw_due)

    def _draw_due(self) -> None:
        self._is_due = False
        self.frame(asks=False)
        self.call_after_refresh(self.keys.seen)

    def painter(self) -> Painter:
        """In the colours of the theme."""
        raise NotImplementedError

    # --- pages that change the server ------------------------------------------------------------

    def switch(self, model: str) -> None:
        """Let a model take over, unless it runs already."""
        status = self.served.status()
        if model != status.model or status.phase == "dead":
            self.served.switch(model)
        self.draw_soon()

    def action_load(self) -> None:
        """Sustained load as last time, or its end."""
        self.served.toggle_load(self.plan)
        self.draw_soon()

    def action_load_form(self) -> None:
        """Change its settings, and start it."""
        from tui.screens.load_form import LoadForm

        form = LoadForm(self.painter(), self.plan)

        def begin(word: str | None) -> None:
            if word is not None:
                self.plan = form.plan
                self.action_load()

        self._open(form, begin)

    def action_compare(self) -> None:
        """Models under the same load, in turns, each in a server of its own."""
        self._compare(starts=False)

    def action_compare_form(self) -> None:
        """Change the settings of a comparison, and start it."""
        from tui.screens.compare_form import CompareForm

        form = CompareForm(self.painter(), self._asked())

        def begin(word: str | None) -> None:
            if word is not None:
                self.compared = form.asked
                self._compare(starts=True)

        self._open(form, begin)

    def _compare(self, *, starts: bool) -> None:
        from tui.screens.compare import SETTINGS, ComparePage

        page = ComparePage(self.painter(), self._asked(), self.comparison, starts=starts)

        def keep(word: str | None) -> None:
            self.comparison, self.compared = page.told, page.asked
            if word == SETTINGS:
                self.action_compare_form()

        self._open(page, keep)

    def action_labs(self) -> None:
        """Failures on purpose, each in servers of its own."""
        from tui.screens.labs import LabsPage

        self._open(LabsPage(self.painter()))

    def _asked(self) -> "Asked":
        from tui.screens.compare import first_asked

        return self.compared or first_asked(self.picture.status, self.app_served)

    # --- pages to read ---------------------------------------------------------------------------

    def action_models(self) -> None:
        """The picker."""
        from tui.screens.models import ModelPicker

        running = self.picture.status.model
        self._open(ModelPicker(self.painter(), tuple(MODELS), running), self._picked)

    def _picked(self, model: str | None) -> None:
        if model is not None:
            self.switch(model)

    def action_detail(self) -> None:
        """The life of the chosen connection."""
        from tui.screens.detail import Detail

        conn = self.picture.table.chosen
        if conn is None:
            self.picture.table.move(1)
            conn = self.picture.table.chosen
        if conn is not None:
            chosen = conn
            self._open(
                Detail(self.painter(), lambda: self.served.detail(chosen), self.picture.place)
            )

    def action_help(self) -> None:
        """All there is to know."""
        from tui.screens.help import Help

        self._open(Help(self.painter(), self.groups))

    def action_output(self) -> None:
        """What the server's processes wrote."""
        from tui.screens.output import OutputPage

        self._open(OutputPage(self.painter(), lambda: self.served.said))

    def action_graphs(self) -> None:
        """The last minutes."""
        from tui.screens.graphs import Graphs

        self._open(Graphs(self.painter(), self.picture.history))

    def action_workers(self, chosen: str | None = None) -> None:
        """Who does what; from there, one of them told whole."""
        from tui.screens.workers import Workers

        picture = self.picture
        page = Workers(self.painter(), lambda: picture.snapshot, lambda: picture.kernel, chosen)
        self._open(page, self._open_worker)

    def _open_worker(self, word: str | None) -> None:
        if word is None:
            return

        from tui.screens.worker import WorkerPage

        pid, _, task = word.partition(" ")
        page = WorkerPage(
            self.painter(),
            lambda: self.served.worker(int(pid), task),
            self.picture.place,
            self.picture.start_ns,
        )
        self._open(page, lambda _: self.action_workers(word))

    def _open(self, page: Page, then: Callable[[str | None], None] | None = None) -> None:
        if self.page is not None:
            return

        def closed(word: str | None) -> None:
            self.page = None
            if then is not None:
                then(word)
            self.draw_soon()

        self.page = page
        page.seen = self.keys.seen
        self.frame()  # the page shows the same first line from its beginning
        self.push_screen(page, closed)
