"""Kernel numbers, by sock_diag and /proc: who waits on the server's port, where, and for how long.

One thread. A look costs some microseconds for each socket: kernel_sampler.py says when to look.
"""

import contextlib
import socket
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from engine.kernel_numbers import EMPTY_KERNEL, KernelNumbers, KernelView
from engine.probes.lost_queues import LostQueues
from engine.probes.sock_diag import Info, Question, Row, SockDiag, Tcp, row_of
from engine.snapshot import Room

OPEN = (Tcp.ESTABLISHED, Tcp.CLOSE_WAIT, Tcp.SYN_RECV)
HELD = (*OPEN, Tcp.LISTEN, Tcp.FIN_WAIT1, Tcp.FIN_WAIT2, Tcp.CLOSING, Tcp.LAST_ACK)
CONNECTING = (Tcp.SYN_SENT, Tcp.SYN_RECV)
OF_CLIENTS = (Tcp.SYN_SENT, Tcp.TIME_WAIT, Tcp.CLOSE_WAIT)
TIME_WAIT_MS = 60_000  # TCP_TIMEWAIT_LEN, which cannot be set
LOOPBACK = ("127.", "::1")
_NETSTAT = Path("/proc/net/netstat")
_PORT_RANGE = Path("/proc/sys/net/ipv4/ip_local_port_range")  # ip(7); IPv6 has the same
_MS = 1_000_000


class Waiting:
    """Who is in a room, and since when at the latest: since its last packet, or since an earlier look,
    if it has not moved on since that. A lower bound: what came later hides what came first."""

    def __init__(
        self,
        quiet_ms: Callable[[Info], int] = lambda info: info.last_ack_ms,
        moved: Callable[[Row], int] = lambda row: 0,
    ) -> None:
        """`quiet_ms`: since the packet that let it wait; `moved` changes when it waits anew."""
        self._quiet_ms = quiet_ms
        self._moved = moved
        self._since: dict[int, tuple[int, int]] = {}

    def look(self, rows: Iterable[Row], now_ns: int) -> Room:
        """These are in it now."""
        before, self._since = self._since, {}
        for row in rows:
            since_ns, moved = now_ns, self._moved(row)
            if row.info is not None:
                since_ns -= self._quiet_ms(row.info) * _MS
            earlier = before.get(row.cookie)
            if earlier is not None and earlier[1] == moved:
                since_ns = min(since_ns, earlier[0])
            self._since[row.cookie] = (since_ns, moved)
        oldest_ns = min(self.since_ns().values(), default=now_ns)
        return Room(len(self._since), (now_ns - oldest_ns) / _MS)

    def since_ns(self) -> dict[int, int]:
        """Since when each of them has been in it, at the latest, by its cookie."""
        return {cookie: since_ns for cookie, (since_ns, _) in self._since.items()}


