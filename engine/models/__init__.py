"""The concurrency models, one file each. A model is a function serve(listener, service).

`listener` is a listening socket, `service` (engine/service.py) has the application and the live
settings. serve() accepts while `service.accepting`, then answers the connections that it still has, and
returns. Models look like pages of a textbook: they know neither tracing nor the terminal.

Choosing a model imports its module and no other, since some of them patch the standard library.
"""

import sys
from dataclasses import dataclass
from functools import cache

MODELS = {
    "process": "engine.models.process",
    "thread": "engine.models.thread",
    "gevent": "engine.models.gevent_greenlets",
    "polling": "engine.models.polling",
    "epoll": "engine.models.epoll_loop",
    "iterative": "engine.models.iterative",
    "thread-pool": "engine.models.thread_pool",
    "prefork": "engine.models.prefork",
    "prefork-epoll": "engine.models.prefork_epoll",
    "reuseport": "engine.models.reuseport",
    "select": "engine.models.select_loop",
    "poll": "engine.models.poll_loop",
    "epoll-edge": "engine.models.epoll_edge",
    "asyncio": "engine.models.asyncio_loop",
    "generators": "engine.models.generators",
    "reactor-pool": "engine.models.reactor_pool",
}
"""Name on the command line -> module; the order is that of the keys 1, 2, 3 ..."""

if sys.platform != "linux":
    for name in ("epoll", "epoll-edge", "reactor-pool", "prefork-epoll", "reuseport"):
        del MODELS[name]  # a system call of Linux

DEFAULT_MODEL = "epoll" if "epoll" in MODELS else "thread"


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """What the header of a model's file says of it."""

    name: str
    sentence: str
    calls: str
    """Its defining system calls, in order."""
    failure: str
    """Its famous failure."""


@cache
def describe(name: str) -> ModelInfo:
    """Read the header of a model's file; the module is not imported. KeyError: no such model."""
    # Imported here, since an engine never asks: what it has not loaded, its forks need not copy.
    import ast
    from importlib.resources import files

    package, _, module = MODELS[name].rpartition(".")
    source = files(package).joinpath(f"{module}.py").read_text(encoding="utf-8")
    header = ast.get_docstring(ast.parse(source)) or ""
    fields = dict(line.split(": ", 1) for line in header.splitlines() if ": " in line)
    sentence = header.splitlines()[0].split(": ", 1)[1].rstrip(".")
    return ModelInfo(name, sentence, fields["Calls"], fields["Fails by"])
