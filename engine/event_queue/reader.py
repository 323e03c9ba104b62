"""The reading side of the queue: records out of all rings, as events in order of time."""

import os
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator, Sequence
from operator import itemgetter, sub
from time import monotonic_ns

from engine.event_queue.passing import NOTHING_PASSED, Passed, pass_over
from engine.event_queue.shared_memory import (
    COUNTER_ROWS,
    COUNTERS,
    DROPPED,
    DROPPED_BYTES,
    HEADS,
    HELD,
    LIFE_LOST,
    OWNERS,
    SLOTS,
    TAILS,
    THINNED,
    THINNED_BYTES,
    USED,
    WORDS,
    SharedMemory,
    ring_size,
)
from engine.events import (
    ACCEPT_QUEUED,
    BYTES_NOTES,
    QUEUED,
    RECORD,
    RECORD_BYTES,
    RECV_REQUEST,
    RESPONSE_SEND,
    SPECIAL_KINDS,
    TEXT,
    TEXT_KIND,
    TEXT_PIECE_BYTES,
    THREAD_KIND,
    UNREAD,
    WRITER_KIND,
    Event,
    Kind,
    Unreported,
)

PIECE_BYTES = 200 * RECORD_BYTES  # are made into events at once: half a millisecond


class Reader:
    """Takes events out of the rings. One a memory; lives in the terminal's process."""

    def __init__(self, memory: SharedMemory) -> None:
        self.memory = memory
        self._tails = [0] * SLOTS
        self._sources = [_Source() for _ in range(SLOTS)]
        self._early: list[Event] = []
        self._passed = NOTHING_PASSED

    def drain(self, *, whole: bool = True) -> list[Event]:
        """All that look() finds, at once."""
        return [event for piece in self.look(whole=whole) for event in piece]

    def look(self, *, whole: bool = True) -> Iterator[list[Event]]:
        """All events up to now, in order of time: empty lists while they are made, a piece with each
        step, then all of them. Unless `whole`, without those of connections that came and went since
        the last look and could not be seen (passing.py). One look comes to its end before the next.

        While rings are looked at one by one, a writer may put a recv into a later one whose accept
        came into an earlier one just after that was looked at. So what is younger than the first
        look waits for the next: no event comes before one that another process put before it.
        (Threads of one process share a ring: there, one that had to wait between looking at the clock
        and writing may come late by that wait. Those of one connection never do.)
        """
        now_ns = monotonic_ns()
        used = self.memory.words[USED]
        heads = self.memory.words[HEADS : HEADS + used].tolist()
        if not self._early and heads == self._tails[:used]:
            return iter(())
        chunks: list[memoryview] = []
        slots: list[int] = []
        for slot, (head, tail) in enumerate(zip(heads, self._tails, strict=False)):
            if head != tail:
                pieces = self._pieces(slot, tail, head)
                chunks += pieces
                slots += [slot] * len(pieces)
                # Copied: its writer may write over it from here on.
                self._tails[slot] = self.memory.words[TAILS + slot] = head
        if not whole:
            pids = [self._writer_of(slot) for slot in slots]
            chunks, passed = pass_over(chunks, pids, [event.conn for event in self._early])
            self._passed += passed
        return self._events(list(zip(slots, chunks, strict=True)), now_ns)

    def _events(
        self, found: Sequence[tuple[int, memoryview]], now_ns: int
    ) -> Iterator[list[Event]]:
        events, self._early = self._early, []
        for slot, chunk in found:
            for start in range(0, len(chunk), PIECE_BYTES):
                self._decode(slot, chunk[start : start + PIECE_BYTES], events)
                yield []
        events.sort(key=_AT_NS)
        if events and events[-1].at_ns > now_ns:
            end = bisect_right(events, now_ns, key=_AT_NS)
            events, self._early = events[:end], events[end:]
        yield events

    def _writer_of(self, slot: int) -> int:
        """The process that writes to a slot, whether or not it has said so yet; of one that has given
        its slot back, the last that did."""
        return (self.memory.words[OWNERS + slot] & ~HELD) or self._sources[slot].pid

    def take_passed(self) -> Passed:
        """What was passed over since the last call."""
        passed, self._passed = self._passed, NOTHING_PASSED
        return passed

    def waiting(self) -> tuple[int, float]:
        """How many records no look has found yet, and how full the fullest ring is of them, from 0 to 1."""
        used = self.memory.words[USED]
        waiting = list(map(sub, self.memory.words[HEADS : HEADS + used].tolist(), self._tails))
        first, others = max(waiting[:1], default=0), max(waiting[1:], default=0)
        return sum(waiting), max(first / ring_size(0), others / ring_size(1))

    def unreported(self) -> Unreported:
        """What all writers counted so far without reporting it."""
        used = self.memory.words[USED] * COUNTERS
        words = self.memory.words[COUNTER_ROWS : COUNTER_ROWS + used].tolist()
        words += self.memory.words[WORDS - COUNTERS : WORDS].tolist()
        if not any(words):
            return _NOTHING_UNREPORTED
        return Unreported(
            _by_kind(words, DROPPED),
            _by_kind(words, THINNED),
            _by_kind(words, DROPPED_BYTES) + _by_kind(words, THINNED_BYTES),
            sum(words[LIFE_LOST::COUNTERS]),
        )

    def free_slots_of_the_dead(self) -> None:
        """Processes that were killed could not give their slots back: do it for them."""
        owners = self.memory.words[OWNERS : OWNERS + SLOTS].tolist()
        dead = {owner for owner in set(owners) - {0} if not _is_alive(owner & ~HELD)}
        if not dead:
            return  # as a rule; there are thousands of slots
        for slot, owner in enumerate(owners):
            if owner in dead:
                self.memory.give_back(slot, owner)

    def _pieces(self, slot: int, tail: int, head: int) -> list[memoryview]:
        """A copy of what a writer has put: one piece, or two where the ring begins anew within it."""
        size = ring_size(slot)
        ring = self.memory.ring(slot)
        start, count = tail % size, head - tail
        first = min(count, size - start)
        pieces = [ring[start * RECORD_BYTES : (start + first) * RECORD_BYTES]]
        if count > first:
            pieces.append(ring[: (count - first) * RECORD_BYTES])
        return [memoryview(bytes(piece)) for piece in pieces]

    def _decode(self, slot: int, records: memoryview, events: list[Event]) -> None:
        source = self._sources[slot]
        texts, numbers = source.texts, source.numbers
        put = events.append
        start = -RECORD_BYTES
        for record in RECORD.iter_unpack(records):
            start += RECORD_BYTES
            kind, line, line2, task, note, fd, dropped, moved, moved2, at_ns, conn = record
            if kind == TEXT_KIND:
                source.learn(records[start : start + RECORD_BYTES])
                continue
            if kind >= SPECIAL_KINDS:
                if kind != THREAD_KIND:
                    source.change(kind, fd, greenlets=line != 0)
                    continue
                source.name(task, f"Thread-{moved}")
                kind, moved = _SPAWN, 0
            pid, name, text = source.pid, texts[task], texts[note]
            # Each thread numbers its own events; what its process had to drop is a gap before the next.
            thread = "" if source.greenlets else name
            number = numbers.get(thread, 0)
            if dropped != source.dropped:
                number += (dropped - source.dropped) & _MASK_32
                source.dropped = dropped
            numbers[thread] = number + 1 if kind < RECV_REQUEST else number + 2
            if kind == RECV_REQUEST:
                told = f"{UNREAD}{moved2} us" if moved2 else ""
                put(_new(Event, (number, at_ns, _RECV, conn, fd, pid, name, moved, line, told)))
                number += 1
                put(_new(Event, (number, at_ns, _REQUEST, conn, fd, pid, name, 0, line2, text)))
            elif kind == RESPONSE_SEND:
                put(_new(Event, (number, at_ns, _RESPONSE, conn, fd, pid, name, moved, line, text)))
                number += 1
                put(_new(Event, (number, at_ns, _SEND, conn, fd, pid, name, moved2, line2, "")))
            elif kind == ACCEPT_QUEUED:
                peer, told = _worded(_ACCEPT, text, moved2), f"{QUEUED}{line2} ms"
                put(_new(Event, (number, at_ns, _ACCEPT, conn, fd, pid, name, moved, line, peer)))
                number += 1
                put(_new(Event, (number, at_ns, _TICK, conn, fd, pid, name, 0, line, told)))
            else:
                if moved2 or kind in BYTES_NOTES:
                    text = _worded(kind, text, moved2)
                kind = _KINDS[kind]
                put(_new(Event, (number, at_ns, kind, conn, fd, pid, name, moved, line, text)))
                if kind == _EXIT and text == "thread" and not source.greenlets:
                    numbers.pop(thread, None)


