"""Connections that came and went between two looks at the queue: counted, and not drawn.

At 20,000 short connections a second over a thousand live and end between two frames, and a screen has
fewer than a hundred rows. All but the last KEPT of them add to the totals in a few steps for them all;
to make events of theirs, rows, and to forget them again cost the reader more than the server's own
reporting. Only an ordinary life, told whole, is passed over: what is out of the ordinary is drawn.

Pure: records as bytes in, records as bytes out.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from engine.events import (
    PAIRS,
    RECORD_BYTES,
    RECV_REQUEST,
    RESPONSE_SEND,
    TEXT_KIND,
    WRITER_KIND,
    Kind,
)

KEPT = 100  # of those that end between two looks: more than the rows of any screen

# What a record of 44 bytes holds, as words of four bytes. The lower half of a connection's number
# tells those of one look apart; should two share it, their lives look odd and both are drawn.
_WORDS = RECORD_BYTES // 4
_MOVED, _MOVED2, _CONN = 5, 6, 9

_NOT_BEGUN, _ACCEPTED, _ASKED, _ANSWERED, _SENT, _LEFT_BY_CLIENT, _OVER, _ODD = range(8)
_LIFE: dict[int, dict[int, int]] = {
    #  step: what may follow in an ordinary life; anything else makes it an odd one
    _NOT_BEGUN: {Kind.ACCEPT: _ACCEPTED},
    _ACCEPTED: {RECV_REQUEST: _ASKED, RESPONSE_SEND: _SENT, Kind.CLOSE: _OVER},
    _ASKED: {RESPONSE_SEND: _SENT, Kind.RESPONSE: _ANSWERED},
    _ANSWERED: {Kind.SEND: _SENT},
    _SENT: {RECV_REQUEST: _ASKED, Kind.RECV: _LEFT_BY_CLIENT, Kind.CLOSE: _OVER},
    _LEFT_BY_CLIENT: {Kind.CLOSE: _OVER},
}
_KINDS = 256
_SPEAKS_OF_NONE = (TEXT_KIND, WRITER_KIND)  # where a connection's number stands, these have others


def _table() -> list[int]:
    """_LIFE as a list by step * _KINDS + kind: it is looked into for each record."""
    table = [_ODD] * (_KINDS * (_ODD + 1))
    for step in range(_ODD + 1):
        for kind in _SPEAKS_OF_NONE:
            table[step * _KINDS + kind] = step
        for kind, following in _LIFE.get(step, {}).items():
            table[step * _KINDS + kind] = following
    return table


_NEXT = _table()


@dataclass(frozen=True, slots=True)
class Passed:
    """What the connections that were passed over add to the totals."""

    connections: int = 0
    counts: Counter[Kind] = field(default_factory=Counter)
    bytes_in: int = 0
    bytes_out: int = 0
    accepts: Counter[int] = field(default_factory=Counter)
    """Of them, by the process that accepted."""

    def __add__(self, other: "Passed") -> "Passed":
        return Passed(
            self.connections + other.connections,
            self.counts + other.counts,
            self.bytes_in + other.bytes_in,
            self.bytes_out + other.bytes_out,
            self.accepts + other.accepts,
        )


NOTHING_PASSED = Passed()


def pass_over(
    chunks: Sequence[memoryview],
    pids: Sequence[int],
    begun_before: Sequence[int],
    kept: int = KEPT,
) -> tuple[list[memoryview], Passed]:
    """The records without those of connections that nobody could see, and what these add up to.

    `chunks` are whole records, those of a connection in order, and `pids` who wrote them.
    `begun_before`: connections some of whose events are known already; these are never passed over.
    """
    kinds = [bytes(chunk[::RECORD_BYTES]) for chunk in chunks]
    if sum(each.count(Kind.CLOSE) for each in kinds) <= kept:
        return list(chunks), NOTHING_PASSED
    conns = [_column(chunk, _CONN) for chunk in chunks]
    over = _whole_lives(kinds, conns, begun_before)
    passing = set(over[: max(len(over) - kept, 0)])
    if not passing:
        return list(chunks), NOTHING_PASSED
    passed = Passed(len(passing))
    left = []
    for chunk, pid, its_kinds, its_conns in zip(chunks, pids, kinds, conns, strict=True):
        told, seen = _divide(its_kinds, its_conns, passing)
        passed += _sum(chunk, pid, its_kinds, told)
        left.append(chunk if not told else _only(chunk, seen))
    return left, passed


def _column(chunk: memoryview, word: int) -> list[int]:
    return chunk.cast("I")[word::_WORDS].tolist()


def _whole_lives(
    kinds: Sequence[bytes], conns: Sequence[list[int]], begun_before: Sequence[int]
) -> list[int]:
    """Connections whose whole, ordinary life is told here, in the order of their beginnings."""
    steps = dict.fromkeys((conn & 0xFFFFFFFF for conn in begun_before), _ODD)
    following = _NEXT
    step_of = steps.get
    for its_kinds, its_conns in zip(kinds, conns, strict=True):
        for kind, conn in zip(its_kinds, its_conns, strict=True):
            steps[conn] = following[step_of(conn, 0) * _KINDS + kind]
    return [conn for conn, step in steps.items() if step == _OVER]


def _divide(kinds: bytes, conns: list[int], passing: set[int]) -> tuple[list[int], list[int]]:
    """The places of the records that are passed over, and of the others."""
    told, seen = [], []
    for place, conn in enumerate(conns):
        if conn in passing and kinds[place] not in _SPEAKS_OF_NONE:
            told.append(place)
        else:
            seen.append(place)
    return told, seen


def _sum(chunk: memoryview, pid: int, kinds: bytes, places: list[int]) -> Passed:
    moved, moved2 = _column(chunk, _MOVED), _column(chunk, _MOVED2)
    of_kind: dict[int, list[int]] = {}
    for place in places:
        of_kind.setdefault(kinds[place], []).append(place)
    counts: Counter[Kind] = Counter()
    for kind, its_places in of_kind.items():
        for each in PAIRS.get(kind, (kind,)):
            counts[Kind(each)] += len(its_places)
    received = of_kind.get(Kind.RECV, []) + of_kind.get(RECV_REQUEST, [])
    return Passed(
        counts=counts,
        bytes_in=sum(moved[place] for place in received),
        bytes_out=sum(moved[place] for place in of_kind.get(Kind.SEND, []))
        + sum(moved2[place] for place in of_kind.get(RESPONSE_SEND, [])),
        accepts=Counter({pid: counts[Kind.ACCEPT]}),
    )


def _only(chunk: memoryview, places: list[int]) -> memoryview:
    starts = [place * RECORD_BYTES for place in places]
    return memoryview(b"".join([chunk[start : start + RECORD_BYTES] for start in starts]))
