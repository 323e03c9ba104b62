"""What a frame says, as text."""

from tests.tui.fake_run import FakeRun
from tui.format import plain
from tui.picture import Picture

SIZES = [(60, 20), (80, 24), (100, 30), (120, 40), (200, 60), (40, 10), (20, 5)]


def drawn(run: FakeRun, width: int = 120, height: int = 40) -> dict[str, list[str]]:
    """The lines of each part, in a terminal of this size."""
    run.poll()
    parts = Picture(run).draw(width, height, 12)
    return {name: [plain(line) for line in lines] for name, lines in parts.items()}
