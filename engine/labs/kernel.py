"""What the kernel says of sockets and processes: /proc/net/tcp, /proc/PID/status (proc(5))."""

import resource
from collections import Counter
from pathlib import Path

from engine.labs.lab import LabError

ESTABLISHED, TIME_WAIT, CLOSE_WAIT = 1, 6, 8  # include/net/tcp_states.h


def need_descriptors(number: int) -> None:
    """Raises LabError where a process may not have so many."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    if most != resource.RLIM_INFINITY and most < number:
        raise LabError(
            f"it needs {number:,} descriptors, and this system allows a process {most:,} (ulimit -Hn)"
        )


def switches(pid: int) -> int:
    """How often the children of a process have given up a processor to wait for something."""
    return sum(int(word) for word in _of_children(pid, "voluntary_ctxt_switches"))


def all_sleep(pid: int) -> bool:
    """Whether each child of a process waits for something."""
    return set(_of_children(pid, "State")) == {"S"}


def children(pid: int) -> list[int]:
    """Their pids."""
    return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def _of_children(pid: int, name: str) -> list[str]:
    """The first word of a line of the status of each."""
    told = [Path(f"/proc/{child}/status").read_text() for child in children(pid)]
    return [status.partition(f"\n{name}:")[2].split()[0] for status in told]


def states(port: int) -> Counter[int]:
    """How many sockets with this local port there are, by state."""
    found: Counter[int] = Counter()
    for name in ("tcp", "tcp6"):
        for line in Path(f"/proc/net/{name}").read_text().splitlines()[1:]:
            _, local, _, state, *_ = line.split()
            if int(local.rpartition(":")[2], 16) == port:
                found[int(state, 16)] += 1
    return found


def retransmits() -> int:
    """Segments that this network has sent again, in all (RFC 1213, tcpRetransSegs)."""
    names, values = [
        line.split() for line in Path("/proc/net/snmp").read_text().splitlines() if "Tcp:" in line
    ]
    return int(values[names.index("RetransSegs")])
