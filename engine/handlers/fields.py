"""The header fields that an application wants to send: which may be, and how long the body is. Pure."""

import re

Fields = list[tuple[str, str]]
MOST_NAMES = 1024  # remembered

_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_VALUE = re.compile(r"[\t\x20-\x7e\x80-\xff]*")  # a line end would begin a header of its own
_LENGTH = re.compile(r"[0-9]{1,18}")
HOP_BY_HOP = frozenset(
    (
        "connection", "keep-alive", "proxy-authenticate", "proxy-authorization", "te", "trailer",
        "trailers", "transfer-encoding", "upgrade",
    )
)  # fmt: skip
"""Fields that are about the connection, and not about the answer."""


def read_headers(headers: Fields) -> tuple[int | None, Fields]:
    """The length of the body, if they tell it, and the other fields. ValueError, TypeError: they may
    not be sent."""
    fields: Fields = []
    lengths: set[str] = set()
    for name, value in headers:
        if not (isinstance(name, str) and isinstance(value, str)):
            raise TypeError(f"a header is no pair of str: {name!r:.80}, {value!r:.80}")
        lowered = _names.get(name) or _check_name(name)
        if not _VALUE.fullmatch(value):
            raise ValueError(f"a header may not be sent: {name!r:.80}, {value!r:.80}")
        if lowered == "content-length":
            lengths.add(value.strip())
        else:
            fields.append((name, value))
    if not lengths:
        return None, fields
    (length, *others) = lengths
    if others or not _LENGTH.fullmatch(length):
        raise ValueError(f"Content-Length is no number of bytes: {sorted(lengths)!r:.80}")
    return int(length), fields


_names: dict[str, str] = {}
"""Names that may be sent, and what they are in lower case: an application has few of them."""


def _check_name(name: str) -> str:
    lowered = name.lower()
    if not _NAME.fullmatch(name):
        raise ValueError(f"a header may not be sent: {name!r:.80}")
    if lowered in HOP_BY_HOP:
        raise ValueError(f"{name} is the server's to say, not the application's (PEP 3333)")
    if len(_names) >= MOST_NAMES:
        _names.clear()
    _names[name] = lowered
    return lowered
