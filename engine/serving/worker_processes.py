"""What pre-forked models share: a number of worker processes that is kept, and left together.

The first process serves nobody: it forks, reaps and waits. It has no thread, and neither have they.
"""

import os
import time
import traceback
from collections.abc import Callable
from functools import partial

from engine.listener import ACCEPT_LOOKUP_S
from engine.serving.service import Service


def keep_workers(
    number: int,
    work: Callable[[int], None],
    service: Service,
    when_left: Callable[[], None] = lambda: None,
) -> None:
    """Keep so many workers, a new one for each that dies, until told to leave; then wait for them.

    `work` is given a worker's number, from 0, which its successor takes over. It serves while
    `service.accepting`, then answers the connections that it still has, and returns. `when_left` is
    done when none of them accepts any more.
    """
    numbers: dict[int, int] = {}  # of the running ones, by pid
    # Nobody writes to the pipe. Each worker has a copy of its one end, which is closed when it has left
    # accept, or has been killed: when the other end says "end of file", the last one has.
    others_left, still_accepts = os.pipe()
    while service.settings.accepting:
        for index in sorted(set(range(number)) - set(numbers.values())):
            try:
                numbers[begin(work, index, service, others_left, still_accepts)] = index
            except OSError:
                break  # the system gives no more processes; tried again in a moment
        time.sleep(ACCEPT_LOOKUP_S)
        reap(numbers, os.WNOHANG)
    os.close(still_accepts)
    os.read(others_left, 1)
    os.close(others_left)
    when_left()
    assert not service.accepting  # asked, it tells that we have left
    reap(numbers, 0)


def begin(
    work: Callable[[int], None], index: int, service: Service, others_left: int, still_accepts: int
) -> int:
    """Fork a worker; its pid. OSError: there is no process to be had."""
    pid = os.fork()
    if pid:
        return pid
    status = 1
    try:
        os.close(others_left)
        service.on_leave = partial(os.close, still_accepts)
        work(index)
        status = 0
    except Exception:  # os._exit would swallow it; another worker takes its place
        traceback.print_exc()
    finally:
        os._exit(status)  # not sys.exit: the parent's cleanup is not the worker's to do


def reap(numbers: dict[int, int], options: int) -> None:
    """Take leave of the workers that have ended; one that nobody waits for stays a zombie."""
    try:
        while ended := os.waitpid(-1, options)[0]:
            numbers.pop(ended, None)
    except ChildProcessError:
        pass  # none left
