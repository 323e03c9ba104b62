"""What the script of a lab may do, see and say.

It runs in a thread of its own, with plain blocking sockets, so that it reads from top to bottom. What it
sees of the server is the last picture that the main thread has made (playing.py).
"""

from collections.abc import Callable, Iterable
from time import monotonic, sleep

from engine.labs.client import PATIENCE_S, Address, Answer, Client, ask_once
from engine.labs.culprit import Culprit
from engine.labs.lab import Claim, Figure
from engine.views.snapshot import EMPTY_NUMBERS, ConnectionView, ProcessNumbers, Snapshot

BEAT_S = 0.02  # between two pictures


class Stage:
    """What a script may do and see."""

    def __init__(self, mended: bool, address: Address) -> None:
        self.mended = mended
        self.address = address
        self.claims: list[Claim] = []
        self.figures: dict[str, Figure] = {}
        self.named: Culprit | None = None
        """Whom the finding has to name; None: nobody, or the script does not say."""
        self._snapshot = Snapshot()
        self._seen: dict[int, ConnectionView] = {}
        """conn -> how it was seen last."""
        self._numbers = EMPTY_NUMBERS
        self.engine_pid = 0

    # --- what the script says -----------------------------------------------------------------

    def claim(self, text: str, holds: bool) -> None:
        """Something that has to be so."""
        self.claims.append(Claim(text, bool(holds)))

    def figure(self, name: str, value: Figure) -> None:
        """A number of this act, for the answer."""
        self.figures[name] = value

    def culprit(
        self,
        who: str,
        conns: Iterable[int] = (),
        pids: Iterable[int] = (),
        *,
        is_first: bool = False,
    ) -> None:
        """Whom the finding has to name, and nobody else: these connections, and these processes, or the
        server's first one. `is_first`: it names others as well, after the one that is at fault."""
        owners = frozenset(pids) or frozenset([self.engine_pid])
        self.named = Culprit(who, frozenset(conns), owners, is_first)

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

    def conns_of(self, *clients: Client) -> set[int]:
        """The connections of these, once they are seen; fewer where they are not."""
        peers = {client.peer for client in clients}
        return self._conns(lambda one: one.peer in peers, len(peers))

    def conns_asking(self, path: str) -> set[int]:
        """Those that have asked for this last, once one is seen."""
        return self._conns(lambda one: one.path == f"GET {path}", 1)

    def _conns(self, is_one: Callable[[ConnectionView], bool], many: int) -> set[int]:
        def found() -> set[int]:
            seen = tuple(self._seen.values())  # the main thread goes on adding to it
            return {one.conn for one in seen if is_one(one)}

        self.until(lambda: len(found()) >= many)
        return found()

    def show(self, snapshot: Snapshot, numbers: ProcessNumbers, engine_pid: int | None) -> None:
        """Take a picture. Called by the main thread."""
        self._snapshot, self._numbers = snapshot, numbers
        self._seen.update((one.conn, one) for one in snapshot.connections)
        self.engine_pid = engine_pid or self.engine_pid
