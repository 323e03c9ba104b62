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
    """One socket. A tuple: thousands of them are made for one sample."""

    state: int
    """One of Tcp."""
    retransmits: int
    """In a row, until an answer comes: for SYN_SENT, how often the SYN was repeated."""
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
    info: "Info | None"


class Info(NamedTuple):
    """Of struct tcp_info, what is shown; None in a Row whose state has none. Times have the grain of a
    jiffy, 1 to 10 ms."""

    last_data_ms: int
    """Since bytes came from the peer."""
    last_ack_ms: int
    """Since any packet of the peer came."""
    rtt_us: int
    retransmits: int
    """Of the whole connection."""
    acknowledged_bytes: int
    """By the peer, in all."""
    received_bytes: int
    """From the peer, in all, read or not."""
    not_sent_bytes: int
    """Of those in the send queue."""


@dataclass(frozen=True, slots=True)
class Question:
    """Which sockets: those of `states` with this local or peer port; 0: any."""

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
# Length, type, sequence; state, retransmits; addresses; cookie; expires, queues, inode.
_MESSAGE = struct.Struct("=IH2xI4x xBxB 4x16s16s4x II III4xI")
_ATTRIBUTE = struct.Struct("=HH")  # length, type
_ERROR_CODE = struct.Struct("=i")
_TOLD = struct.Struct("=52xII8xI28xI16xQQ8xI")  # of struct tcp_info, the fields of Info
_ANSWER_BYTES = 1 << 16  # the kernel fills at most 32 KB at a time
_PATIENCE_S = 1.0


class SockDiag:
    """A netlink socket for questions. One thread; close() it."""

    def __init__(self) -> None:
        """Raises OSError where the kernel offers none."""
        if not sys.platform.startswith("linux"):
            raise OSError("only Linux tells of its sockets by netlink")
        self._socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, _NETLINK_SOCK_DIAG)
        self._socket.settimeout(_PATIENCE_S)
        self._sequence = 0

    def close(self) -> None:
        """Give the descriptor back."""
        self._socket.close()

    def ask(self, question: Question) -> list[Row]:
        """All sockets that it names. Raises OSError."""
        return [row_of(message) for piece in self.pieces(question) for message in piece]

    def pieces(self, question: Question) -> Iterator[list[bytes]]:
        """The same as messages, some hundred at a time, as the kernel tells of them. All of them must be
        taken before the next question: it answers one at a time. Raises OSError."""
        self._sequence += 1
        self._socket.sendto(_encoded(question, self._sequence), (0, 0))
        is_last = False
        while not is_last:
            messages: list[bytes] = []
            is_last = _take(self._socket.recv(_ANSWER_BYTES), self._sequence, messages)
            yield messages


def row_of(message: bytes) -> Row:
    """What a message says. To keep thousands, keep messages: the collector walks over each Row."""
    _, _, _, state, retransmits, local, peer, low, high, *numbers = _MESSAGE.unpack_from(message)
    info = None
    place, end = _MESSAGE.size, len(message)
    while place < end:
        size, kind = _ATTRIBUTE.unpack_from(message, place)
        if kind == _INFO:
            info = Info._make(_TOLD.unpack_from(message, place + _ATTRIBUTE.size))
            break
        place += (size + 3) & ~3
    return Row._make((state, retransmits, local, peer, low | high << 32, *numbers, info))


def _encoded(question: Question, sequence: int) -> bytes:
    states = sum(1 << state for state in question.states)
    extensions = 1 << (_INFO - 1) if question.with_info else 0
    asked = _ASKED.pack(question.family, socket.IPPROTO_TCP, extensions, states)
    who = _WHO.pack(question.port, question.peer_port)
    length = _HEADER.size + len(asked) + len(who)
    header = _HEADER.pack(length, _SOCK_DIAG_BY_FAMILY, _REQUEST_DUMP, sequence, 0)
    return header + asked + who


def _take(answer: bytes, sequence: int, messages: list[bytes]) -> bool:
    """Add the sockets of a piece of the dump; whether it was the last. Raises OSError."""
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
            messages.append(answer[at : at + length])
        at += (length + 3) & ~3
    return False
