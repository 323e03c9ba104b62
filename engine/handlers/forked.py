"""A process that an application has forked ends where it would come back from it.

Going on, it would be a second server with the same sockets: it would answer the same client once more,
and then take part in all that the first one does.
"""

import contextlib
import os
import sys

from engine.failures import print_failure


def end_copy(pid: int, error: BaseException | None = None) -> None:
    """After a call of the application in process `pid`, which ended with `error`: if this is another
    process, it ends here, with the exit code that the error gives it."""
    if os.getpid() == pid:
        return
    code = 0
    if isinstance(error, SystemExit):
        code = error.code if isinstance(error.code, int) else int(error.code is not None)
    elif error is not None:
        print_failure(error)
        code = 1
    else:
        print_failure("a process that the application has forked came back from it: ended")
    with contextlib.suppress(OSError, ValueError):
        sys.stdout.flush()
    os._exit(code)
