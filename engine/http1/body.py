"""The content of a request: where it ends, and what it is (RFC 9112, 6 and 7). Pure.

Both kinds have the same face: `take` reads what belongs to the content, and returns what comes after
it; `is_complete` and `fault` tell when that is over. What the bytes mean never depends on how the
network cut them into pieces: each is judged where it stands.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from engine.limits import Limits

# Hexadecimal and nothing else: int(..., 16) would also take "+1", "0x1" and "1_0", and a proxy that
# reads another number than we do lets a request through that it has never seen.
_SIZE_LINE = re.compile(rb"([0-9A-Fa-f]{1,16})(?:[ \t]*;[\t -~\x80-\xff]*)?\r")
_TRAILER_LINE = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+:[\t -~\x80-\xff]*\r")
_CR, _LF = b"\r\n"


class SizedBody:
    """Content of as many bytes as Content-Length says, at least one."""

    fault = 0

    def __init__(self, length: int) -> None:
        self.content = bytearray()
        self._length = length

    @property
    def is_complete(self) -> bool:
        return len(self.content) == self._length

    def take(self, data: bytes) -> bytes:
        """Read what belongs to the content; return what comes after it."""
        missing = self._length - len(self.content)
        self.content += data[:missing]
        return data[missing:]


class ChunkedBody:
    """Content in chunks. Extensions and the trailer are checked and forgotten (RFC 9110, 6.5.1).

    `fault`: 413 for more bytes than the limits allow, framing included; 400 for what is no chunk.
    """

    def __init__(self, limits: Limits) -> None:
        self.content = bytearray()
        self.is_complete = False
        self.fault = 0
        self._left = limits.body_bytes  # of all that is sent: chunks of one byte cost six
        self._line_limit = limits.line_bytes
        self._trailer_left = limits.head_bytes
        self._line = b""  # of an unfinished line
        self._chunk_left = 0
        self._step: Callable[[bytes, int], int] = self._read_size

    def take(self, data: bytes) -> bytes:
        """Read what belongs to the content; return what comes after it."""
        allowed = data[: self._left]
        at = 0
        while at < len(allowed) and not self.is_complete and not self.fault:
            at = self._step(allowed, at)
        self._left -= at
        if self._left == 0 and not self.is_complete:
            self.fault = self.fault or 413
        return data[at:]

    def _read_size(self, data: bytes, at: int) -> int:
        line, end = self._read_line(data, at, self._line_limit)
        if line is None:
            return end
        found = _SIZE_LINE.fullmatch(line)
        if found is None:
            self.fault = 400
        elif (size := int(found[1], 16)) > self._left - end:
            self.fault = 413
        else:
            self._chunk_left = size
            self._step = self._read_chunk if size else self._read_trailer
        return end

    def _read_chunk(self, data: bytes, at: int) -> int:
        piece = data[at : at + self._chunk_left]
        self.content += piece
        self._chunk_left -= len(piece)
        if not self._chunk_left:
            self._step = self._read_cr
        return at + len(piece)

    def _read_cr(self, data: bytes, at: int) -> int:
        self._step = self._read_lf
        return self._expect(_CR, data, at)

    def _read_lf(self, data: bytes, at: int) -> int:
        self._step = self._read_size
        return self._expect(_LF, data, at)

    def _expect(self, byte: int, data: bytes, at: int) -> int:
        if data[at] != byte:
            self.fault = 400  # more data than the size of the chunk said, or less
        return at + 1

    def _read_trailer(self, data: bytes, at: int) -> int:
        line, end = self._read_line(data, at, self._trailer_left)
        if line is None:
            return end
        self._trailer_left -= len(line) + 1
        if line == b"\r":
            self.is_complete = True
        elif not _TRAILER_LINE.fullmatch(line):
            self.fault = 400
        return end

    def _read_line(self, data: bytes, at: int, limit: int) -> tuple[bytes | None, int]:
        """A line without its LF, None for as long as it has none; and how far `data` is read."""
        newline = data.find(b"\n", at)
        end = len(data) if newline < 0 else newline
        self._line += data[at:end]
        if len(self._line) > limit:
            self.fault = 413
            return None, end
        if newline < 0:
            return None, end
        line, self._line = self._line, b""
        return line, end + 1
