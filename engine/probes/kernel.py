"""Kernel numbers, by sock_diag and /proc: who waits on the server's port, where, and for how long.

One thread. A look costs some microseconds for each socket, so whoever takes it rests for `pause_s`.
"""

import contextlib
import socket
import time
from collections.abc import Callable, Iterable
from pathlib import Path

from engine.kernel_numbers import EMPTY_KERNEL, KernelNumbers, KernelView
from engine.probes.lost_queues import LostQueues
from engine.probes.sock_diag import Info, Question, Row, SockDiag, Tcp
from engine.snapshot import Room

OPEN = (Tcp.ESTABLISHED, Tcp.CLOSE_WAIT, Tcp.SYN_RECV)
HELD = (*OPEN, Tcp.LISTEN, Tcp.FIN_WAIT1, Tcp.FIN_WAIT2, Tcp.CLOSING, Tcp.LAST_ACK)
CONNECTING = (Tcp.SYN_SENT, Tcp.SYN_RECV)
OF_CLIENTS = (Tcp.SYN_SENT, Tcp.TIME_WAIT, Tcp.CLOSE_WAIT)
TIME_WAIT_MS = 60_000  # TCP_TIMEWAIT_LEN, which cannot be set
SHARE = 50  # a look may cost one part in so many of a core
WATCHING_S = 0.1  # between two looks while somebody waits
RESTING_S = 1.0
WATCHED = ("syn_retry", "accept_queue", "unread")  # no event tells that somebody is there
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
        self._rows: dict[int, Row] = {}
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

    def sample(self, now_ns: int) -> KernelNumbers:
        """Look now. What the kernel does not tell is None."""
        if self._diag is None:
            return EMPTY_KERNEL
        try:
            rows = self._ask(self._diag, OPEN)
            closed = self._ask(self._diag, (Tcp.TIME_WAIT,))
            listeners = self._ask(self._diag, (Tcp.LISTEN,))
            clients = self._clients(self._diag)
        except OSError:
            return EMPTY_KERNEL
        self._rows = {row.cookie: row for row in rows}
        accepted = [row for row in rows if row.inode]
        queued = [row for row in rows if not row.inode and row.state != Tcp.SYN_RECV]
        left = [row for row in accepted if row.state == Tcp.CLOSE_WAIT]
        rooms = {
            "accept_queue": self._waiting.look(queued, now_ns),
            "unread": self._unread.look(filter(_unread, accepted), now_ns),
            "time_wait": _time_wait(closed),
            "close_wait": self._left.look(left, now_ns),
        }
        if clients is not None:
            # A client's SYN is repeated, or the server's answer to it: it is not connected.
            handshakes = [row for row in (*rows, *clients) if row.state in CONNECTING]
            retrying = [row for row in handshakes if row.retransmits]
            rooms["syn_retry"] = self._retrying.look(retrying, now_ns)
        lost = self._lost_queues.look(
            {row.cookie for row in listeners},
            {row.cookie for row in queued},
            {row.cookie for row in (*rows, *closed)},
            now_ns,
        )
        overflows, drops = _since(self._listening_before)
        return KernelNumbers(
            rooms=rooms,
            unread_bytes=sum(map(_unread, accepted)),
            unsent_bytes=sum([row.send_queue for row in accepted]),
            client_time_wait=_count(clients, Tcp.TIME_WAIT),
            client_close_wait=_count(clients, Tcp.CLOSE_WAIT),
            client_ports=None if clients is None else _client_ports(),
            lost_in_queue=lost,
            listen_overflows=overflows,
            listen_drops=drops,
        )

    def unread_since_ns(self) -> dict[int, int]:
        """Since when the server has not read what came, by cookie, as the last look saw it."""
        return self._unread.since_ns()

    def view(self, conn: int) -> KernelView | None:
        """A connection as the last look saw it; None when it was not there."""
        row = self._rows.get(conn)
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
        row = self._rows.get(conn)
        return row.inode if row else 0

    def sockets(self) -> dict[int, int]:
        """Inode -> connection of those that a process holds, 0 for a listener; empty when not told."""
        if self._diag is None:
            return {}
        try:
            rows = self._ask(self._diag, HELD)
        except OSError:
            return {}
        return {
            row.inode: 0 if row.state == Tcp.LISTEN else row.cookie for row in rows if row.inode
        }

    def _ask(self, diag: SockDiag, states: Iterable[Tcp]) -> list[Row]:
        with_info = Tcp.TIME_WAIT not in states
        rows = diag.ask(Question(self._family, states, self._port, with_info=with_info))
        # The port may be another listener's, at another address. A wildcard has them all.
        return [row for row in rows if row.local == self._address or not any(self._address)]

    def _clients(self, diag: SockDiag) -> list[Row] | None:
        """Sockets at the other end, on this machine; None where clients come from elsewhere, too."""
        if not self._sees_clients:
            return None
        rows = diag.ask(Question(self._family, OF_CLIENTS, peer_port=self._port, with_info=False))
        return [row for row in rows if row.peer == self._address]


class KernelSampler:
    """Looks often while somebody waits or is served, as far as a small share of a core allows."""

    def __init__(self, listener: socket.socket) -> None:
        self._probe = KernelProbe(listener)
        self._numbers = EMPTY_KERNEL
        self._looked_s = -RESTING_S
        self._cost_s = 0.0
        self.close = self._probe.close
        self.view = self._probe.view
        self.sockets = self._probe.sockets
        self.unread_since_ns = self._probe.unread_since_ns
        self.inode_of = self._probe.inode_of

    @property
    def looked_ns(self) -> int:
        """When the last look was."""
        return int(self._looked_s * 1e9)

    def numbers(self, at_most_old_s: float | None = None, *, is_busy: bool) -> KernelNumbers:
        """The last look; a new one if that is older than `at_most_old_s`, or than it need be."""
        now_s = time.monotonic()
        if at_most_old_s is None:
            is_watching = is_busy or any(map(self._holds, WATCHED))
            at_most_old_s = max(SHARE * self._cost_s, WATCHING_S if is_watching else RESTING_S)
        if now_s - self._looked_s >= at_most_old_s:
            self._looked_s = now_s
            before_s = time.thread_time()
            self._numbers = self._probe.sample(time.monotonic_ns())
            self._cost_s = time.thread_time() - before_s
        return self._numbers

    def _holds(self, name: str) -> bool:
        room = self._numbers.rooms.get(name)
        return room is not None and room.now > 0


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


def _count(rows: list[Row] | None, state: Tcp) -> int | None:
    return None if rows is None else sum([row.state == state for row in rows])


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
