"""The lines of the model's calls, found at once.

Each event is told with the line that its caller has reached. Python 3.11 goes through the table of that
function from its start for this, which takes 0.1 to 0.7 us, and that some six times a connection. For a
function that was traced once (sys.settrace) it keeps an array of lines: 0.04 us from then on. So each is
called once here, with a trace function that ends the call before its first step. Python 3.12 and later have
no such array.
"""

import sys
from collections.abc import Iterator
from types import CellType, CodeType, FrameType, FunctionType
from typing import Any

HAS_ARRAYS = sys.version_info < (3, 12)
CALLERS = ("engine.models.", "engine.serving.")  # of sockets, beside a model from elsewhere


class _BegunError(BaseException):
    """A function has been called, and is not to go on."""


def install(model: str) -> None:
    """For the functions of a model's module, and of ours that call sockets. Nothing where a debugger
    traces."""
    if not HAS_ARRAYS or sys.gettrace() is not None:
        return
    for name in [name for name in sys.modules if name == model or name.startswith(CALLERS)]:
        for code in code_of(name):
            _trace_once(code)


def code_of(module: str) -> Iterator[CodeType]:
    """The code of what a module defines: functions, methods, and the functions within."""
    for defined in list(vars(sys.modules[module]).values()):
        # Types only, and no attributes: a lazy object of somebody's would begin to work, or fail.
        members = vars(defined).values() if type(defined) is type else ()
        for each in (defined, *members):
            function = _function_of(each)
            if function is not None and function.__module__ == module:
                yield from _with_inner(function.__code__)


def _function_of(defined: Any) -> FunctionType | None:
    kind = type(defined)
    if kind is property:
        defined = defined.fget
    elif kind is classmethod or kind is staticmethod:
        defined = defined.__func__
    return defined if type(defined) is FunctionType else None


def _with_inner(code: CodeType) -> Iterator[CodeType]:
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _with_inner(constant)


def _trace_once(code: CodeType) -> None:
    def trace(frame: FrameType, event: str, arg: Any) -> None:
        if frame.f_code is code:
            raise _BegunError

    cells = tuple(CellType() for _ in code.co_freevars)
    function = FunctionType(code, {"__builtins__": {}}, closure=cells)
    keywords = code.co_varnames[code.co_argcount :][: code.co_kwonlyargcount]
    sys.settrace(trace)
    try:
        begun = function(*[None] * code.co_argcount, **dict.fromkeys(keywords))
        if hasattr(begun, "send"):  # a generator, or a coroutine: its call only makes it
            begun.send(None)
    except _BegunError:
        pass
    finally:
        sys.settrace(None)
