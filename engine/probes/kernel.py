"""Kernel numbers, by sock_diag and /proc: who waits on the server's port, where, and for how long.

One thread. A look costs some microseconds for each socket: kernel_sampler.py says when to look.
"""

import contextlib
import heapq
import socket
import time
from collections.abc import Callable, Container, Iterable, Iterator
from pathlib import Path

from engine.probes.lost_queues import LostQueues
from engine.probes.seen import CLOSE_WAIT, TIME_WAIT, Apart, Seen, Told, unread_bytes
from engine.probes.sock_diag import Question, Row, SockDiag, Tcp
from engine.views.kernel_numbers import EMPTY_KERNEL, QUEUES_MOST, KernelNumbers, KernelView
from engine.views.snapshot import Room

OPEN = (Tcp.ESTABLISHED, Tcp.CLOSE_WAIT, Tcp.SYN_RECV)
HELD = (*OPEN, Tcp.LISTEN, Tcp.FIN_WAIT1, Tcp.FIN_WAIT2, Tcp.CLOSING, Tcp.LAST_ACK)
OF_CLIENTS = (Tcp.SYN_SENT, Tcp.TIME_WAIT, Tcp.CLOSE_WAIT)
OURS = (*OPEN, Tcp.LISTEN)
LOOPBACK = ("127.", "::1")
QUEUED_TOLD = 8  # of those in the accept queue: a page has room for them, and more say no more
_NETSTAT = Path("/proc/net/netstat")
_PORT_RANGE = Path("/proc/sys/net/ipv4/ip_local_port_range")  # ip(7); IPv6 has the same
_MS = 1_000_000


