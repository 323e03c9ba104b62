"""What one look at the kernel's table of sockets has been told so far, piece by piece."""

from collections import Counter

from engine.probes.sock_diag import Row, Tcp
from engine.views.kernel_numbers import AcceptQueue

TIME_WAIT_MS = 60_000  # TCP_TIMEWAIT_LEN, which cannot be set
JIFFY_MS = 10  # the grain of the kernel's timers, at most
# As numbers, since a row is compared with them for each socket.
CLOSE_WAIT, LISTEN, SYN_RECV, TIME_WAIT = map(
    int, (Tcp.CLOSE_WAIT, Tcp.LISTEN, Tcp.SYN_RECV, Tcp.TIME_WAIT)
)

Told = dict[int, tuple[int | bytes, ...]]
"""By cookie, what a look is told of a socket: the fields of Row as a plain tuple. The collector drops plain
tuples of numbers from its lists, but would walk over each Row, thousands of them, again and again."""


class Seen:
    """Of the server's open sockets."""

    def __init__(self) -> None:
        self.told: Told = {}
        self.listeners: set[int] = set()
        self.queues: list[AcceptQueue] = []
        """Theirs: of a socket that listens, the kernel tells the length of its queue and the limit of that in
        place of bytes (tcp_diag_get_info)."""
        self.begun: list[Row] = []
        """Not connected yet."""
        self.queued: list[Row] = []
        """Connected, and not accepted."""
        self.unread: list[Row] = []
        """With bytes for the server to read."""
        self.left: list[Row] = []
        """The client has closed, the server has not."""
        self.unsent_bytes = 0

    def take(self, rows: list[Row]) -> None:
        """Some more of them, listeners too."""
        listening = [row for row in rows if row.state == LISTEN]
        self.listeners.update([row.cookie for row in listening])
        self.queues += [
            AcceptQueue(row.cookie, row.receive_queue, row.send_queue) for row in listening
        ]
        rows = [row for row in rows if row.state != LISTEN]
        self.told.update([(row.cookie, row[:]) for row in rows])
        self.begun += [row for row in rows if row.state == SYN_RECV]
        self.queued += [row for row in rows if not row.inode and row.state != SYN_RECV]
        accepted = [row for row in rows if row.inode]
        self.unread += [row for row in accepted if row.receive_queue and unread_bytes(row)]
        self.left += [row for row in accepted if row.state == CLOSE_WAIT]
        self.unsent_bytes += sum([row.send_queue for row in accepted])


class Apart:
    """Of what is closed, and of clients. There may be thousands, of whom little is wanted: nothing else
    is kept."""

    def __init__(self, age_ms: int) -> None:
        """`age_ms`: since when the server has been there. What was closed earlier on its port was not
        closed by it."""
        self._most_ms = age_ms + JIFFY_MS
        self.closed = self.oldest_ms = 0
        """How many are in TIME_WAIT, and the longest of them for how long."""
        self.clients = Counter[int]()
        """By state."""
        self.begun: list[Row] = []
        """Clients that are not connected yet."""

    def take_closed(self, rows: list[Row]) -> None:
        """Some more in TIME_WAIT."""
        passed_ms = [TIME_WAIT_MS - row.expires_ms for row in rows]
        passed_ms = [each for each in passed_ms if each <= self._most_ms]
        self.closed += len(passed_ms)
        self.oldest_ms = max([self.oldest_ms, *passed_ms])

    def take_clients(self, rows: list[Row]) -> None:
        """Some more of the other ends."""
        self.clients.update([row.state for row in rows])
        self.begun += [row for row in rows if row.state == Tcp.SYN_SENT]


def unread_bytes(row: Row) -> int:
    """Bytes. The kernel counts the end of stream as one more."""
    return max(row.receive_queue - (row.state == CLOSE_WAIT), 0)
