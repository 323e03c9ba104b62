"""A file, and what a request wants of it: all, a range of bytes, or only to know whether it changed.

Conditional and range requests (RFC 9110, 13 and 14). Pure: the time is an argument.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property

from engine.http1.dates import format_date, parse_date
from engine.http1.messages import Request, Response

_TAGS = re.compile(rb'[ \t,]*(?:(W/)?("[!#-~\x80-\xff]*")[ \t]*(?:,[ \t,]*|$))')
_RANGE = re.compile(rb"bytes=[ \t,]*([0-9]*)-([0-9]*)[ \t,]*", re.IGNORECASE)
_RANGE_DIGITS = 18  # longer numbers are ignored with their Range: no file is so long


@dataclass(frozen=True)
class File:
    """What a file was when it was read. Equal stamps mean that it still is."""

    name: str
    stamp: tuple[int, ...]
    content_type: str
    body: bytes | memoryview
    modified_s: int

    @cached_property
    def tag(self) -> bytes:
        """The entity tag, a strong one: another stamp, another tag."""
        return b'"' + b"-".join(b"%x" % number for number in self.stamp[2:]) + b'"'


def respond(request: Request, file: File, now_s: int) -> Response:
    """The response to GET or HEAD: 200, 206, 304, 412 or 416."""
    # RFC 9110 8.8.2.1: a file from the future would be newer than what follows it.
    modified_s = min(file.modified_s, now_s)
    headers = (
        # A browser must ask again, and be seen, rather than look into its own cache.
        ("Cache-Control", "no-cache"),
        ("ETag", file.tag.decode()),
        ("Last-Modified", format_date(modified_s)),
        ("Accept-Ranges", "bytes"),
    )
    if request.is_plain:
        return Response(200, file.content_type, file.body, now_s, headers=headers)
    asked = _Conditions(request, file.tag, modified_s, now_s)
    if status := asked.precondition():
        return Response(status, "", b"", now_s, headers=headers)
    part = asked.part(len(file.body))
    if part is None:
        return Response(200, file.content_type, file.body, now_s, headers=headers)
    if not part:
        extent = ("Content-Range", f"bytes */{len(file.body)}")
        return Response(416, "", b"", now_s, headers=(*headers, extent))
    extent = ("Content-Range", f"bytes {part.start}-{part.stop - 1}/{len(file.body)}")
    body = memoryview(file.body)[part.start : part.stop]
    return Response(206, file.content_type, body, now_s, headers=(*headers, extent))


class _Conditions:
    """The conditional fields of one request, held against the file that it names."""

    def __init__(self, request: Request, tag: bytes, modified_s: int, now_s: int) -> None:
        self._request = request
        self._tag = tag
        self._modified_s = modified_s
        self._now_s = now_s

    def precondition(self) -> int:
        """412, 304, or 0 to go on. The order is that of RFC 9110 13.2.2: tags before dates, since
        a file may change twice in a second; what must hold before what must not."""
        until_s = self._date(b"if-unmodified-since")
        if (wanted := self._value(b"if-match")) is not None:
            holds = self._names(wanted, weak=False)
        else:
            holds = until_s is None or self._modified_s <= until_s
        if not holds:
            return 412
        if (known := self._value(b"if-none-match")) is not None:
            return 304 if self._names(known, weak=True) else 0
        since_s = self._date(b"if-modified-since")
        return 304 if since_s is not None and self._modified_s <= since_s else 0

    def part(self, length: int) -> range | None:
        """The one range of bytes asked for, empty if there are none such; None: the whole.

        Several ranges, another unit, and what is no range are answered with the whole, as a server
        may; and so is HEAD, for which ranges mean nothing (RFC 9110, 14.2).
        """
        if self._request.method != "GET" or not self._may_be_partial():
            return None
        found = _RANGE.fullmatch(self._value(b"range") or b"")
        if found is None or max(map(len, found.groups())) > _RANGE_DIGITS:
            return None
        first, last = found.groups()
        if not first:  # "-5": the last five
            if not last or not length:
                return None
            return range(max(length - int(last), 0), length)
        if last and int(last) < int(first):
            return None
        return range(int(first), min(int(last) + 1, length) if last else length)

    def _may_be_partial(self) -> bool:
        """If-Range: a part only of what the client already has a part of."""
        state = self._value(b"if-range")
        if state is None or state == self._tag:
            return True
        # As a strong validator: the second of that date is over (RFC 9110, 8.8.2.2).
        date_s = parse_date(state.decode("latin-1"), self._now_s)
        return date_s == self._modified_s < self._now_s

    def _names(self, value: bytes, *, weak: bool) -> bool:
        """Whether a list of tags, or "*", names the file; `weak`: also by a weak tag."""
        if value == b"*":
            return True
        at = 0
        while found := _TAGS.match(value, at):
            if found[2] == self._tag and (weak or not found[1]):
                return True
            at = found.end()
        return False

    def _date(self, name: bytes) -> int | None:
        value = self._value(name)
        return None if value is None else parse_date(value.decode("latin-1"), self._now_s)

    def _value(self, name: bytes) -> bytes | None:
        """A field's lines as one value (RFC 9110, 5.3); None without one."""
        lines = [value for field, value in self._request.headers if field.lower() == name]
        return b", ".join(lines) if lines else None
