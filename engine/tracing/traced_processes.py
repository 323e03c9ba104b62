"""Stand-ins for os.fork, os.waitpid and os._exit, which report the begin and the end of child processes."""

import os
from collections.abc import Callable

from engine.events import Kind
from engine.tracing import callers
from engine.tracing.tracer import tracer

_SPAWN, _EXIT = Kind.SPAWN.value, Kind.EXIT.value
_os_fork, _os_waitpid, _os_exit = os.fork, os.waitpid, os._exit


def fork_told(fork: Callable[[], int] | None = None) -> int:
    """os.fork(), or by `fork`, which returns as that does."""
    heirs = tracer.heirs or tracer.make_heirs()
    pid = heirs.fork(fork or _os_fork)
    if pid == 0:
        tracer.after_fork()
        return 0
    tracer.forks += 1
    caller = callers.frame(1)
    line = caller.f_lineno
    if caller.f_code is not tracer.forks_in:
        line, tracer.forks_in = callers.page_line(tracer.page, caller)
    tracer.writer.put(_SPAWN, 0, -1, 0, line, "process", pid)
    return pid


def _waitpid(pid: int, options: int) -> tuple[int, int]:
    ended, status = _os_waitpid(pid, options)
    if ended:
        caller = callers.frame(1)
        line = caller.f_lineno
        if caller.f_code is not tracer.reaps_in:
            line, tracer.reaps_in = callers.page_line(tracer.page, caller)
        note = _ending(status) if status else _ENDED_WELL
        tracer.writer.put(_EXIT, 0, -1, 0, line, note, ended)
    return ended, status


_ENDED_WELL = "exit 0"


def _ending(status: int) -> str:
    code = os.waitstatus_to_exitcode(status)
    return f"killed by signal {-code}" if code < 0 else f"exit {code}"


def _exit(status: int) -> None:
    tracer.writer.finish()
    _os_exit(status)


def install() -> None:
    """From now on."""
    global _os_fork, _os_waitpid
    if tracer.is_patched:
        # gevent's own: the loop of a child is begun anew, and only one greenlet waits for its end.
        _os_fork, _os_waitpid = os.fork, os.waitpid
    # typeshed lets nobody put another function under these names.
    os.fork, os.waitpid, os._exit = fork_told, _waitpid, _exit  # type: ignore[assignment]
