"""What reports for a process that found no slot in the queue: it counts, and nothing else."""

from engine.event_queue.shared_memory import (
    COUNTER_ROWS,
    COUNTERS,
    DROPPED,
    DROPPED_BYTES,
    LIFE_LOST,
    SLOTS,
    THINNED,
    THINNED_BYTES,
    SharedMemory,
)
from engine.events import LIFE, Kind, bytes_of


class NoWriter:
    """Counts the events of a process that found no free slot; they are lost, and said to be."""

    def __init__(self, memory: SharedMemory) -> None:
        self._memory = memory
        self._row = COUNTER_ROWS + SLOTS * COUNTERS

    def put(
        self,
        kind: int,
        conn: int,
        fd: int,
        moved: int,
        line: int = 0,
        note: str = "",
        moved2: int = 0,
        line2: int = 0,
        at_ns: int = 0,
    ) -> None:
        """Count an event, or a pair."""
        with self._memory.locked() as words:
            for each, bytes_moved in bytes_of(kind, moved, moved2):
                words[self._row + DROPPED + each] += 1
                words[self._row + DROPPED_BYTES + each] += bytes_moved
                words[self._row + LIFE_LOST] += each in LIFE

    def count_exchange(
        self, recvs: int, received: int, requests: int, responses: int, sends: int, sent: int
    ) -> None:
        """Count the events of a connection that is not to be reported."""
        counts = {Kind.RECV: recvs, Kind.REQUEST: requests, Kind.RESPONSE: responses}
        with self._memory.locked() as words:
            for kind, count in (counts | {Kind.SEND: sends}).items():
                words[self._row + THINNED + kind] += count
            words[self._row + THINNED_BYTES + Kind.RECV] += received
            words[self._row + THINNED_BYTES + Kind.SEND] += sent

    def begin_thread(self, number: int) -> None:
        """Count it."""
        self.put(Kind.SPAWN, 0, -1, 0)

    def end_thread(self, number: int) -> None:
        """Count it."""
        self.put(Kind.EXIT, 0, -1, 0)

    def forget_task(self) -> None:
        """No task is known here."""

    def finish(self) -> None:
        """Nothing waits here."""
