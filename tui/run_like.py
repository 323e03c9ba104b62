"""What the dashboard needs of a run: engine.run.Run has it, and so has the fake of the tests."""

from collections.abc import Sequence
from typing import Protocol

from engine.events import Event
from engine.snapshot import BurstView, ProcessNumbers, RunStatus, Snapshot


class RunLike(Protocol):
    """A server that runs, or seems to."""

    short: bool
    """Each connection is closed after one answer."""

    @property
    def bursts(self) -> tuple[BurstView, ...]:
        """The bursts of the built-in client, newest last."""

    def poll(self) -> Sequence[Event]:
        """Advance by a step; the events since the last call, already folded."""

    def snapshot(self, first_row: int = 0, rows: int = 1_000) -> Snapshot:
        """The server as the events so far tell it."""

    def status(self) -> RunStatus:
        """What runs, and how it is going."""

    def numbers(self) -> ProcessNumbers:
        """What the operating system says of the server."""

    def switch(self, model: str) -> None:
        """Let another model take over."""

    def set_mode(self, *, short: bool) -> None:
        """Keep-alive or short connections, from the next request on."""

    def restart(self) -> None:
        """Start the running model anew, dead or not."""

    def start_burst(self, requests: int = 50, connections: int = 10) -> None:
        """Let the built-in client send requests."""

    def stop(self) -> Sequence[Event]:
        """End the run."""
