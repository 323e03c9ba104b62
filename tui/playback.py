"""The keys of a recording that is played: hold, step, faster, slower, jump."""

import contextlib

from textual.widgets import Input

from tui.inside_actions import InsideActions
from tui.prompt import Prompt
from tui.run_like import Playback

SKIP_S = 5.0


class PlaybackActions(InsideActions):
    """They do nothing while a server runs."""

    jump_line: Prompt

    @property
    def playback(self) -> Playback | None:
        """The recording that is played."""
        return self.picture.playback

    @property
    def is_playing(self) -> bool:
        """Its time goes on."""
        played = self.playback
        return played is not None and not (played.is_paused or played.is_over)

    def action_pause(self) -> None:
        """Of a recording time itself stands still."""
        if self.playback is None:
            super().action_pause()
        else:
            self.playback.toggle_pause()
            self.draw_soon()

    def action_step(self) -> None:
        """Exactly one event further."""
        if self.playback is None:
            super().action_step()
        else:
            self.playback.step()
            self.draw_soon()

    def action_speed(self, steps: int) -> None:
        """Twice as fast, or half as fast."""
        if self.playback is not None:
            if steps > 0:
                self.playback.faster()
            else:
                self.playback.slower()
            self.draw_soon()

    def action_skip(self, times: int) -> None:
        """Some seconds back or forth; of a live server, the event whose line is lit in the code."""
        if self.playback is not None:
            self.playback.jump(self.playback.at_s + times * SKIP_S)
            self.draw_soon()
        elif self.picture.code is not None:
            self.picture.code.step(times)
            self.draw_soon()

    def action_jump(self) -> None:
        """Type a time to jump to."""
        if self.playback is not None:
            self.parts["keys"].display = False
            self.jump_line.open()

    def on_input_changed(self, event: Input.Changed) -> None:
        """The filter works with each letter, a jump with enter."""
        if event.input is self.filter_line.input:
            super().on_input_changed(event)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Go there."""
        if event.input is not self.jump_line.input:
            super().on_input_submitted(event)
            return
        if self.playback is not None:
            with contextlib.suppress(ValueError):
                self.playback.jump(float(event.value))
        self._close_jump()

    def action_leave(self) -> None:
        """Esc ends typing first."""
        if self.jump_line.display:
            self._close_jump()
        else:
            super().action_leave()

    def _close_jump(self) -> None:
        self.jump_line.input.value = ""
        self.jump_line.close()
        self.parts["keys"].display = True
        self.draw_soon()