class Waiting:
    """Who is in a room, and since when at the latest: since its last packet, or since an earlier look,
    if it has not moved on since that. A lower bound: what came later hides what came first."""

    def __init__(
        self,
        quiet_ms: Callable[[Row], int] = lambda row: row.last_ack_ms,
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
            since_ns, moved = now_ns - self._quiet_ms(row) * _MS, self._moved(row)
            earlier = before.get(row.cookie)
            if earlier is not None and earlier[1] == moved:
                since_ns = min(since_ns, earlier[0])
            self._since[row.cookie] = (since_ns, moved)
        oldest_ns = min(self.since_ns().values(), default=now_ns)
        return Room(len(self._since), (now_ns - oldest_ns) / _MS)

    def since_ns(self) -> dict[int, int]:
        """Since when each of them has been in it, at the latest, by its cookie."""
        return {cookie: since_ns for cookie, (since_ns, _) in self._since.items()}

    def since_ns_of(self, cookie: int) -> int:
        """The same of one of them; 0: it is not in it."""
        return self._since.get(cookie, (0, 0))[0]


class KernelProbe:
    """Looks at the sockets of one listener."""

    def __init__(
        self, listener: socket.socket, elsewhere: Callable[[], Container[int]] = tuple
    ) -> None:
        """Where the kernel tells of no sockets, all numbers are None. `elsewhere` tells connections that
        wait in another room, so that they are not counted as unread, too."""
        host, self._port = listener.getsockname()[:2]
        self._family = listener.family
        self._address = _packed(self._family, host)
        self._elsewhere = elsewhere
        # A client on another machine has its SYN_SENT, TIME_WAIT and CLOSE_WAIT there.
        self._sees_clients = host.startswith(LOOPBACK)
        self._told: Told = {}
        self._apart = Apart(0)
        self._began_ns = time.monotonic_ns()
        self._waiting, self._left, self._retrying = Waiting(), Waiting(), Waiting()
        self._unread = Waiting(quiet_ms=lambda row: row.last_data_ms, moved=_read_bytes)
        self._lost_queues = LostQueues()
        self._listening_before = _listening()
        self._diag: SockDiag | None = None
        with contextlib.suppress(OSError):
            self._diag = SockDiag()

    @property
    def open_sockets(self) -> int:
        """Of the server's port, as the last look saw them."""
        return len(self._told)

    def close(self) -> None:
        """The last look was taken."""
        if self._diag is not None:
            self._diag.close()

    def look(self, *, all_states: bool = True) -> Iterator[KernelNumbers | None]:
        """Look now; None after each piece of what the kernel tells, since thousands of sockets take it,
        and Python, tens of milliseconds; then the numbers. In them, what is not told is None.

        `all_states` False: at what is open only; of what is closed, and of clients, what the last look at
        all of it saw is told again."""
        if self._diag is None:
            yield EMPTY_KERNEL
            return
        age_ms = (time.monotonic_ns() - self._began_ns) // _MS
        seen, apart = Seen(), Apart(age_ms) if all_states else self._apart
        try:
            for rows in self._ask(self._diag, (*OURS, Tcp.TIME_WAIT) if all_states else OURS):
                seen.take([row for row in rows if row.state != TIME_WAIT])
                apart.take_closed([row for row in rows if row.state == TIME_WAIT])
                yield None
            if all_states and self._sees_clients:
                for rows in self._ask_of_clients(self._diag):
                    apart.take_clients(rows)
                    yield None
            here: set[int] = set()
            if self._lost_queues.misses(seen.listeners):
                # Who is no longer in its queue may have been served, and closed since.
                closed = self._diag.ask(Question(self._family, (Tcp.TIME_WAIT,), self._port))
                here.update(seen.told, [row.cookie for row in closed])
        except OSError:
            yield EMPTY_KERNEL
            return
        self._told, self._apart = seen.told, apart
        now_ns = time.monotonic_ns()
        queued = {row.cookie for row in seen.queued}
        lost = self._lost_queues.look(seen.listeners, queued, here, now_ns)
        yield self._numbers_of(seen, apart, lost, now_ns)

    def _numbers_of(
        self, seen: Seen, apart: Apart, lost: tuple[int, ...], now_ns: int
    ) -> KernelNumbers:
        elsewhere = self._elsewhere()
        unread = [row for row in seen.unread if row.cookie not in elsewhere]
        queued = [row for row in seen.unread if row.cookie in elsewhere]
        rooms = {
            "accept_queue": self._waiting.look(seen.queued, now_ns),
            "unread": self._unread.look(unread, now_ns),
            "time_wait": Room(apart.closed, float(apart.oldest_ms)),
            "close_wait": self._left.look(seen.left, now_ns),
        }
        if self._sees_clients:
            # A client's SYN is repeated, or the server's answer to it: it is not connected.
            retrying = [row for row in (*seen.begun, *apart.begun) if row.retransmits]
            rooms["syn_retry"] = self._retrying.look(retrying, now_ns)
        overflows, drops = _since(self._listening_before)
        return KernelNumbers(
            rooms=rooms,
            accept_queue_ms=self._accept_queue_ms(seen.queued, now_ns),
            unread_bytes=sum(map(unread_bytes, unread)),
            queued_bytes=sum(map(unread_bytes, queued)),
            unsent_bytes=seen.unsent_bytes,
            client_time_wait=apart.clients[TIME_WAIT] if self._sees_clients else None,
            client_close_wait=apart.clients[CLOSE_WAIT] if self._sees_clients else None,
            client_ports=_client_ports() if self._sees_clients else None,
            lost_in_queue=lost,
            listen_overflows=overflows,
            listen_drops=drops,
            queues=tuple(sorted(seen.queues, key=lambda one: one.listener)[:QUEUES_MOST]),
        )

    def _accept_queue_ms(self, queued: Iterable[Row], now_ns: int) -> dict[str, float]:
        """The first in the accept queue, as the last look saw it; of each, for how long."""
        since_ns = self._waiting.since_ns()
        first = heapq.nsmallest(QUEUED_TOLD, queued, key=lambda row: since_ns[row.cookie])
        return {_name(self._family, row): (now_ns - since_ns[row.cookie]) / _MS for row in first}

    def unread_since_ns(self) -> dict[int, int]:
        """Since when the server has not read what came, by cookie, as the last look saw it."""
        return self._unread.since_ns()

    def view(self, conn: int) -> KernelView | None:
        """A connection as the last look saw it; None when it was not there."""
        row = self._row(conn)
        if row is None:
            return None
        return KernelView(
            Tcp(row.state).name,
            row.receive_queue,
            row.send_queue,
            rtt_us=row.rtt_us,
            retransmits=row.retransmits_in_all,
            not_sent=row.not_sent_bytes,
            left_ns=self._left.since_ns_of(conn),
        )

    def inode_of(self, conn: int) -> int:
        """That of an open connection, as the last look saw it; 0 when no process had it."""
        row = self._row(conn)
        return row.inode if row else 0

    def sockets(self) -> dict[int, int]:
        """Inode -> connection of those that a process holds, 0 for a listener; empty when not told.
        Only while no look is under way."""
        found: dict[int, int] = {}
        if self._diag is not None:
            with contextlib.suppress(OSError):
                for rows in self._ask(self._diag, HELD, with_info=False):
                    for row in rows:
                        if row.inode:
                            found[row.inode] = 0 if row.state == Tcp.LISTEN else row.cookie
        return found

    def _row(self, conn: int) -> Row | None:
        told = self._told.get(conn)
        return Row._make(told) if told else None

    def _ask(
        self, diag: SockDiag, states: Iterable[Tcp], *, with_info: bool = True
    ) -> Iterator[list[Row]]:
        """Those of the server in some states, piece by piece."""
        question = Question(self._family, states, self._port, with_info=with_info)
        # The port may be another listener's, at another address. A wildcard has them all.
        has_all = not any(self._address)
        for rows in diag.pieces(question):
            yield rows if has_all else [row for row in rows if row.local == self._address]

    def _ask_of_clients(self, diag: SockDiag) -> Iterator[list[Row]]:
        """Sockets at the other end, on this machine."""
        question = Question(self._family, OF_CLIENTS, peer_port=self._port, with_info=False)
        for rows in diag.pieces(question):
            yield [row for row in rows if row.peer == self._address]


def _packed(family: int, host: str) -> bytes:
    return socket.inet_pton(family, host.partition("%")[0]).ljust(16, b"\0")


def _name(family: int, row: Row) -> str:
    """The peer, as the event of its accept tells it."""
    length = 4 if family == socket.AF_INET else 16
    host, port = socket.inet_ntop(family, row.peer[:length]), socket.ntohs(row.peer_port)
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _read_bytes(row: Row) -> int:
    return row.received_bytes - row.receive_queue


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
