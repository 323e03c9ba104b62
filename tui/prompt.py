"""A line in which something is typed, with its name before it. It stands where the keys stand else."""

from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.widgets import Input, Label


class Prompt(Horizontal):
    """Hidden until it is opened."""

    def __init__(self, name: str, hint: str) -> None:
        super().__init__(id=name, classes="prompt")
        self.input = Input(placeholder=hint, select_on_focus=False)
        self._title = name
        self.display = False

    def compose(self) -> ComposeResult:
        """The name, then what is typed."""
        yield Label(f"{self._title}: ", markup=False)
        yield self.input

    def open(self) -> None:
        """Show it, and type into it: at once, since the next letters may be there already."""
        self.display = True
        self.screen.set_focus(self.input)

    def close(self) -> None:
        """Hide it; what was typed stays."""
        self.display = False
        self.screen.set_focus(None)
