"""Makes a picture of a page small: a PNG with 256 colours, which is all that text on a few grounds needs."""

from __future__ import annotations

import struct
import zlib
from collections import Counter
from pathlib import Path

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_COLOURS = 256
_BYTES = {2: 3, 6: 4}  # a pixel's size by the PNG's colour type: RGB, RGBA


def shrink(path: Path) -> None:
    """Write the PNG at `path` anew with a palette of its most frequent colours; the others become their nearest.

    Takes what browsers write: 8 bits a channel, RGB or RGBA without anything transparent, not interlaced.
    """
    chunks = dict(_chunks(path.read_bytes()))
    width, height, _, kind = struct.unpack(">IIBB", chunks[b"IHDR"][:10])
    rows = _rows(zlib.decompress(chunks[b"IDAT"]), width, height, _BYTES[kind])
    seen = Counter(pixel for row in rows for pixel in row)
    palette = [colour for colour, _ in seen.most_common(_COLOURS)]
    places = {colour: place for place, colour in enumerate(palette)}
    for colour in seen:
        if colour not in places:
            places[colour] = min(range(len(palette)), key=lambda at, to=colour: _apart(palette[at], to))  # type: ignore[misc]
    packed = zlib.compress(b"".join(b"\0" + bytes([places[pixel] for pixel in row]) for row in rows), 9)
    head = struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0)
    parts = ((b"IHDR", head), (b"PLTE", b"".join(palette)), (b"IDAT", packed), (b"IEND", b""))
    path.write_bytes(_SIGNATURE + b"".join(_chunk(*part) for part in parts))


def _chunks(data: bytes) -> list[tuple[bytes, bytes]]:
    """Every chunk, with the pixels' ones put together."""
    found: dict[bytes, bytes] = {}
    at = len(_SIGNATURE)
    while at < len(data):
        size, kind = struct.unpack(">I4s", data[at : at + 8])
        found[kind] = found.get(kind, b"") + data[at + 8 : at + 8 + size]
        at += 12 + size
    return list(found.items())


def _chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def _rows(data: bytes, width: int, height: int, size: int) -> list[list[bytes]]:
    """The pixels without the filters of w3.org/TR/png-3, section 9, each as three bytes."""
    length = width * size
    above, rows = bytearray(length), []
    for number in range(height):
        start = number * (length + 1)
        line = bytearray(data[start + 1 : start + 1 + length])
        how = data[start]
        for at in range(length if how else 0):
            left = line[at - size] if at >= size else 0
            corner = above[at - size] if at >= size else 0
            line[at] = (line[at] + _guess(how, left, above[at], corner)) & 255
        rows.append([bytes(line[at : at + 3]) for at in range(0, length, size)])
        above = line
    return rows


def _guess(how: int, left: int, up: int, corner: int) -> int:
    if how == 1:
        return left
    if how == 2:
        return up
    if how == 3:
        return (left + up) // 2
    return min((left, up, corner), key=lambda one: abs(left + up - corner - one))


def _apart(one: bytes, other: bytes) -> int:
    return sum((a - b) ** 2 for a, b in zip(one, other, strict=True))
