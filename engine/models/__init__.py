"""The concurrency models, one file each. A model is a function serve(listener, service).

`listener` is a listening socket, `service` (engine/serving/service.py) has the application and the live
settings. serve() accepts while `service.accepting`, then answers the connections that it still has, and
returns. Models look like pages of a textbook: they know neither tracing nor the terminal.

Choosing a model imports its module and no other, since some of them patch the standard library.

Other packages may bring models, by an entry point in the group GROUP: its name is that of the model,
its value that of a module such as these, which has

- serve(listener, service), as above;
- a header (its docstring) such as theirs: `NAME: a sentence.`, and lines `Calls: ...`, `Fails by: ...`.

The model asks `service.converse(connection)` for each connection, `service.answer(request, peer)` for
each request that its `receive` gives, waits for `wait_s`, and sends what its `send` gives for the answer,
each piece when the one before it is sent; an OSError from there, too, ends the connection. With
`service.gauge("parked", count)` it lets count() say how many connections, or other things, it has in hand:
where the server is watched, that is asked ten times a second at most, and shown for its process.
"""

import os
import sys
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

GROUP = "servetui.models"

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


def chosen(text: str) -> tuple[str, ...]:
    """The models whose names stand in a text, with commas between them. Raises ValueError."""
    names = tuple(text.split(","))
    for name in names:
        if name not in MODELS:
            raise ValueError(f"no model {name!r}; there are {', '.join(MODELS)}")
    return names


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
    """Read the header of a model's file; the module is not imported. KeyError: no such model.
    ValueError: it has no such header; ModuleNotFoundError: it has no such file."""
    return _read_header(name, MODELS[name])


def add_from_elsewhere() -> list[str]:
    """Add the models of other packages to MODELS; a line for each that cannot be one. Not for an
    engine, which is told the module that it is to import."""
    if not _is_any_elsewhere():
        return []
    from importlib.metadata import entry_points

    complaints = []
    for found in entry_points(group=GROUP):
        try:
            if found.name in MODELS:
                raise ValueError("there is a model of that name already")
            if not found.name.replace("-", "_").isidentifier() or not found.name.isascii():
                raise ValueError("a name is letters, digits and hyphens")
            _read_header(found.name, found.value)
        except (ValueError, SyntaxError, OSError, ImportError) as error:
            whose = f" of {found.dist.name}" if found.dist else ""
            complaints.append(f"the model {found.name!r}{whose} is left out: {error}")
        else:
            MODELS[found.name] = found.value
    return complaints


def _is_any_elsewhere() -> bool:
    """Whether some package names GROUP at all: importlib.metadata takes 0.1 s to import."""
    from pathlib import Path

    for folder in filter(os.path.isdir, sys.path):
        for name in os.listdir(folder):
            if name.endswith((".dist-info", ".egg-info")):
                told = Path(folder, name, "entry_points.txt")
                if told.is_file() and GROUP.encode() in told.read_bytes():
                    return True
    return False


def _read_header(name: str, module: str) -> ModelInfo:
    # Imported here, since an engine never asks: what it has not loaded, its forks need not copy.
    import ast

    header = ast.get_docstring(ast.parse(source_of(module).read_bytes())) or ""
    fields = dict(line.split(": ", 1) for line in header.splitlines() if ": " in line)
    first = header.partition("\n")[0].partition(": ")[2].rstrip(".")
    if not first or not {"Calls", "Fails by"} <= set(fields):
        raise ValueError(f"{module} has no header with a sentence, Calls and Fails by")
    return ModelInfo(name, first, fields["Calls"], fields["Fails by"])


def source_of(module: str) -> "Path":
    """The file of a module, found without running its package. Raises ModuleNotFoundError."""
    from importlib.util import find_spec
    from pathlib import Path

    top, *rest = module.split(".")
    spec = find_spec(top)  # of a dotted name it would import what stands before the dot
    if spec is not None and not rest and spec.origin:
        return Path(spec.origin)
    for folder in (spec.submodule_search_locations if spec else None) or ():
        path = Path(folder, *rest).with_suffix(".py")
        if path.is_file():
            return path
    raise ModuleNotFoundError(f"there is no file of {module}")


def edition_of(model: str) -> str:
    """What tells the page of a model from another edition of it, whose lines have other numbers; empty
    where there is no file of it."""
    from zlib import crc32

    try:
        return f"{crc32(source_of(MODELS[model]).read_bytes()):08x}"
    except (KeyError, OSError, ImportError, ValueError):
        return ""
