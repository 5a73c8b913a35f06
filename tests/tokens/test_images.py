"""The sizes of images, and their tokens."""

from __future__ import annotations

from base64 import b64encode
from typing import Any

import pytest

from proxy.tokens import images
from proxy.tokens.counter import Count
from proxy.tokens.models import model_of
from tests.support.counting import CALL, counted, user


def png(width: int, height: int) -> bytes:
    size = width.to_bytes(4, "big") + height.to_bytes(4, "big")
    return b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR" + size + b"\x08\x02"


def jpeg(width: int, height: int, before: bytes = b"") -> bytes:
    frame = b"\xff\xff\xc0\x00\x11\x08" + height.to_bytes(2, "big") + width.to_bytes(2, "big") + b"\x03"
    return b"\xff\xd8\xff\x01" + before + b"\xff\xe0\x00\x04ab" + frame


def webp(kind: bytes, data: bytes) -> bytes:
    return b"RIFF\x00\x00\x00\x00WEBP" + kind + b"\x00\x00\x00\x00" + data + b"\x00" * 10


def url(data: bytes) -> str:
    return f"data:image/x;base64,{b64encode(data).decode()}"


def gif(width: int, height: int, frame: tuple[int, int, int, int], rest: bytes = b"\x00\x00\x00") -> bytes:
    """`rest` is the end of the header, the colour table and extensions."""
    head = b"GIF89a" + b"".join(number.to_bytes(2, "little") for number in (width, height))
    return head + rest + b"," + b"".join(number.to_bytes(2, "little") for number in frame) + b"\x00"


@pytest.mark.parametrize(
    ("data", "size"),
    [
        (png(640, 480), (640, 480)),
        (gif(10, 20, (0, 0, 10, 20)), (10, 20)),
        (gif(1, 1, (0, 0, 2000, 1000)), (2000, 1000)),
        (gif(1, 1, (5, 6, 10, 20), b"\x80\x00\x00" + b"\x00" * 6 + b"!\xf9\x04\x00\x00\x00\x00\x00"), (15, 26)),
        (gif(10, 20, (0, 0, 0, 0))[:13], None),
        (gif(10, 20, (0, 0, 0, 0), b"\x00\x00\x00!\xfe\x09")[:16], None),
        (jpeg(300, 200), (300, 200)),
        (webp(b"VP8X", b"\x00" * 4 + (639).to_bytes(3, "little") + (479).to_bytes(3, "little")), (640, 480)),
        (webp(b"VP8L", b"\x2f" + (99 | 49 << 14).to_bytes(4, "little")), (100, 50)),
        (webp(b"VP8 ", b"\x00" * 6 + (33).to_bytes(2, "little") + (44).to_bytes(2, "little")), (33, 44)),
        (png(0, 5), None),
        (b"\x89PNG\r\n\x1a\n", None),
        (b"GIF89a", None),
        (b"RIFF\x00\x00\x00\x00WEBPVP8 ", None),
        (b"\xff\xd8\x00\x00" + b"\x00" * 20, None),
        (b"\xff\xd8" + b"\xff\xe0\x00\x04ab" * 2, None),
        (b"nothing", None),
    ],
)
def test_the_size_is_read_from_an_image_s_header(data: bytes, size: tuple[int, int] | None) -> None:
    assert images.size_of(url(data)) == size


def test_anything_but_an_inline_image_has_no_size() -> None:
    assert images.size_of("https://example.com/a.png") is None
    assert images.size_of("data:image/png,plain") is None
    assert images.size_of("data:image/png;base64,A") is None


@pytest.mark.parametrize(
    ("model", "size", "detail", "expected"),
    [
        ("gpt-4o", (640, 480), "auto", 85 + 170 * 2),
        ("gpt-4o", (3008, 2000), "high", 85 + 170 * 6),
        ("gpt-4o", (3008, 2000), "low", 85),
        ("gpt-4o", None, "low", 85),
        ("gpt-4o", None, "auto", None),
        ("gpt-4o-mini", (1, 1), "auto", 2833 + 5667),
        ("gpt-5", (640, 480), "auto", 70 + 140 * 2),
        ("gpt-4.1-mini", (640, 480), "auto", 486 + 2),
        ("gpt-4.1-mini", None, "auto", None),
        ("gpt-4.1-nano", (540, 360), "auto", 501 + 2),
        ("gpt-5-mini", (640, 480), "auto", 360 + 1),
        ("o4-mini", (640, 480), "auto", 516 + 1),
        ("gpt-5.4", (640, 480), "auto", 300 + 1),
        ("gpt-4.1-mini", (1800, 2400), "auto", int(1452 * 1.62) + 2),  # 1452 patches, by OpenAI's own example
    ],
)
def test_an_image_costs_by_tiles_or_by_patches(
    model: str, size: tuple[int, int] | None, detail: str, expected: int | None
) -> None:
    assert images.tokens_of(model_of(model), size, detail) == expected


def test_an_inline_image_is_counted_with_its_message() -> None:
    part = {"type": "image_url", "image_url": {"url": url(png(640, 480)), "detail": "high"}}
    with_image = counted({**user([{"type": "text", "text": "x"}, part]), "model": "gpt-4o"})
    assert (with_image.tokens, with_image.certainty) == (counted(user("x")).tokens + 425, "exact")


def test_a_remote_image_has_one_tile_at_least() -> None:
    image = {"type": "image_url", "image_url": {"url": "https://example.com/a.png"}}
    plain = counted(user([{"type": "text", "text": "x"}], model="gpt-4o"))
    count = counted(user([{"type": "text", "text": "x"}, image], model="gpt-4o"))
    assert (count.tokens, count.certainty) == (plain.tokens + 255, "at_least")


def test_an_image_in_the_result_of_a_call_costs_nothing_of_its_own() -> None:
    def tokens(*parts: dict[str, Any]) -> Count:
        call = {"role": "assistant", "tool_calls": [CALL]}
        content = [{"type": "text", "text": "x"}, *parts]
        return counted({"model": "gpt-4o", "messages": [call, {"role": "tool", "content": content}]})

    with_image = tokens({"type": "image_url", "image_url": {"url": "https://example.com/a.png"}})
    assert (with_image.tokens, with_image.certainty) == (tokens().tokens, "estimate")
