"""The labs: every famous failure, on purpose. One file each, with its server and its client's script.

    lab.py       what a lab is
    stage.py     what its script may do, see and say; client.py: a client, culprit.py: whom the finding
                 has to name, kernel.py: TCP states, private_network.py: a network in
                 which settings of the kernel may be changed
    playing.py   lets one be played in a process of its own (__main__.py), which tells how far it
                 is (told.py); acting.py plays an act: a running server, and the script beside it

Choosing one imports its module and no other.
"""

LABS = {
    "parent-keeps": "engine.labs.parent_keeps",
    "acceptor-closes": "engine.labs.acceptor_closes",
    "one-slow-request": "engine.labs.one_slow_request",
    "pause-per-round": "engine.labs.pause_per_round",
    "no-length": "engine.labs.no_length",
    "short-connections": "engine.labs.short_connections",
    "no-ports": "engine.labs.no_ports",
    "zombies": "engine.labs.zombies",
    "full-backlog": "engine.labs.full_backlog",
    "no-descriptors": "engine.labs.no_descriptors",
    "descriptor-leak": "engine.labs.descriptor_leak",
    "close-wait": "engine.labs.close_wait",
    "busy-polling": "engine.labs.busy_polling",
    "silent-clients": "engine.labs.silent_clients",
    "pinned-by-keep-alive": "engine.labs.pinned_by_keep_alive",
    "slow-reader": "engine.labs.slow_reader",
    "no-backpressure": "engine.labs.no_backpressure",
    "blocked-loop": "engine.labs.blocked_loop",
    "unpatched": "engine.labs.unpatched",
    "lock-convoy": "engine.labs.lock_convoy",
    "thundering-herd": "engine.labs.thundering_herd",
    "hot-worker": "engine.labs.hot_worker",
    "reuseport-death": "engine.labs.reuseport_death",
    "select-wall": "engine.labs.select_wall",
    "half-read-edge": "engine.labs.half_read_edge",
    "write-interest": "engine.labs.write_interest",
    "ghost-in-epoll": "engine.labs.ghost_in_epoll",
    "two-small-sends": "engine.labs.two_small_sends",
    "reset-on-close": "engine.labs.reset_on_close",
    "half-close": "engine.labs.half_close",
    "aborted-in-queue": "engine.labs.aborted_in_queue",
    "broken-pipe": "engine.labs.broken_pipe",
    "lost-packets": "engine.labs.lost_packets",
    "growing-memory": "engine.labs.growing_memory",
}
"""Name on the command line -> module, in the order of the course."""

_SERVERS = {"unpatched": "engine.labs.unpatched_server"}
SERVER = "lab "
"""A model of this name and a lab's is the lab's own server."""


def server_of(model: str) -> str | None:
    """The module of a lab's own server; None: the model is none."""
    if not model.startswith(SERVER):
        return None
    lab = model.removeprefix(SERVER)
    return _SERVERS.get(lab) or LABS.get(lab)
