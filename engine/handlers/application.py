"""The user's own application: found by its name, told apart by its kind, given to the models that can
run it. Runs in the engine's process, and nowhere else."""

from __future__ import annotations

import inspect
import os
import socket
import sys
from collections.abc import Callable
from importlib import import_module
from typing import Any

from engine.failures import in_one_line
from engine.http1.conversation import Conversation

WITH_THREADS = frozenset(("thread", "thread-pool", "reactor-pool", "gevent"))
WITH_PROCESSES = frozenset(("process", "prefork", "prefork-epoll", "reuseport"))
ALONE = frozenset(("iterative", "select", "poll", "polling", "epoll", "epoll-edge", "generators"))
"""Models by who may call an application at the same time: others in this process, other processes,
nobody. Of a model from elsewhere nothing is known, and an application must be ready for both."""
AWAITS = frozenset(("asyncio",))
"""Models whose answers are awaited: they run ASGI, and the others WSGI."""


class CannotRunError(Exception):
    """The application cannot be loaded, or not be run by this model; the message is one line."""


def load(name: str) -> Callable[..., Any]:
    """The callable that `module:callable` names, also `module:object.attribute`, or the one that
    `module:callable()` gives. Raises CannotRunError.

    The current folder comes last in the path, so that no file in it hides one of the engine's.
    """
    sys.path.append(os.getcwd())
    module_name, _, attributes = name.removesuffix("()").partition(":")
    try:
        found: Any = import_module(module_name)
    except ModuleNotFoundError as error:
        if error.name is not None and f"{module_name}.".startswith(f"{error.name}."):
            where = f"neither in {os.getcwd()} nor installed"
            if error.name.endswith(".py"):
                where = "a module's name has no .py"
            raise CannotRunError(f"--app {name}: no module {error.name!r}, {where}") from error
        raise _failed_import(name, error) from error
    except BaseException as error:  # a module may do anything while it is imported
        raise _failed_import(name, error) from error
    for attribute in attributes.split("."):
        try:
            found = getattr(found, attribute)
        except AttributeError as error:
            raise CannotRunError(f"--app {name}: {module_name} has no {attribute!r}") from error
    application = _callable(name, found)
    if name.endswith("()"):
        try:
            found = application()
        except BaseException as error:  # as above
            raise CannotRunError(f"--app {name}: it failed: {in_one_line(error)}") from error
        application = _callable(name, found)
    if not (is_asgi(application) or _takes(application, 2)):
        raise CannotRunError(f"--app {name}: {_why_none(name, application)}")
    return application


def _callable(name: str, found: Any) -> Callable[..., Any]:
    if not callable(found):
        kind = type(found).__name__
        raise CannotRunError(f"--app {name}: it is no application but a {kind}, not callable")
    application: Callable[..., Any] = found
    return application


def _why_none(name: str, application: Callable[..., Any]) -> str:
    if _takes(application, 0):
        return f"it is called without arguments; if it makes the application: --app '{name}()'"
    return (
        "it is no application: it takes neither (environ, start_response), as WSGI has it, nor "
        "(scope, receive, send), as ASGI 3 has it"
    )


def _failed_import(name: str, error: BaseException) -> CannotRunError:
    return CannotRunError(f"--app {name}: its import failed: {in_one_line(error)}")


def check_model(name: str, application: Callable[..., Any], model: str) -> None:
    """Whether a model can run an application. Raises CannotRunError."""
    if is_asgi(application) and model not in AWAITS:
        raise CannotRunError(
            f"--app {name} is ASGI, which {model} cannot run: it calls and never awaits; "
            f"take -m {' or '.join(sorted(AWAITS))}"
        )
    if not is_asgi(application) and model in AWAITS:
        raise CannotRunError(
            f"--app {name} is WSGI, which {model} cannot run: it would block the loop; "
            "choose a model that calls, such as thread"
        )


def with_peers(
    converse: Callable[[socket.socket], Conversation],
) -> Callable[[socket.socket], Conversation]:
    """Conversations that know with whom."""

    def converse_with(connection: socket.socket) -> Conversation:
        conversation = converse(connection)
        try:
            conversation.peer = connection.getpeername()[:2]
        except OSError:
            pass  # gone already
        return conversation

    return converse_with


def is_asgi(application: Callable[..., Any]) -> bool:
    """Whether calling it gives a coroutine, as far as it can be told: ASGI 3; else it is taken for WSGI."""
    if inspect.iscoroutinefunction(application):
        return True
    if not inspect.isclass(application) and inspect.iscoroutinefunction(type(application).__call__):
        return True
    # A wrapper of one need not be a coroutine function itself: it may return the coroutine.
    return _takes(application, 3) and not _takes(application, 2)


def _takes(application: Callable[..., Any], arguments: int) -> bool:
    """Whether it can be called with so many; True of those that do not say."""
    try:
        inspect.signature(application).bind(*range(arguments))
    except TypeError:
        return False
    except ValueError:
        return True  # written in C
    return True
