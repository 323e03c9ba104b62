"""The keys that look further inside: lanes, the source of the model, and the server's pace."""

from tui.actions import Actions
from tui.layout import code_width


class InsideActions(Actions):
    """What they open and change. The keys themselves stand in key_table.py."""

    def action_lanes(self) -> None:
        """Each connection along time."""
        from tui.screens.lanes import Lanes

        def closed(word: str | None) -> None:
            self.picture.window_rows = None
            if word == "detail":
                self.action_detail()
            elif word == "code":
                self.action_code()

        self.picture.window_rows = self.size.height
        page = Lanes(self.painter(), self.served, self.picture, self.draw_soon)
        self._open(page, closed)

    def action_rooms(self) -> None:
        """How long requests wait in each room."""
        from tui.screens.rooms import RoomsPage

        self._open(RoomsPage(self.painter(), self.picture))

    def action_step(self) -> None:
        """Hold the server; once it is held, let it go on by a step."""
        if (slow := self.served.slow_motion) is not None:
            slow.step()
            self.draw_soon()

    def action_run_on(self) -> None:
        """Hold it no longer."""
        if (slow := self.served.slow_motion) is not None:
            slow.go_on()
            self.draw_soon()

    def action_tick(self, steps: int) -> None:
        """A longer pause after each round of the polling loop, or a shorter one."""
        if (slow := self.served.slow_motion) is not None:
            slow.change_tick(steps)
            self.draw_soon()

    def action_code(self) -> None:
        """The source of the model, lit where it runs; where the chosen connection is, if there is one.
        Beside the connections where there is room, and there the key takes it away again."""
        from tui.code_view import CodeView

        picture = self.picture
        if picture.code is not None:
            picture.code = None
            self.draw_soon()
            return
        view = CodeView(self.served, picture.table.chosen)
        if code_width(*self.size):
            picture.code = view
            self.draw_soon()
            return

        from tui.screens.code import Code

        self._open(Code(self.painter(), picture, view))
