"""What is asked for again and again, and what is known of its answer."""

from __future__ import annotations


class Page:
    """A path as it is asked for, and what its first answer looked like."""

    def __init__(self, request: bytes, *, verify: bool) -> None:
        self.request = request
        self.known = b""
        """A good answer as it came, whole and in one piece; the same again need not be parsed."""
        self.known_is_kept = True
        self._verify = verify
        self._first: bytes | None = None

    def accepts(self, body: list[bytes]) -> bool:
        """Whether a body is that of the first answer; its length the parser has checked."""
        if not self._verify:
            return True
        whole = b"".join(body)
        if self._first is None:
            self._first = whole
        return whole == self._first
