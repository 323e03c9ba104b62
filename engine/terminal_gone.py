"""Whether a terminal has gone away: closed window, dropped ssh, dead tmux.

Textual does not notice: at end of file its reader asks again and again, at full speed.
"""

import os
import select

_GONE = select.POLLHUP | select.POLLERR | select.POLLNVAL


def is_gone(fd: int) -> bool:
    """Nothing can be read from or written to this descriptor any more. Does not wait."""
    poll = select.poll()
    poll.register(fd, 0)  # these three are reported whether asked for or not
    return any(events & _GONE for _, events in poll.poll(0))


def replace_by_null(*fds: int) -> None:
    """Let these descriptors lead nowhere, so that whoever still writes to a gone terminal succeeds."""
    null = os.open(os.devnull, os.O_RDWR)
    for fd in fds:
        os.dup2(null, fd)
    os.close(null)
