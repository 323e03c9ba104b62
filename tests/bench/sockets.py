"""What a look at the kernel's table of sockets costs: `python -m tests.bench.sockets [CONNECTIONS]`.

That many connections of this process to itself, on one port; then the same with half of them gone into
TIME_WAIT. Prints the median and the longest of LOOKS, in ms.
"""

import socket
import statistics
import sys
import time

from engine.listener import open_listener
from engine.probes.sock_diag import Question, SockDiag, Tcp

LOOKS = 30
OPEN = (Tcp.ESTABLISHED, Tcp.CLOSE_WAIT)


def main(connections: int) -> None:
    """Measure, and print a line for each kind of look."""
    with open_listener("127.0.0.1", 0) as listener:
        address = listener.getsockname()
        pairs = []
        for _ in range(connections):
            client = socket.create_connection(address)
            pairs.append((client, listener.accept()[0]))
        port = address[1]
        told("open, with TCP_INFO", Question(socket.AF_INET, OPEN, port))
        told("open, without", Question(socket.AF_INET, OPEN, port, with_info=False))
        for client, accepted in pairs:
            accepted.close()
            client.close()
        waits = Question(socket.AF_INET, (Tcp.TIME_WAIT,), port, with_info=False)
        told("TIME_WAIT", waits)


def told(name: str, question: Question) -> None:
    """Ask LOOKS times."""
    diag = SockDiag()
    took = []
    for _ in range(LOOKS):
        begun = time.perf_counter()
        rows = len(diag.ask(question))
        took.append((time.perf_counter() - begun) * 1e3)
    diag.close()
    print(
        f"{name:22} {rows:6} rows  median {statistics.median(took):6.2f} ms  most {max(took):.2f}"
    )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 2_000)
