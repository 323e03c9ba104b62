"""Pictures that a browser has taken: PNG of 8 bits a channel, not interlaced (RFC 2083)."""

import struct
import zlib
from itertools import groupby

BEGINNING = b"\x89PNG\r\n\x1a\n"
CHANNELS = {2: 3, 6: 4}  # colour type -> bytes of a pixel: RGB, RGBA

Pixels = list[list[bytes]]
"""Rows of RGB."""


def pixels(png: bytes) -> Pixels:
    assert png.startswith(BEGINNING)
    at, data, width, step = len(BEGINNING), b"", 0, 0
    while at < len(png):
        (size,) = struct.unpack(">I", png[at : at + 4])
        kind, body = png[at + 4 : at + 8], png[at + 8 : at + 8 + size]
        if kind == b"IHDR":
            width, _, bits, colour = struct.unpack(">IIBB", body[:10])
            assert bits == 8
            step = CHANNELS[colour]
        elif kind == b"IDAT":
            data += body
        at += 12 + size
    raw, long = zlib.decompress(data), width * step
    rows, above = [], bytes(long)
    for start in range(0, len(raw), long + 1):
        above = _unfiltered(raw[start], raw[start + 1 : start + 1 + long], above, step)
        rows.append([above[i : i + 3] for i in range(0, long, step)])
    return rows


def _unfiltered(kind: int, line: bytes, above: bytes, step: int) -> bytes:
    if kind == 0:
        return line
    out = bytearray(step) + line  # what is left of the first pixel is 0
    corner = bytes(step) + above
    for i, up in enumerate(above):
        left = out[i]
        if kind == 1:
            guess = left
        elif kind == 2:
            guess = up
        elif kind == 3:
            guess = (left + up) // 2
        else:
            guess = _paeth(left, up, corner[i])
        out[i + step] = (out[i + step] + guess) & 255
    return bytes(out[step:])


def _paeth(left: int, up: int, corner: int) -> int:
    guess = left + up - corner
    return min((left, up, corner), key=lambda each: abs(guess - each))


def widest(picture: Pixels, colours: list[str]) -> list[int]:
    """Of each row, the longest run of pixels of one of these colours (`#rrggbb`)."""
    wanted = {bytes.fromhex(colour.removeprefix("#")) for colour in colours}
    return [
        max((sum(1 for _ in same) for colour, same in groupby(row) if colour in wanted), default=0)
        for row in picture
    ]
