"""Helpers for tests: to wait on a condition with a deadline, never for a fixed time; to fill a pipe."""

import contextlib
import fcntl
import os
import pty
import selectors
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, TypeVar

T = TypeVar("T")

ROOT = Path(__file__).parent.parent
PAUSE_S = 0.005  # between two looks at a condition


def wait_until(condition: Callable[[], T], deadline_s: float = 20, what: str = "") -> T:
    """Call `condition` until it returns something true, and return that.

    Raises AssertionError, naming `what` and the last value, after `deadline_s` seconds.
    """
    never = threading.Event()
    end = time.monotonic() + deadline_s
    while not (value := condition()):
        if time.monotonic() > end:
            awaited = what or getattr(condition, "__name__", "the condition")
            raise AssertionError(f"{awaited}: not within {deadline_s} s (last value {value!r})")
        never.wait(PAUSE_S)
    return value


def read_until(stream: IO[bytes], text: bytes, deadline_s: float = 20) -> bytes:
    """Read a pipe up to the end of the first line that holds `text`; return all that was read.

    `stream` must be unbuffered (`Popen(..., bufsize=0)`). Raises AssertionError with what was read
    when the stream ends or `deadline_s` seconds pass first.
    """
    seen = b""
    end = time.monotonic() + deadline_s
    with selectors.DefaultSelector() as selector:
        selector.register(stream, selectors.EVENT_READ)
        while b"\n" not in seen.partition(text)[2]:
            left_s = end - time.monotonic()
            if left_s <= 0 or not selector.select(left_s):
                raise AssertionError(f"no line with {text!r} within {deadline_s} s: {seen!r}")
            # One byte at a time: what follows the line stays in the pipe for the next reader.
            piece = os.read(stream.fileno(), 1)
            if not piece:
                raise AssertionError(f"the stream ended before a line with {text!r}: {seen!r}")
            seen += piece
    return seen


def free_port() -> int:
    """A TCP port on 127.0.0.1 that was free a moment ago. Prefer `-p 0` where it serves."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def fill_pipe(pipe: int) -> None:
    """Let nothing more go into a pipe, whose descriptor itself stays a blocking one."""
    blocking = fcntl.fcntl(pipe, fcntl.F_GETFL)
    mine = os.open(f"/proc/self/fd/{pipe}", os.O_WRONLY | os.O_NONBLOCK)
    with contextlib.suppress(BlockingIOError):
        while os.write(mine, bytes(4096)):
            pass
    os.close(mine)
    assert fcntl.fcntl(pipe, fcntl.F_GETFL) == blocking


class OneTask:
    """The tasks of a writer that only one thread uses, called `name`."""

    share_a_thread = False

    def __init__(self, name: str) -> None:
        self._name = name

    def running(self) -> str:
        return self._name

    def name(self) -> str:
        return self._name


@contextlib.contextmanager
def a_terminal() -> Iterator[tuple[int, Callable[[], str]]]:
    """A descriptor to write to, and what has been written so far. It is read all the time: a terminal that
    is full stops whoever writes."""
    master, terminal = pty.openpty()
    seen = bytearray()

    def read() -> None:
        with contextlib.suppress(OSError):  # nobody has it open any more
            while data := os.read(master, 4096):
                seen.extend(data)

    reader = threading.Thread(target=read, daemon=True)
    reader.start()
    try:
        yield terminal, lambda: seen.decode("utf-8", "replace")
    finally:
        os.close(terminal)
        reader.join(5)
        os.close(master)
