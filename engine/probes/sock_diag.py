"""The kernel's table of TCP sockets, by netlink: what `ss` asks. Linux only; no privilege is needed.

One question names a family, states and a port, so that the kernel tells of no others; the answer is a
dump of messages (sock_diag(7), <linux/inet_diag.h>).
"""

import socket
import struct
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import IntEnum
from functools import lru_cache
from itertools import takewhile
from typing import NamedTuple


class Tcp(IntEnum):
    """States of a connection, by their numbers in the kernel (<net/tcp_states.h>)."""

    ESTABLISHED = 1
    SYN_SENT = 2
    SYN_RECV = 3
    FIN_WAIT1 = 4
    FIN_WAIT2 = 5
    TIME_WAIT = 6
    CLOSE = 7
    CLOSE_WAIT = 8
    LAST_ACK = 9
    LISTEN = 10
    CLOSING = 11


class Row(NamedTuple):
    """One socket. A flat tuple, as it is unpacked: thousands of them are made for one look. What comes
    after `inode` is of struct tcp_info, and 0 where that is not asked for, and in TIME_WAIT. Its times
    have the grain of a jiffy, 1 to 10 ms."""

    state: int
    """One of Tcp."""
    retransmits: int
    """In a row, until an answer comes: for SYN_SENT, how often the SYN was repeated."""
    peer_port: int
    """In the order of the network."""
    local: bytes
    """Address, 16 bytes; of IPv4 the first four, then zeros."""
    peer: bytes
    cookie: int
    """The same as SO_COOKIE."""
    expires_ms: int
    """Until the timer fires; of TIME_WAIT, until its end."""
    receive_queue: int
    """Bytes that nobody has read, and one for an end of stream."""
    send_queue: int
    """Bytes that the peer has not acknowledged."""
    inode: int
    """0: no process holds it. Nobody has accepted it yet, or everybody has closed it."""
    last_data_ms: int = 0
    """Since bytes came from the peer."""
    last_ack_ms: int = 0
    """Since any packet of the peer came."""
    rtt_us: int = 0
    retransmits_in_all: int = 0
    """Of the whole connection."""
    received_bytes: int = 0
    """From the peer, in all, read or not."""
    not_sent_bytes: int = 0
    """Of those in the send queue."""


@dataclass(frozen=True, slots=True)
class Question:
    """Which sockets: those of `states` with this local or peer port; 0: any. For each question the kernel
    walks over all sockets and TIME_WAITs of the machine, so few are cheaper than many."""

    family: int
    states: Iterable[Tcp]
    port: int = 0
    peer_port: int = 0
    with_info: bool = True


_SOCK_DIAG_BY_FAMILY = 20
_REQUEST_DUMP = 0x1 | 0x300  # NLM_F_REQUEST | NLM_F_DUMP
_ERROR, _DONE = 2, 3  # NLMSG_ERROR, NLMSG_DONE
_INFO = 2  # INET_DIAG_INFO
_NETLINK_SOCK_DIAG = 4
_HEADER = struct.Struct("=IHHII")  # length, type, flags, sequence, pid
_ASKED = struct.Struct("=BBBxI")  # family, protocol, extensions, states; then who:
_WHO = struct.Struct("!HH44x")  # ports; addresses, interface and cookie stay open
_ATTRIBUTE = struct.Struct("=HH")  # length, type
_ERROR_CODE = struct.Struct("=i")
# A row: state, retransmits; port and addresses; cookie; expires, queues, inode.
_MESSAGE = "=16x xBxB 2xH16s16s4x Q III4xI"
_MESSAGE_BYTES = struct.calcsize(_MESSAGE)
_TOLD = "52xII8xI28xI24xQ8xI"  # of struct tcp_info, the fields of Row
_NUMBERS_TOLD = len(Row._field_defaults)
_ANSWER_BYTES = 1 << 16  # the kernel fills at most 32 KB at a time
_PATIENCE_S = 1.0
_new = tuple.__new__  # Row(...) checks its arguments by name, which costs as much again


