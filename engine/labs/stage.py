"""What the script of a lab may do, see and say.

It runs in a thread of its own, with plain blocking sockets, so that it reads from top to bottom. What it
sees of the server is the last picture that the main thread has made (playing.py).
"""

from collections.abc import Callable
from time import monotonic, sleep

from engine.labs.client import PATIENCE_S, Address, Answer, Client, ask_once
from engine.labs.lab import Claim, Figure
from engine.views.snapshot import EMPTY_NUMBERS, ProcessNumbers, Snapshot

BEAT_S = 0.02  # between two pictures


class Stage:
    """What a script may do and see."""

    def __init__(self, mended: bool, address: Address) -> None:
        self.mended = mended
        self.address = address
        self.claims: list[Claim] = []
        self.figures: dict[str, Figure] = {}
        self._snapshot = Snapshot()
        self._numbers = EMPTY_NUMBERS
        self.engine_pid = 0

    # --- what the script says -----------------------------------------------------------------

    def claim(self, text: str, holds: bool) -> None:
        """Something that has to be so."""
        self.claims.append(Claim(text, bool(holds)))

    def figure(self, name: str, value: Figure) -> None:
        """A number of this act, for the answer."""
        self.figures[name] = value

    # --- what it does -------------------------------------------------------------------------

    def connect(self, patience_s: float = PATIENCE_S, receive_bytes: int = 0) -> Client:
        """A connection. Raises OSError."""
        return Client(self.address, patience_s, receive_bytes)

    def ask(self, path: str = "/", patience_s: float = PATIENCE_S) -> Answer:
        """One request on a connection of its own; never raises OSError."""
        return ask_once(self.address, path, patience_s)

    def watch(
        self, seconds: float, until: Callable[[], object] = lambda: True, patience_s: float = 4.0
    ) -> None:
        """Let time pass: what is to be seen is what happens meanwhile. `until`: what is to be seen by
        then, and is waited for where the machine gives the server no processor for a while."""
        sleep(seconds)
        self.until(until, patience_s)

    def until(
        self, condition: Callable[[], object], within_s: float = 3.0, each_s: float = BEAT_S
    ) -> bool:
        """Whether it becomes true in this time; it is asked for `each_s`."""
        ends_s = monotonic() + within_s
        while not condition():
            if monotonic() > ends_s:
                return False
            sleep(each_s)
        return True

    # --- what it sees -------------------------------------------------------------------------

    def snapshot(self) -> Snapshot:
        """The last picture of the server."""
        return self._snapshot

    def numbers(self) -> ProcessNumbers:
        """What the system says of its processes."""
        return self._numbers

    def show(self, snapshot: Snapshot, numbers: ProcessNumbers, engine_pid: int | None) -> None:
        """Take a picture. Called by the main thread."""
        self._snapshot, self._numbers = snapshot, numbers
        self.engine_pid = engine_pid or self.engine_pid