class KernelProbe:
    """Looks at the sockets of one listener."""

    def __init__(self, listener: socket.socket) -> None:
        """Where the kernel tells of no sockets, all numbers are None."""
        host, self._port = listener.getsockname()[:2]
        self._family = listener.family
        self._address = _packed(self._family, host)
        # A client on another machine has its SYN_SENT, TIME_WAIT and CLOSE_WAIT there.
        self._sees_clients = host.startswith(LOOPBACK)
        self._messages: dict[int, bytes] = {}
        """What the last look was told of each socket, by cookie."""
        self._waiting, self._left, self._retrying = Waiting(), Waiting(), Waiting()
        self._unread = Waiting(quiet_ms=lambda info: info.last_data_ms, moved=_read_bytes)
        self._lost_queues = LostQueues()
        self._listening_before = _listening()
        self._diag: SockDiag | None = None
        with contextlib.suppress(OSError):
            self._diag = SockDiag()

    def close(self) -> None:
        """The last look was taken."""
        if self._diag is not None:
            self._diag.close()

    def look(self) -> Iterator[KernelNumbers | None]:
        """Look now; None after each piece of what the kernel tells, since thousands of sockets take it,
        and Python, tens of milliseconds; then the numbers. In them, what is not told is None."""
        if self._diag is None:
            yield EMPTY_KERNEL
            return
        seen = _Seen()
        try:
            for piece in self._ask(self._diag, (*OPEN, Tcp.LISTEN)):
                for row, message in piece:
                    seen.take(row, message)
                yield None
            for piece in self._ask(self._diag, (Tcp.TIME_WAIT,)):
                seen.closed += [row for row, _ in piece]
                yield None
            for rows in self._ask_of_clients(self._diag):
                seen.clients += rows
                yield None
        except OSError:
            yield EMPTY_KERNEL
            return
        self._messages = seen.messages
        yield self._told_of(seen, time.monotonic_ns())

    def _told_of(self, seen: "_Seen", now_ns: int) -> KernelNumbers:
        rooms = {
            "accept_queue": self._waiting.look(seen.queued, now_ns),
            "unread": self._unread.look(seen.unread, now_ns),
            "time_wait": _time_wait(seen.closed),
            "close_wait": self._left.look(seen.left, now_ns),
        }
        if self._sees_clients:
            # A client's SYN is repeated, or the server's answer to it: it is not connected.
            handshakes = [row for row in (*seen.begun, *seen.clients) if row.state in CONNECTING]
            retrying = [row for row in handshakes if row.retransmits]
            rooms["syn_retry"] = self._retrying.look(retrying, now_ns)
        lost = self._lost_queues.look(
            seen.listeners,
            {row.cookie for row in seen.queued},
            seen.messages.keys() | {row.cookie for row in seen.closed},
            now_ns,
        )
        at_clients = Counter(row.state for row in seen.clients)
        overflows, drops = _since(self._listening_before)
        return KernelNumbers(
            rooms=rooms,
            unread_bytes=sum(map(_unread, seen.unread)),
            unsent_bytes=seen.unsent_bytes,
            client_time_wait=at_clients[Tcp.TIME_WAIT] if self._sees_clients else None,
            client_close_wait=at_clients[Tcp.CLOSE_WAIT] if self._sees_clients else None,
            client_ports=_client_ports() if self._sees_clients else None,
            lost_in_queue=lost,
            listen_overflows=overflows,
            listen_drops=drops,
        )

    def unread_since_ns(self) -> dict[int, int]:
        """Since when the server has not read what came, by cookie, as the last look saw it."""
        return self._unread.since_ns()

    def view(self, conn: int) -> KernelView | None:
        """A connection as the last look saw it; None when it was not there."""
        message = self._messages.get(conn)
        row = row_of(message) if message else None
        if row is None or row.info is None:
            return None
        info = row.info
        state = Tcp(row.state).name
        queues = (row.receive_queue, row.send_queue)
        return KernelView(
            state,
            *queues,
            rtt_us=info.rtt_us,
            retransmits=info.retransmits,
            not_sent=info.not_sent_bytes,
        )

    def inode_of(self, conn: int) -> int:
        """That of an open connection, as the last look saw it; 0 when no process had it."""
        message = self._messages.get(conn)
        return row_of(message).inode if message else 0

    def sockets(self) -> dict[int, int]:
        """Inode -> connection of those that a process holds, 0 for a listener; empty when not told.
        Only while no look is under way."""
        found: dict[int, int] = {}
        if self._diag is not None:
            with contextlib.suppress(OSError):
                for piece in self._ask(self._diag, HELD):
                    for row, _ in piece:
                        if row.inode:
                            found[row.inode] = 0 if row.state == Tcp.LISTEN else row.cookie
        return found

    def _ask(self, diag: SockDiag, states: Iterable[Tcp]) -> Iterator[list[tuple[Row, bytes]]]:
        """Those of the server in some states, and what the kernel said of each, piece by piece."""
        with_info = Tcp.TIME_WAIT not in states
        question = Question(self._family, states, self._port, with_info=with_info)
        # The port may be another listener's, at another address. A wildcard has them all.
        has_all = not any(self._address)
        for messages in diag.pieces(question):
            told = [(row_of(message), message) for message in messages]
            yield [one for one in told if has_all or one[0].local == self._address]

    def _ask_of_clients(self, diag: SockDiag) -> Iterator[list[Row]]:
        """Sockets at the other end, on this machine; none where clients come from elsewhere, too."""
        if self._sees_clients:
            question = Question(self._family, OF_CLIENTS, peer_port=self._port, with_info=False)
            for messages in diag.pieces(question):
                rows = map(row_of, messages)
                yield [row for row in rows if row.peer == self._address]


class _Seen:
    """What a look has been told so far. Of most connections no more is kept than what the kernel said."""

    def __init__(self) -> None:
        self.messages: dict[int, bytes] = {}
        """By cookie."""
        self.listeners: set[int] = set()
        self.begun: list[Row] = []
        """Not connected yet."""
        self.queued: list[Row] = []
        """Connected, and not accepted."""
        self.unread: list[Row] = []
        """With bytes for the server to read."""
        self.left: list[Row] = []
        """The client has closed, the server has not."""
        self.closed: list[Row] = []
        """In TIME_WAIT."""
        self.clients: list[Row] = []
        """The other ends, where those tell something."""
        self.unsent_bytes = 0

    def take(self, row: Row, message: bytes) -> None:
        """One of the server's."""
        if row.state == Tcp.LISTEN:
            self.listeners.add(row.cookie)
            return
        self.messages[row.cookie] = message
        if row.state == Tcp.SYN_RECV:
            self.begun.append(row)
        if row.inode:
            self.unsent_bytes += row.send_queue
            if row.receive_queue and _unread(row):
                self.unread.append(row)
            if row.state == Tcp.CLOSE_WAIT:
                self.left.append(row)
        elif row.state != Tcp.SYN_RECV:
            self.queued.append(row)


def _packed(family: int, host: str) -> bytes:
    return socket.inet_pton(family, host.partition("%")[0]).ljust(16, b"\0")


def _unread(row: Row) -> int:
    """Bytes. The kernel counts the end of stream as one more."""
    return max(row.receive_queue - (row.state == Tcp.CLOSE_WAIT), 0)


def _read_bytes(row: Row) -> int:
    return row.info.received_bytes - row.receive_queue if row.info else 0


def _time_wait(rows: list[Row]) -> Room:
    left_ms = min([row.expires_ms for row in rows], default=TIME_WAIT_MS)
    return Room(len(rows), float(max(TIME_WAIT_MS - left_ms, 0)))


def _client_ports() -> int | None:
    try:
        first, last = map(int, _PORT_RANGE.read_text(encoding="ascii").split())
    except OSError:
        return None
    return last - first + 1


def _listening() -> tuple[int, int] | None:
    """ListenOverflows and ListenDrops since the machine started; None where they are not told."""
    try:
        names, values = [
            line.split() for line in _NETSTAT.read_text().splitlines() if line.startswith("TcpExt:")
        ]
        told = dict(zip(names, values, strict=True))
        return int(told["ListenOverflows"]), int(told["ListenDrops"])
    except (OSError, ValueError, KeyError):
        return None


def _since(before: tuple[int, int] | None) -> tuple[int, int] | tuple[None, None]:
    now = _listening()
    if now is None or before is None:
        return None, None
    return now[0] - before[0], now[1] - before[1]
