"""Unix seconds <-> the dates of HTTP (RFC 9110, 5.6.7), in English whatever the locale. Pure.

email.utils does it too, and takes 20 ms to import, with sockets.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from functools import lru_cache

_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")

_CLOCK = r"(?P<hour>\d\d):(?P<minute>\d\d):(?P<second>\d\d)"
_MONTH = f"(?P<month>{'|'.join(_MONTHS)})"
_SHORT_DAY = f"(?:{'|'.join(_DAYS)})"
_LONG_DAY = r"(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day"
_FORMATS = (
    re.compile(rf"{_SHORT_DAY}, (?P<day>\d\d) {_MONTH} (?P<year>\d{{4}}) {_CLOCK} GMT", re.ASCII),
    # Obsolete, but to be understood: RFC 850, and asctime() of C.
    re.compile(rf"{_LONG_DAY}, (?P<day>\d\d)-{_MONTH}-(?P<year>\d\d) {_CLOCK} GMT", re.ASCII),
    re.compile(rf"{_SHORT_DAY} {_MONTH} (?P<day>[ \d]\d) {_CLOCK} (?P<year>\d{{4}})", re.ASCII),
)


@lru_cache(maxsize=64)
def format_date(at_s: int) -> str:
    """IMF-fixdate: `Sun, 06 Nov 1994 08:49:37 GMT`."""
    at = datetime.fromtimestamp(at_s, UTC)
    day, month = _DAYS[at.weekday()], _MONTHS[at.month - 1]
    return f"{day}, {at.day:02} {month} {at.year:04} {at:%H:%M:%S} GMT"


def parse_date(text: str, now_s: int) -> int | None:
    """The Unix second that a date of any of the three formats names; None if it is none.

    `now_s` tells the century of a year of two digits: it is at most 50 years ahead.
    """
    found = next((match for one in _FORMATS if (match := one.fullmatch(text))), None)
    if found is None:
        return None
    year = int(found["year"])
    if len(found["year"]) == 2:
        this_year = datetime.fromtimestamp(now_s, UTC).year
        year += this_year // 100 * 100
        year -= 100 if year > this_year + 50 else 0
    month = _MONTHS.index(found["month"]) + 1
    day, hour, minute, second = map(int, found.group("day", "hour", "minute", "second"))
    try:
        return int(datetime(year, month, day, hour, minute, second, tzinfo=UTC).timestamp())
    except ValueError:
        return None  # the 31st of a short month, the 25th hour