class _Source:
    """What is known of the writer of a slot."""

    __slots__ = ("dropped", "greenlets", "numbers", "pid", "texts", "unfinished")

    def __init__(self) -> None:
        self.numbers: dict[str, int] = {}
        self.texts: list[str] = []
        self.change(WRITER_KIND, 0, greenlets=False)

    def change(self, kind: int, pid: int, *, greenlets: bool) -> None:
        """Another process writes from here on: with texts of its own, or (HEIR_KIND) with those of the
        one before it."""
        if kind == WRITER_KIND:
            self.greenlets = greenlets  # its tasks are those of one thread
            self.texts[:] = [""]
        self.pid = pid
        self.dropped = 0  # as its last event said
        self.numbers.clear()  # thread -> the number of its next event
        self.unfinished = b""  # the writer before may have been killed within a text

    def learn(self, record: memoryview) -> None:
        """Take in a text, or a piece of one."""
        _, length, number, piece = TEXT.unpack(record)
        self.unfinished += piece[:length]
        if length > TEXT_PIECE_BYTES:
            return
        self.name(number, self.unfinished.decode("ascii"))
        self.unfinished = b""

    def name(self, number: int, text: str) -> None:
        """A number stands for this text from here on."""
        self.texts += [""] * (number + 1 - len(self.texts))
        self.texts[number] = text


