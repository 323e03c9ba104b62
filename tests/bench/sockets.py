"""What a look at the kernel's table of sockets costs: `python -m tests.bench.sockets [CONNECTIONS]`.

That many connections of this process to itself, on one port; then the same gone into TIME_WAIT. Prints
the median and the longest of LOOKS, in ms of CPU, and the longest piece of all, for which a key waits. The
first line, a question that names no socket, is what the kernel needs to walk over all sockets and
TIME_WAITs of the machine.
"""

import socket
import statistics
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from itertools import pairwise
from pathlib import Path

from engine.listener import open_listener
from engine.probes.kernel import KernelProbe
from engine.probes.sock_diag import Question, SockDiag, Tcp

LOOKS = 30
OPEN = (Tcp.ESTABLISHED, Tcp.CLOSE_WAIT)


def main(connections: int) -> None:
    """Measure, and print a line for each kind of look."""
    print(Path("/proc/net/sockstat").read_text().splitlines()[1])  # TCP
    with open_listener("127.0.0.1", 0) as listener:
        address = listener.getsockname()
        diag, probe = SockDiag(), KernelProbe(listener)
        pairs = []
        for _ in range(connections):
            client = socket.create_connection(address)
            pairs.append((client, listener.accept()[0]))
        port = address[1]
        open_ones = Question(socket.AF_INET, OPEN, port)
        nobody = Question(socket.AF_INET, (Tcp.FIN_WAIT2,), port)
        told("no socket", lambda: map(len, diag.pieces(nobody)))
        told("open, with TCP_INFO", lambda: map(len, diag.pieces(open_ones)))
        told("a look at those open", lambda: looked(probe, all_states=False))
        told("a look at all", lambda: looked(probe, all_states=True))
        for client, accepted in pairs:
            accepted.close()
            client.close()
        told("TIME_WAIT: at all", lambda: looked(probe, all_states=True))
        diag.close()
        probe.close()


def looked(probe: KernelProbe, *, all_states: bool) -> Iterator[int]:
    """After each piece 0; then of how many sockets of the server it tells."""
    for numbers in probe.look(all_states=all_states):
        yield probe.open_sockets + numbers.rooms["time_wait"].now if numbers else 0


def told(name: str, look: Callable[[], Iterable[int]]) -> None:
    """Look LOOKS times."""
    took, longest_ms = [], 0.0
    for _ in range(LOOKS):
        times = [time.thread_time()]
        rows = 0
        for found in look():
            rows += found
            times.append(time.thread_time())
        took.append((times[-1] - times[0]) * 1e3)
        longest_ms = max(longest_ms, *[(b - a) * 1e3 for a, b in pairwise(times)])
    print(
        f"{name:22} {rows:6} rows  median {statistics.median(took):6.2f} ms  most {max(took):6.2f}"
        f"  longest piece {longest_ms:5.2f}"
    )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 2_000)
