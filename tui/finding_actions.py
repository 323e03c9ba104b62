"""What the key of the findings does: their page, and from there to whom one concerns."""

from tui.playback import PlaybackActions


class FindingActions(PlaybackActions):
    """The dashboard's keys, those of the findings too."""

    def action_findings(self) -> None:
        """Which failures show, and what to do."""
        from tui.screens.findings import FindingsPage

        page = FindingsPage(self.painter(), lambda: self.picture.findings, self._number_of)
        self._open(page, self._go_to)

    def _number_of(self, conn: int) -> int | None:
        connection = self.served.state.connections.get(conn)
        return connection.number if connection else None

    def _go_to(self, chosen: str | None) -> None:
        """To the first connection that a finding concerns and that is still there; else to the workers."""
        found = [one for one in self.picture.findings if one.id == chosen]
        if not found:
            return
        table = self.picture.table
        for conn in found[0].conns:
            row = self.served.row_of(conn, table.order)
            if row is not None:
                table.choose(row, conn)
                self.action_detail()
                return
        if found[0].pids:
            self.action_workers()
