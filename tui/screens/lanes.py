"""The lanes: the connections of the table, each along time, over the whole screen.

It shows the table's rows in its order and with its filter, choice and pause. Time follows now, until it
is scrolled back.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import ClassVar

from textual.binding import Binding, BindingType

from engine.fold import lanes
from engine.fold.connection import Connection
from engine.fold.pieces import pieces
from engine.views.snapshot import Snapshot
from tui.format import Line
from tui.lines import Painter
from tui.panels import lanes as panel
from tui.picture import Picture
from tui.run_like import RunLike
from tui.screens.page import Page

LENGTHS_S = (1, 2, 5, 10, 20, 30, 60)
LENGTH_S = 10  # at first
KEYS = (("+ -", "zoom"), ("← →", "time"), ("enter", "detail"), ("o", "code"), ("esc", "back"))
HEADINGS = 2
PIECES_FROM = 16  # lines of the page; below, all are lanes
PIECES_SHARE = 4  # they take a part in so many
SECOND_NS = 1_000_000_000


class Lanes(Page):
    """Ends with `detail` or `code`, of the chosen connection, or with None."""

    is_live = True
    keeps = ("pause", "step", "run_on", "tick", "burst", "load", "mode", "model")
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("v", "back"),
        Binding("plus", "zoom(-1)"),
        Binding("minus", "zoom(1)"),
        Binding("left", "scroll_time(-1)"),
        Binding("right", "scroll_time(1)"),
        Binding("enter", "end('detail')"),
        Binding("o", "end('code')"),
    ]

    def __init__(
        self, painter: Painter, run: RunLike, picture: Picture, draw_soon: Callable[[], None]
    ) -> None:
        """`draw_soon`: a frame of the dashboard, which takes the rows that are to be seen."""
        super().__init__(painter, KEYS)
        self._draw_soon = draw_soon
        self._run = run
        self._picture = picture
        self._length_s = LENGTH_S
        self._end_ns: int | None = None
        """Where time is held; None: it follows now."""
        self._first_past = 0
        """The place, among those of a time that is past, of the first one that is seen,"""
        self._chosen_past: int | None = None
        """and the one of them that is chosen."""
        self._rows = 1
        self._drawn: tuple[int, list[str]] = (0, [])
        """The last column, and the letters, of the last frame."""

    @property
    def is_moving(self) -> bool:
        """Whether time alone changes the picture: not where each lane is one letter all along."""
        at, letters = self._drawn
        return any(len(set(lane)) > 1 for lane in letters) and at != self._last_column()

    def lines(self, width: int, height: int) -> list[Line]:
        """As many lanes as have room, the pieces of the chosen one, and the letters."""
        below = max(height // PIECES_SHARE, 4) if height >= PIECES_FROM else 0
        legend = panel.legend(width)
        rows = max(height - HEADINGS - len(legend) - below, 1)
        self._picture.window_rows = rows
        table = self._picture.table
        span, state = self._span(width), self._run.state
        snapshot = self._seen(span, rows)
        turn_of, known = state.workers.turn_of, state.server.table.known
        connections = {
            view.conn: one for view in snapshot.connections if (one := known(view.conn)) is not None
        }
        told = lanes.lanes(
            connections, snapshot.connections, self._now_ns(), span, self._run.unread_since_ns()
        )
        self._drawn = self._last_column(), [lane.letters for lane in told]
        empty: Line = (("No connection is open at this time; ← shows those of before.", "hint"),)
        drawn = [
            panel.title(snapshot, rows, self._length_s, self._held(), width),
            panel.ruler(snapshot, self._length_s, width, is_now=self._end_ns is None),
            *panel.rows(told, snapshot, self._chosen, rows, turn_of),
            *([] if told else [empty]),
        ]
        chosen = known(self._chosen or 0)
        if below and chosen is not None:
            context = panel.Context(
                self._picture.place, turn_of, chosen.opened_ns, table.now_ns, chosen.acceptor
            )
            drawn += panel.pieces(chosen.number, pieces(chosen, below - 2), context, width, below)
        elif below:
            drawn.append((("↑ ↓ choose a connection: who did each piece of its life", "hint"),))
        drawn += [()] * (height - len(legend) - len(drawn))
        return [*drawn, *legend]

    # --- time ---------------------------------------------------------------------------------------

    def _now_ns(self) -> int:
        """Up to when lanes are told: now, or the beginning of a pause."""
        held = self._picture.table.held
        return held.now_ns if held else self._picture.table.now_ns

    def _span(self, width: int) -> lanes.Span:
        columns = panel.lane_columns(self._picture.snapshot, width)
        end_ns = self._now_ns() if self._end_ns is None else self._end_ns
        return lanes.span_of(end_ns, columns, self._length_s * SECOND_NS)

    def _last_column(self) -> int:
        span = self._span(self.size.width)
        return span.first + span.columns

    def _held(self) -> str:
        if self._end_ns is None:
            return "PAUSED" if self._picture.table.held else ""
        return f"up to {(self._now_ns() - self._end_ns) / SECOND_NS:.1f} s ago"

    def action_zoom(self, steps: int) -> None:
        """A longer time, or a shorter one."""
        at = LENGTHS_S.index(self._length_s) + steps
        self._length_s = LENGTHS_S[min(max(at, 0), len(LENGTHS_S) - 1)]
        self.draw()

    def action_scroll_time(self, quarters: int) -> None:
        """Back, or forth until it follows now again."""
        now_ns = self._now_ns()
        end_ns = (self._end_ns or now_ns) + quarters * self._length_s * SECOND_NS // 4
        self._end_ns = max(end_ns, now_ns - LENGTHS_S[-1] * SECOND_NS)
        if end_ns >= now_ns:
            self._end_ns = None
            self._chosen_past = None
        self.draw()

    # --- rows ---------------------------------------------------------------------------------------

    @property
    def _chosen(self) -> int | None:
        table = self._picture.table
        return table.chosen if self._chosen_past is None else self._chosen_past

    def _seen(self, span: lanes.Span, rows: int) -> Snapshot:
        """The rows of the table; of a time that is past those that were open then, gone or not."""
        snapshot = self._picture.snapshot
        self._rows = rows
        if self._end_ns is None:
            return snapshot
        past = self._past(span)
        first = self._first_past = min(self._first_past, max(len(past) - rows, 0))
        now_ns = self._now_ns()
        views = [one.view(now_ns, row) for row, one in enumerate(past[first : first + rows], first)]
        return replace(snapshot, connections=tuple(views), first_row=first, rows=len(past))

    def _past(self, span: lanes.Span) -> list[Connection]:
        begin_ns, end_ns = (at * span.column_ns for at in (span.first, span.first + span.columns))
        order = self._picture.table.order
        return self._run.state.server.table.open_between(begin_ns, end_ns, order)

    def action_move(self, rows: int) -> None:
        """Choose another connection."""
        if self._end_ns is None:
            self._picture.table.move(rows)
            self._draw_soon()
            return
        conns = [one.conn for one in self._past(self._span(self.size.width))]
        if conns:
            before = conns.index(self._chosen) if self._chosen in conns else -1 if rows > 0 else 1
            row = min(max(before + rows, 0), len(conns) - 1)
            self._chosen_past = conns[row]
            self._first_past = min(max(self._first_past, row - self._rows + 1), row)
        self.draw()

    def action_end(self, word: str) -> None:
        """Go on with another page about the chosen connection, gone or not."""
        self._picture.table.chosen = self._chosen
        self.dismiss(word)
