"""What the keys and the mouse do: on the run, on the table, and on the pages over the dashboard.

The keys themselves stand in key_table.py.
"""

from collections.abc import Iterable

from textual.app import SystemCommand
from textual.notifications import SeverityLevel
from textual.screen import Screen
from textual.widgets import Input

from engine.models import MODELS
from engine.views.order import COLUMNS
from tui.lines import Lines
from tui.page_actions import PageActions
from tui.panels import connections
from tui.panels.keys import DIGITS
from tui.prompt import Prompt
from tui.recorder import ALL_ROWS, Recorder, new_path

TOLD_S = 15  # for so long it stands what a file is called, so that it can be typed
HEADING_LINE = 1  # of the connections' part
LINES = ("filter", "jump")  # open a line in which something is typed
ON_PAGES = ("quit", "suspend_process")


class Actions(PageActions):
    """The dashboard's keys. What it draws with is in app.py."""

    parts: dict[str, Lines]
    filter_line: Prompt

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Under a page the dashboard's own keys rest: nobody sees what they would do."""
        if action in LINES and isinstance(self.focused, Input):
            return False  # a letter of what is being typed
        return self.page is None or action in (*ON_PAGES, *self.page.keeps)

    # --- the server ---------------------------------------------------------------------------------

    def action_model(self, digit: int) -> None:
        """A digit: let that model take over."""
        names = tuple(MODELS)
        if digit <= len(names):
            self.switch(names[digit - 1])

    def action_mode(self) -> None:
        """Keep-alive or short."""
        self.served.set_mode(short=not self.served.short)
        self.draw_soon()

    def action_burst(self, requests: int, connections: int) -> None:
        """Requests from the built-in client."""
        self.served.start_burst(requests, connections)
        self.draw_soon()

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
            run, now = self.served, self.served.snapshot(0, ALL_ROWS)
            self.picture.recorder = Recorder(new_path(), run.status(), now, run.model_of)
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
        told = f"{recorder.events:,} events recorded; this shows them:\nservetui replay {recorder.path}"
        severity: SeverityLevel = "error" if why else "information"
        self.notify(f"{why}: {told}" if why else told, severity=severity, timeout=TOLD_S)
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
            column = connections.column_at(picture.snapshot, picture.table_width, x)
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

    def get_system_commands(self, screen: Screen[object]) -> Iterable[SystemCommand]:
        """The palette: what the keys do, and Textual's own themes and screenshot."""
        for _, group in self.groups:
            for key in group:
                if len(key.bindings) == 1:
                    _, action = key.bindings[0]
                    yield SystemCommand(
                        f"{key.words or key.shown}  ({key.shown})",
                        key.meaning,
                        lambda action=action: self.call_later(self.run_action, action),
                    )
        is_played = self.picture.playback is not None
        for number, model in enumerate(() if is_played else MODELS, start=1):
            yield SystemCommand(
                f"model {model}" + (f"  ({number})" if number <= DIGITS else ""),
                "let this model take over",
                lambda model=model: self.switch(model),
            )
        wanted = ("Theme", "Screenshot")
        yield from (one for one in super().get_system_commands(screen) if one.title in wanted)
