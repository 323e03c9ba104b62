"""What a run is asked to be, and why it cannot be that: one line each, for people."""

import errno
import resource
import socket
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from engine import listener as listening
from engine.handlers.site import WWW
from engine.labs import server_of
from engine.limits import DEFAULT_LIMITS, Limits
from engine.models import DEFAULT_MODEL, MODELS
from engine.pool import DEFAULT_POOL, Pool
from engine.probes.processes import holder_of_port

LEAST_DESCRIPTORS = 64  # with fewer, not even the dashboard and a few connections fit
SLOW_START_S = 5.0  # after which it is said why there is nothing to be seen; half a second is usual


def still_starting(app: str) -> str:
    """What is said of a start that takes long."""
    whose = f"--app {app} is still being imported, or starts up" if app else "the server starts"
    return f"{whose}; nobody is served yet, Ctrl-C ends it"


class RunError(Exception):
    """What the user asked for cannot be; the message is one line: what, why, what to do."""

    def __init__(self, message: str, exit_code: int = 1) -> None:
        super().__init__(message)
        self.exit_code = exit_code


@dataclass(frozen=True, slots=True)
class RunSettings:
    """What the command line says of a run."""

    model: str = DEFAULT_MODEL
    host: str = "127.0.0.1"
    port: int = 7890
    root: Path = WWW
    app: str = ""
    """`module:callable` of an application to serve instead of the root."""
    backlog: int = listening.BACKLOG
    short: bool = False
    trace: bool = True
    tick_s: float = 0.0
    limits: Limits = DEFAULT_LIMITS
    pool: Pool = DEFAULT_POOL
    serve_options: dict[str, Any] = field(default_factory=dict)
    """What else the model's serve() is given, by name."""
    allowed: tuple[str, ...] = ()
    """Ids of findings that are not to be told."""
    restart: bool = False
    """Whether an engine that dies is started anew without being asked."""
    tells_bytes: bool = False
    """Of slow traffic, tell what is received and sent."""
    whole: bool = False
    """Whether poll() gives every event, also those of connections that come and go between two calls
    and are else only counted (event_queue/passing.py)."""


def check(settings: RunSettings) -> None:
    """Whether a run can begin with them; and raise the soft limit of descriptors. Raises RunError."""
    if settings.model not in MODELS and server_of(settings.model) is None:
        raise RunError(f"no model {settings.model!r}; there are {', '.join(MODELS)}", exit_code=2)
    if not settings.root.is_dir():
        raise RunError(f"{settings.root} is not a folder; name one with --root", exit_code=2)
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    except (OSError, ValueError):
        pass  # macOS refuses a soft limit without end; what there is must do
    if hard < LEAST_DESCRIPTORS:
        raise RunError(
            f"only {hard} descriptors are allowed and {LEAST_DESCRIPTORS} are needed; "
            "raise the hard limit (ulimit -Hn)"
        )


def open_listener(settings: RunSettings) -> socket.socket:
    """Bind and listen. Raises RunError."""
    where = f"{settings.host} port {settings.port}"
    try:
        return listening.open_listener(settings.host, settings.port, settings.backlog)
    except UnicodeError as error:  # a name that no DNS could hold
        raise RunError(f"cannot listen on {where}: no such name; see --host and -p") from error
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            holder = holder_of_port(settings.port)
            whose = f" by {holder}" if holder else ""
            raise RunError(f"{where} is in use{whose}; choose another with -p") from error
        if error.errno == errno.EACCES:
            raise RunError(f"{where} needs a privilege (ports below 1024); use -p 7890") from error
        reason = error.strerror or error
        raise RunError(f"cannot listen on {where}: {reason}; see --host and -p") from error
