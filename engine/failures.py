"""What an application did wrong, told on stderr, where the parent reads it, and in one line.

Bounded: the same mistake at each request must not fill a memory, and a recursion without end has a
traceback without end.
"""

import sys
import traceback

FRAMES = 24  # of a traceback, the innermost
MOST_CHARS = 8_000  # an exception's message may hold a whole document
LINE_CHARS = 100  # so much of it fits into the note of an event


def print_failure(failure: BaseException | str) -> None:
    """The whole traceback, or the sentence. Never raises."""
    text = failure if isinstance(failure, str) else "".join(_lines(failure))
    try:
        sys.stderr.write(text[-MOST_CHARS:].rstrip("\n") + "\n")
        sys.stderr.flush()
    except (OSError, ValueError):
        pass  # the application has closed it, or nobody reads


def in_one_line(error: BaseException) -> str:
    """`ValueError: no such page (shop.py:12)`: what, and in which line of which file."""
    if isinstance(error, SyntaxError) and error.filename:
        return f"SyntaxError: {error.msg} ({error.filename.rpartition('/')[2]}:{error.lineno})"
    frames = traceback.extract_tb(error.__traceback__)
    where = f" ({frames[-1].filename.rpartition('/')[2]}:{frames[-1].lineno})" if frames else ""
    return f"{_said(error)}{where}"


def _said(error: BaseException) -> str:
    """An exception may fail even at telling what it is."""
    try:
        text = " ".join(str(error).split())
    except Exception:  # its __str__ is the application's own
        text = "(its message cannot be read)"
    name = type(error).__name__
    return f"{name}: {text[:LINE_CHARS]}" if text else name


def _lines(error: BaseException) -> list[str]:
    try:
        return traceback.format_exception(type(error), error, error.__traceback__, limit=-FRAMES)
    except Exception:  # as above, for any exception of its chain
        return [in_one_line(error)]