_NOTHING_UNREPORTED = Unreported()
_MASK_32 = 2**32 - 1


def _by_kind(words: list[int], group: int) -> Counter[Kind]:
    return Counter({kind: sum(words[group + kind :: COUNTERS]) for kind in Kind})


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass  # somebody else's process has its number by now; it will end, too
    return True


def _worded(kind: int, text: str, number: int) -> str:
    """The note of an event that travels as a text and a number: a peer, or a child and its end; of one
    that tells bytes; or of a recv whose bytes had waited."""
    if kind == _ACCEPT:
        return f"[{text}]:{number}" if ":" in text else f"{text}:{number}"
    if kind == _EXIT:
        return f"process {number} {text}"
    if kind == _RECV:
        return f"{UNREAD}{number} us"
    return BYTES_NOTES[kind] + text if kind in BYTES_NOTES else f"{text} {number}"


_AT_NS = itemgetter(1)
_ACCEPT, _SPAWN, _EXIT, _TICK = Kind.ACCEPT, Kind.SPAWN, Kind.EXIT, Kind.TICK
_RECV, _REQUEST, _RESPONSE, _SEND = Kind.RECV, Kind.REQUEST, Kind.RESPONSE, Kind.SEND
_KINDS = {**{kind.value: kind for kind in Kind}, **dict.fromkeys(BYTES_NOTES, Kind.TICK)}
_new = tuple.__new__  # Event(...) checks its arguments by name, which costs as much again
