"""What the kernel says of the sockets of the server, frozen: read by probes/kernel.py. Pure."""

from dataclasses import dataclass, field

from engine.views.snapshot import Room

QUEUES_MOST = 1_024  # that are told of: more than there may be workers


@dataclass(frozen=True, slots=True)
class AcceptQueue:
    """That of one listening socket."""

    listener: int
    """The cookie of the socket."""
    length: int
    """Connections that the kernel completed and nobody has accepted."""
    limit: int
    """How many there is room for: the backlog. Linux lets one more in."""


@dataclass(frozen=True, slots=True)
class KernelNumbers:
    """What the kernel says of the sockets of the server's port. None: cannot be known."""

    rooms: dict[str, Room] = field(default_factory=dict)
    """`syn_retry`, `accept_queue`, `unread`, `time_wait` (those since the server began) and `close_wait`,
    as far as they are known.
    Their waits are lower bounds, but for the grain of a jiffy (1 to 10 ms)."""
    accept_queue_ms: dict[str, float] = field(default_factory=dict)
    """Of the first of those in the room `accept_queue`, the longest wait first: the peer, as its accept will
    tell it, and for how long."""
    unread_bytes: int | None = None
    """Of those in the room `unread`;"""
    queued_bytes: int | None = None
    """of those in the queue of the server, whose bytes it has not read either."""
    unsent_bytes: int | None = None
    """That clients have not acknowledged."""
    client_time_wait: int | None = None
    """Clients on this machine that closed first, those of an earlier server of the port, too; the next
    have not closed at all."""
    client_close_wait: int | None = None
    lost_in_queue: tuple[int, ...] = ()
    """Connections that lay in the queue of a listener at the look before, and are gone with it: the kernel
    has reset them, unless they were accepted and closed in between."""
    client_ports: int | None = None
    """How many ports there are for connections from this machine to one address."""
    listen_overflows: int | None = None
    """Of all listeners of this network namespace, since the server began: full accept queues met,"""
    listen_drops: int | None = None
    """and packets dropped there, for whatever reason."""
    queues: tuple[AcceptQueue, ...] = ()
    """Of each socket that listens on the port, always in the same order. Empty: not told."""


EMPTY_KERNEL = KernelNumbers()


@dataclass(frozen=True, slots=True)
class KernelView:
    """What the kernel says of one connection."""

    state: str
    """As in tcp(7): `ESTABLISHED`, `CLOSE_WAIT`."""
    receive_queue: int
    """Bytes that the server has not read,"""
    send_queue: int
    """and that the client has not acknowledged."""
    rtt_us: int
    retransmits: int
    not_sent: int = 0
    """Of those that the client has not acknowledged: bytes that were not even sent yet."""
    left_ns: int = 0
    """Since when it has been in CLOSE_WAIT, at the latest; 0: it is in another state, or that is not told."""
