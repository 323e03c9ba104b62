"""The keys that look further inside: lanes, the source of the model, and the server's pace."""

from tui.actions import Actions


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

    def action_code(self) -> None:
        """The source of the model, lit where it runs; where the chosen connection is, if there is one."""
        from tui.screens.code import Code

        page = Code(self.painter(), self.served, self.picture, self.picture.table.chosen)
        self._open(page)
