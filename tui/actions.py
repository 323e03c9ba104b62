"""What the keys and the mouse do: on the run, on the table, and on the pages over the dashboard.

The keys themselves stand in key_table.py.
"""

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from textual.app import App, SystemCommand
from textual.screen import Screen
from textual.widgets import Input

from engine.load.plan import Plan
from engine.models import MODELS
from engine.order import COLUMNS
from tui.key_table import GROUPS
from tui.lines import Lines, Painter
from tui.panels import connections
from tui.panels.keys import DIGITS
from tui.picture import Picture
from tui.prompt import Prompt
from tui.recorder import ALL_ROWS, Recorder, new_path
from tui.run_like import RunLike
from tui.screens.page import Page

if TYPE_CHECKING:
    from engine.compare.report import Comparison

HEADING_LINE = 1  # of the connections' part
LINES = ("filter", "jump")  # open a line in which something is typed
ON_PAGES = ("quit", "suspend_process")


class Actions(App[None]):
    """The dashboard's keys. What it draws with is in app.py."""

    served: RunLike
    picture: Picture
    parts: dict[str, Lines]
    page: Page | None
    filter_line: Prompt
    plan = Plan("http://this.server/", seconds=30.0)
    """The settings of the next sustained load; the run fills in its own address."""

    app_served = ""
    """`module:callable` of --app; empty: a folder is served."""
    comparison: "Comparison | None" = None
    """The last one."""

    _is_due = False

    def frame(self) -> int:
        """Draw what differs from the frame before."""
        raise NotImplementedError

    def draw_soon(self) -> None:
        """A frame, after the keys that wait already: with one for each, a held key would lag."""
        if not self._is_due:
            self._is_due = True
            self.call_later(self._draw_due)

    def _draw_due(self) -> None:
        self._is_due = False
        self.frame()

    def painter(self) -> Painter:
        """In the colours of the theme."""
        raise NotImplementedError

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Under a page the dashboard's own keys rest: nobody sees what they would do."""
        if action in LINES and isinstance(self.focused, Input):
            return False  # a letter of what is being typed
        return self.page is None or action in ON_PAGES

    # --- the server ---------------------------------------------------------------------------------

    def action_model(self, digit: int) -> None:
        """A digit: let that model take over."""
        names = tuple(MODELS)
        if digit <= len(names):
            self.switch(names[digit - 1])

    def switch(self, model: str) -> None:
        """Let a model take over, unless it runs already."""
        status = self.served.status()
        if model != status.model or status.phase == "dead":
            self.served.switch(model)
        self.draw_soon()

    def action_mode(self) -> None:
        """Keep-alive or short."""
        self.served.set_mode(short=not self.served.short)
        self.draw_soon()

    def action_burst(self, requests: int, connections: int) -> None:
        """Requests from the built-in client."""
        self.served.start_burst(requests, connections)
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
        from tui.screens.compare import ComparePage

        page = ComparePage(self.painter(), self.picture.status, self.app_served, self.comparison)

        def keep(_: str | None) -> None:
            self.comparison = page.told

        self._open(page, keep)

    def action_restart(self) -> None:
        """The same model anew."""
        self.served.restart()
        self.draw_soon()

    def action_record(self) -> None:
        """Begin a recording, or end it."""
        if self.picture.recorder is not None:
            self.frame()  # the recorder has the last totals from it
            self.end_recording("")
            return
        try:
            now = self.served.snapshot(0, ALL_ROWS)
            self.picture.recorder = Recorder(new_path(), self.served.status(), now)
        except OSError as error:
            self.notify(f"cannot record in this folder: {error.strerror}", severity="error")
            return
        self.served.whole = True
        self.draw_soon()

    def end_recording(self, why: str) -> None:
        """Close the file and say where it is; `why` it ends, if nobody asked for that."""
        recorder = self.picture.recorder
        if recorder is None:
            return
        self.picture.recorder = None
        self.served.whole = False
        recorder.close()
        told = f"{recorder.events:,} events are in {recorder.path}; see servetui replay"
        self.notify(f"{why}: {told}" if why else told, severity="error" if why else "information")
        self.draw_soon()

    # --- the table ----------------------------------------------------------------------------------

    def action_move(self, steps: int) -> None:
        """Choose another connection."""
        self.picture.table.move(steps)
        self.draw_soon()

    def action_page(self, pages: int) -> None:
        """Choose one that is a screen further."""
        self.action_move(pages * max(self.picture.heights.rows - 1, 1))

    def scroll_rows(self, rows: int) -> None:
        """The wheel: move the window only."""
        self.picture.table.scroll(rows)
        self.draw_soon()

    def click_row(self, x: int, y: int) -> None:
        """A click: on a heading it sorts, on a row it chooses, on the chosen row it opens it."""
        picture = self.picture
        if y == HEADING_LINE and picture.snapshot.rows:
            column = connections.column_at(picture.snapshot, self.size.width, x)
            if column in COLUMNS:
                picture.table.sort_by(column)
        elif y > HEADING_LINE:
            before = picture.table.chosen
            picture.table.choose_row(picture.snapshot.first_row + y - HEADING_LINE - 1)
            if before is not None and before == picture.table.chosen:
                self.action_detail()
        self.draw_soon()

    def action_pause(self) -> None:
        """Hold still, or go on."""
        self.picture.table.toggle_pause()
        self.draw_soon()

    def action_sort(self) -> None:
        """The next column; after the last one, by place."""
        table = self.picture.table
        at = COLUMNS.index(table.order.column) + 1 if table.order.column else 0
        table.sort_by(COLUMNS[at] if at < len(COLUMNS) else "")
        self.draw_soon()

    def action_turn(self) -> None:
        """The other way round."""
        table = self.picture.table
        if table.order.column:
            table.sort_by(table.order.column)
        self.draw_soon()

    def action_filter(self) -> None:
        """Type what the shown connections must have."""
        self.parts["keys"].display = False
        self.filter_line.open()

    def on_input_changed(self, event: Input.Changed) -> None:
        """Each letter narrows the table."""
        self.picture.table.filter(event.value)
        self.draw_soon()

    def on_input_submitted(self, _: Input.Submitted) -> None:
        """The filter stays, the line goes."""
        self._close_filter()

    def _close_filter(self) -> None:
        self.filter_line.close()
        self.parts["keys"].display = True
        self.draw_soon()

    def action_leave(self) -> None:
        """Esc: the filter that is being typed; else the choice; else filter and order."""
        table = self.picture.table
        if self.filter_line.display:
            self.filter_line.input.value = ""
            self._close_filter()
        elif table.chosen is not None:
            table.let_go()
        else:
            self.filter_line.input.value = ""
            table.filter("")
            table.sort_by("")
        self.draw_soon()

    # --- pages --------------------------------------------------------------------------------------

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
            ask = lambda: self.served.detail(chosen)  # noqa: E731 - a line of its own says more
            self._open(Detail(self.painter(), ask, self.picture.place))

    def action_help(self) -> None:
        """All there is to know."""
        from tui.screens.help import Help

        self._open(Help(self.painter()))

    def action_output(self) -> None:
        """What the server's processes wrote."""
        from tui.screens.output import OutputPage

        self._open(OutputPage(self.painter(), lambda: self.served.said))

    def action_graphs(self) -> None:
        """The last minutes."""
        from tui.screens.graphs import Graphs

        self._open(Graphs(self.painter(), self.picture.history))

    def action_workers(self) -> None:
        """Who does what."""
        from tui.screens.workers import Workers

        self._open(Workers(self.painter(), lambda: self.picture.snapshot))

    def _open(self, page: Page, then: Callable[[str | None], None] | None = None) -> None:
        if self.page is not None:
            return

        def closed(word: str | None) -> None:
            self.page = None
            if then is not None:
                then(word)
            self.draw_soon()

        self.page = page
        self.frame()  # the page shows the same first line from its beginning
        self.push_screen(page, closed)

    def get_system_commands(self, screen: Screen[object]) -> Iterable[SystemCommand]:
        """The palette: what the keys do, and Textual's own themes and screenshot."""
        for _, group in GROUPS:
            for key in group:
                if len(key.bindings) == 1:
                    _, action = key.bindings[0]
                    yield SystemCommand(
                        f"{key.words or key.shown}  ({key.shown})",
                        key.meaning,
                        lambda action=action: self.call_later(self.run_action, action),
                    )
        for number, model in enumerate(MODELS, start=1):
            yield SystemCommand(
                f"model {model}" + (f"  ({number})" if number <= DIGITS else ""),
                "let this model take over",
                lambda model=model: self.switch(model),
            )
        wanted = ("Theme", "Screenshot")
        yield from (one for one in super().get_system_commands(screen) if one.title in wanted)
