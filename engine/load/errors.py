"""What went wrong with a connection, as one of the kinds that result.py names."""

from __future__ import annotations

import errno

from engine.load import result

KIND_OF_ERRNO = {
    errno.ECONNREFUSED: result.REFUSED,
    errno.ECONNRESET: result.RESET,
    errno.EPIPE: result.RESET,
    errno.ECONNABORTED: result.RESET,
    errno.ETIMEDOUT: result.TIMED_OUT,
    errno.EADDRNOTAVAIL: result.OUT_OF_PORTS,
    errno.EMFILE: result.OUT_OF_FILES,
    errno.ENFILE: result.OUT_OF_FILES,
}


def kind_of(error: BaseException | None) -> str:
    """Of an error that asyncio or the kernel gave. None: the peer ended the stream."""
    if error is None:
        return result.CLOSED_EARLY
    if isinstance(error, OSError) and error.errno in KIND_OF_ERRNO:
        return KIND_OF_ERRNO[error.errno]
    return result.TIMED_OUT if isinstance(error, TimeoutError) else result.OTHER
