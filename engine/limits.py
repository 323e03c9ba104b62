"""How much a client may ask for, and how long it may take: each an option of the command line.

Pure. The sizes are kept by http1/parser.py, the clocks and the number of connections by the models.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """What a connection may cost. Sizes in bytes, times in seconds."""

    line_bytes: int = 8 * 1024
    """Of the request line; RFC 9112 3 asks for at least 8,000. More: 414."""
    head_bytes: int = 16 * 1024
    """Of request line and fields together. More: 431."""
    fields: int = 100
    """How many header fields. More: 431."""
    body_bytes: int = 1024 * 1024
    """Of a request's body, as sent. More: 413."""
    head_s: float = 10.0
    """From the first byte of a request to the end of its fields. Longer: 408."""
    body_s: float = 30.0
    """From the end of the fields to the end of the body. Longer: 408."""
    idle_s: float = 5.0
    """Between two requests, and before the first byte of the first one. Longer: closed."""
    send_s: float = 30.0
    """How long a client may take nothing of an answer; looked at once in this time. Longer: closed."""
    connections: int | None = None
    """Open at the same time; None: what the model can carry. More: 503 and closed."""


DEFAULT_LIMITS = Limits()
