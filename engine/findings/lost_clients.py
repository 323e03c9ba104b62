"""Clients that were reset in the queue of a listener: suspected by the kernel, accepted by nobody. Pure."""

from collections.abc import Container

from engine.findings.moment import MS, RECENT_NS
from engine.views.kernel_numbers import EMPTY_KERNEL, KernelNumbers

SURELY_NS = 200 * MS  # by then an accept would have been told
CLOSED_MOST = 100  # between two looks; of more, some come and go without being told one by one


class LostClients:
    """Remembers suspects for as long as they are spoken of."""

    def __init__(self) -> None:
        self._kernel = EMPTY_KERNEL
        self._closed = 0
        self._suspects: dict[int, int] = {}
        """conn -> since when it is suspected."""

    def look(
        self, kernel: KernelNumbers, accepted: Container[int], closed: int, now_ns: int
    ) -> tuple[int, ...]:
        """Those that are lost. `accepted`: the connections that events told of; `closed`: how many of them
        in all have ended."""
        if kernel is not self._kernel:
            self._kernel = kernel
            for conn in kernel.lost_in_queue:
                self._suspects.setdefault(conn, now_ns)
        is_flood, self._closed = closed > self._closed + CLOSED_MOST, closed
        self._suspects = {
            conn: since_ns
            for conn, since_ns in self._suspects.items()
            if not is_flood and conn not in accepted and 0 <= now_ns - since_ns <= RECENT_NS
        }
        return tuple(
            conn for conn, since_ns in self._suspects.items() if now_ns - since_ns >= SURELY_NS
        )