class SockDiag:
    """A netlink socket for questions. One thread; close() it."""

    def __init__(self) -> None:
        """Raises OSError where the kernel offers none."""
        if not sys.platform.startswith("linux"):
            raise OSError("only Linux tells of its sockets by netlink")
        self._socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, _NETLINK_SOCK_DIAG)
        self._socket.settimeout(_PATIENCE_S)
        self._answer = bytearray(_ANSWER_BYTES)
        self._sequence = 0

    def close(self) -> None:
        """Give the descriptor back."""
        self._socket.close()

    def ask(self, question: Question) -> list[Row]:
        """All sockets that it names. Raises OSError."""
        return [row for piece in self.pieces(question) for row in piece]

    def pieces(self, question: Question) -> Iterator[list[Row]]:
        """The same, some dozens at a time, as the kernel tells of them. All of them must be taken before
        the next question: it answers one at a time. Raises OSError."""
        self._sequence += 1
        self._socket.sendto(_encoded(question, self._sequence), (0, 0))
        is_last = False
        while not is_last:
            told = self._socket.recv_into(self._answer)
            rows: list[Row] = []
            is_last = _take(memoryview(self._answer)[:told], self._sequence, rows)
            yield rows if sys.byteorder == "little" else [_turned(row) for row in rows]


def _encoded(question: Question, sequence: int) -> bytes:
    states = sum(1 << state for state in question.states)
    extensions = 1 << (_INFO - 1) if question.with_info else 0
    asked = _ASKED.pack(question.family, socket.IPPROTO_TCP, extensions, states)
    who = _WHO.pack(question.port, question.peer_port)
    length = _HEADER.size + len(asked) + len(who)
    header = _HEADER.pack(length, _SOCK_DIAG_BY_FAMILY, _REQUEST_DUMP, sequence, 0)
    return header + asked + who


def _take(answer: memoryview, sequence: int, rows: list[Row]) -> bool:
    """Add the rows of a piece of the dump; whether it was the last. Raises OSError."""
    at = 0
    while at + _HEADER.size <= len(answer):
        length, kind, _, asked, _ = _HEADER.unpack_from(answer, at)
        if asked != sequence:
            pass  # the end of an answer that nobody waited for
        elif kind == _DONE:
            return True
        elif kind == _ERROR:
            (code,) = _ERROR_CODE.unpack_from(answer, at + _HEADER.size)
            raise OSError(-code, "the kernel does not tell of its sockets")
        else:
            layout = _layout_of(answer, at, length)
            end = at + layout.alike(answer[at:]) * layout.stride
            rows += layout.rows(answer[at:end])
            at = end
            continue
        at += (length + 3) & ~3
    return False


def _turned(row: Row) -> Row:
    """The kernel tells a cookie in two halves, the lower one first."""
    return row._replace(cookie=row.cookie >> 32 | (row.cookie & 2**32 - 1) << 32)


class _Layout:
    """Where the fields of a message are, which depends on the attributes before tcp_info: the same for
    all sockets of a kind, so that they are unpacked together."""

    def __init__(self, length: int, info_at: int | None) -> None:
        told = f"{info_at + _ATTRIBUTE.size - _MESSAGE_BYTES}x{_TOLD}" if info_at else ""
        row = _MESSAGE + told
        self.stride = (length + 3) & ~3
        self._row = struct.Struct(f"{row}{self.stride - struct.calcsize(row)}x")
        self._not_told = () if info_at else (0,) * _NUMBERS_TOLD
        head = f"=IH2xI{(info_at or 12) - 12}x" + ("HH" if info_at else "")
        self._head = struct.Struct(f"{head}{self.stride - struct.calcsize(head)}x")

    def alike(self, answer: memoryview) -> int:
        """How many messages at its beginning have this layout. The first one has it."""
        whole = len(answer) - len(answer) % self.stride
        heads = self._head.iter_unpack(answer[:whole])
        first = next(heads)
        return 1 + sum([1 for _ in takewhile(first.__eq__, heads)])

    def rows(self, messages: memoryview) -> list[Row]:
        """Unpack messages that all have this layout."""
        if not self._not_told:
            return [_new(Row, row) for row in self._row.iter_unpack(messages)]
        return [_new(Row, row + self._not_told) for row in self._row.iter_unpack(messages)]


@lru_cache(64)
def _layout(length: int, info_at: int | None) -> _Layout:
    return _Layout(length, info_at)


def _layout_of(answer: memoryview, at: int, length: int) -> _Layout:
    place = _MESSAGE_BYTES
    while place < length:
        size, kind = _ATTRIBUTE.unpack_from(answer, at + place)
        if kind == _INFO:
            return _layout(length, place)
        place += (size + 3) & ~3
    return _layout(length, None)
