"""How many processes and threads a model begins with that does not make one for each connection."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Pool:
    """What stands ready before the first client comes."""

    workers: int = 8
    """Processes of `prefork`, `prefork-epoll` and `reuseport`."""
    threads: int = 16
    """Of `thread-pool` and `reactor-pool`."""
    exclusive: bool = False
    """Whether `prefork-epoll` asks for EPOLLEXCLUSIVE: a client wakes one worker, not all that sleep."""


DEFAULT_POOL = Pool()
