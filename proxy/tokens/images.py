"""Images: their size from the header, and the tokens of a size. Pure; only the header is decoded."""

from __future__ import annotations

import math
from base64 import b64decode
from binascii import Error

from proxy.tokens.models import Model

# Bytes that contain the header of any PNG, GIF or WebP. A JPEG's size may follow an embedded preview.
_HEADER_BYTES = 1_000_000
# Tokens of an image at low detail, which is also the base of a tiled one, and of each tile of 512 pixels
# (platform.openai.com/docs/guides/images-vision, read 2026-11-23, and measured).
_TILES = {"gpt-4o-mini": (2833, 5667), "gpt-5": (70, 140), "o1": (75, 150), "o3": (75, 150), "": (85, 170)}
_GIF_HEAD = 13  # bytes
_MAX_TILES = 8  # 2048 by 768 pixels
_MAX_PATCHES = 1536
# Models with one token per patch of 32 pixels, at most 1536, times this factor.
_PATCH_FACTORS = {
    "gpt-4.1-mini": 1.62,
    "gpt-4.1-nano": 2.46,
    "gpt-5-mini": 1.2,
    "gpt-5-nano": 1.5,
    "o4-mini": 1.72,
}


def size_of(url: str) -> tuple[int, int] | None:
    """Width and height, in pixels, of an image in a `data:` URL; None if they cannot be read."""
    head, _, encoded = url.partition(",")
    if not head.startswith("data:") or not head.endswith(";base64"):
        return None
    try:
        data = b64decode(encoded[: _HEADER_BYTES // 3 * 4 // 4 * 4] + "==")
    except (Error, ValueError):
        return None
    return _png(data) or _gif(data) or _webp(data) or _jpeg(data)


def tokens_of(model: Model, size: tuple[int, int] | None, detail: str) -> int | None:
    """The tokens of an image; None if they depend on its size and `size` is None."""
    factor = _factor(model)
    if factor is not None:
        if size is None:
            return None
        # Models that prime an answer differently also frame images differently.
        return math.floor(_patches(*size) * factor) + (1 if model.thinks_aloud else 2)
    family = next(name for name in _TILES if model.name.startswith(name))
    base, tile = _TILES[family]
    if detail == "low":
        return base
    return None if size is None else base + tile * _tiles(*size)


def max_tokens(model: Model) -> int | None:
    """The most tokens that one image can have for `model`; None if unknown."""
    if not model.measured or (model.gpt5 is not None and model.gpt5 >= 3):
        return None  # newer models do not scale images down
    factor = _factor(model)
    if factor is not None:
        return math.floor(_MAX_PATCHES * factor) + 2
    base, tile = _TILES[next(name for name in _TILES if model.name.startswith(name))]
    return base + tile * _MAX_TILES


def _factor(model: Model) -> float | None:
    if model.gpt5 is not None and model.gpt5 >= 3:
        return 1.0
    return next((factor for name, factor in _PATCH_FACTORS.items() if model.name.startswith(name)), None)


def _tiles(width: int, height: int) -> int:
    scale = min(1.0, 2048 / max(width, height))
    scale = min(scale, 768 / min(width, height)) if min(width, height) * scale > 768 else scale
    return math.ceil(round(width * scale, 6) / 512) * math.ceil(round(height * scale, 6) / 512)


def _patches(width: int, height: int) -> int:
    columns, rows = math.ceil(width / 32), math.ceil(height / 32)
    if columns * rows <= _MAX_PATCHES:
        return columns * rows
    scale = math.sqrt(_MAX_PATCHES * 32 * 32 / (width * height))
    scaled_columns, scaled_rows = width * scale / 32, height * scale / 32
    scale *= min(math.floor(scaled_columns) / scaled_columns, math.floor(scaled_rows) / scaled_rows)
    return min(_MAX_PATCHES, math.ceil(round(width * scale / 32, 6)) * math.ceil(round(height * scale / 32, 6)))


def _png(data: bytes) -> tuple[int, int] | None:
    if not data.startswith(b"\x89PNG\r\n\x1a\n") or len(data) < 24:
        return None
    return _size(int.from_bytes(data[16:20], "big"), int.from_bytes(data[20:24], "big"))


def _gif(data: bytes) -> tuple[int, int] | None:
    if not data.startswith((b"GIF87a", b"GIF89a")) or len(data) < 10:
        return None
    width, height = int.from_bytes(data[6:8], "little"), int.from_bytes(data[8:10], "little")
    # The image may be larger than its logical screen; decoders then use the image's own size.
    at = 13 + (3 << (data[10] & 7) + 1 if len(data) > _GIF_HEAD and data[10] & 0x80 else 0)
    while data[at : at + 1] == b"!":  # an extension: a label, then blocks up to an empty one
        at += 2
        while size := data[at : at + 1]:
            at += 1 + size[0]
            if not size[0]:
                break
    if data[at : at + 1] != b"," or at + 9 > len(data):
        return None
    left, top, image_width, image_height = (int.from_bytes(data[at + n : at + n + 2], "little") for n in (1, 3, 5, 7))
    return _size(max(width, left + image_width), max(height, top + image_height))


def _webp(data: bytes) -> tuple[int, int] | None:
    if data[:4] != b"RIFF" or data[8:12] != b"WEBP" or len(data) < 30:
        return None
    kind = data[12:16]
    if kind == b"VP8X":
        return _size(1 + int.from_bytes(data[24:27], "little"), 1 + int.from_bytes(data[27:30], "little"))
    if kind == b"VP8L":
        bits = int.from_bytes(data[21:25], "little")
        return _size(1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF))
    return _size(int.from_bytes(data[26:28], "little") & 0x3FFF, int.from_bytes(data[28:30], "little") & 0x3FFF)


def _jpeg(data: bytes) -> tuple[int, int] | None:
    """The size in a JPEG's frame header, found by following the markers (ITU T.81, section B.2)."""
    if not data.startswith(b"\xff\xd8"):
        return None
    at = 2
    while at + 9 <= len(data):
        if data[at] != 0xFF:
            return None
        marker = data[at + 1]
        if marker in {255, 1} or 208 <= marker <= 215:
            at += 1 if marker == 0xFF else 2
            continue
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            return _size(int.from_bytes(data[at + 7 : at + 9], "big"), int.from_bytes(data[at + 5 : at + 7], "big"))
        at += 2 + int.from_bytes(data[at + 2 : at + 4], "big")
    return None


def _size(width: int, height: int) -> tuple[int, int] | None:
    return (width, height) if width and height else None
