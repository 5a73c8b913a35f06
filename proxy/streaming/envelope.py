"""How a buffered entry point encodes an answer: text or base64 within JSON, whose size the platform limits. Pure."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from proxy.messages import Headers

# For the status, the names of the envelope's members, and the headers that are added later, such as CORS and ids.
_FRAME_BYTES = 4_096
# More than all headers together can have.
_MAX_HEADER_BYTES = 100_000
# The most bytes that JSON makes of one byte (an escaped control character) and of one character (an escaped emoji).
_MAX_BYTE_SIZE, _MAX_CHARACTER_SIZE = 6, 12


@dataclass(frozen=True, slots=True)
class Envelope:
    r"""How one entry point encodes a body.

    `limit` is the platform's limit for the whole JSON value in bytes. `where` names the entry point in messages.
    `escapes` says that the runtime writes non-ASCII characters as `\uXXXX`, which takes six bytes for the three of a
    Chinese character. `base64` says that the entry point accepts binary. `texts` are the content types that are sent as
    text, None if every UTF-8 body is.
    """

    limit: int
    where: str
    escapes: bool
    base64: bool
    texts: tuple[str, ...] | None = None

    def room(self, headers: Headers) -> int:
        """Return how many bytes, as `size` counts them, the body may have in addition to these headers."""
        header_bytes = sum(2 * (len(name) + len(value)) + 16 for name, value in headers)
        return self.limit - header_bytes - _FRAME_BYTES

    def size(self, body: bytes, headers: Headers) -> int:
        """Return the bytes of `body` in the envelope. A body that fits in any encoding is not measured exactly."""
        kind = headers.get("content-type") or ""
        if len(body) * _MAX_BYTE_SIZE < self.limit - _FRAME_BYTES:
            return len(body)
        if self.texts is not None and not any(text in kind for text in self.texts):
            return _base64_size(body)
        return self.text_size(body)

    def text_size(self, text: bytes) -> int:
        """Return the bytes of a body, or of a part of whole characters, as text."""
        try:
            decoded = text.decode("utf-8")
        except UnicodeDecodeError:
            return _base64_size(text)
        return json_size(decoded, self.escapes) - 2


def fits(answer: dict[str, Any], limit: int, escapes: bool) -> bool:
    """Whether the adapter's whole value is within `limit` bytes.

    The core measures only the body, and does not measure an upstream's error, which it passes unchanged.
    """
    return _MAX_CHARACTER_SIZE * len(answer["body"]) + _MAX_HEADER_BYTES < limit or json_size(answer, escapes) <= limit


def json_size(value: Any, escapes: bool) -> int:
    r"""Return the bytes of `value` as JSON, with non-ASCII characters as `\uXXXX` if `escapes`."""
    written = json.dumps(value, ensure_ascii=escapes)
    if written.isascii():
        return len(written)
    # AWS's runtime uses simplejson, which always escapes these two: six bytes instead of three.
    separators = written.count("\u2028") + written.count("\u2029")
    return len(written.encode()) + 3 * separators


def _base64_size(body: bytes) -> int:
    return (len(body) + 2) // 3 * 4
