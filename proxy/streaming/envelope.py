"""What a buffered door makes of an answer: text or base64 within JSON, whose size is what its platform counts. Pure."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from proxy.messages import Headers

# The status, the names of the envelope's own members, and the headers that are added behind the core's back: CORS, ids.
_REST_BYTES = 4_096
# More than all headers together can take up.
_ROOM_BYTES = 100_000


@dataclass(frozen=True, slots=True)
class Envelope:
    r"""How one door carries a body back.

    `limit` is the size in bytes of the whole JSON value that the platform takes, `where` names the door in a message.
    `escapes` says that the runtime writes other than ASCII characters as `\uXXXX` (six bytes for the three of a
    Chinese one), `base64` that the door takes binary. `texts` are the content types that go as text, None where every
    body does that is UTF-8.
    """

    limit: int
    where: str
    escapes: bool
    base64: bool
    texts: tuple[str, ...] | None = None

    def room(self, headers: Headers) -> int:
        """The number of bytes that the body may take up, as `size` counts them, beside these headers."""
        named = sum(2 * (len(name) + len(value)) + 16 for name, value in headers)
        return self.limit - named - _REST_BYTES

    def size(self, body: bytes, headers: Headers) -> int:
        """The bytes that `body` takes up in the envelope."""
        kind = headers.get("content-type") or ""
        # Six bytes for one is the most that JSON makes of a byte: a short body needs no measuring.
        if len(body) * 6 < self.limit - _REST_BYTES:
            return len(body)
        if self.texts is not None and not any(text in kind for text in self.texts):
            return _as_base64(body)
        return self.text_size(body)

    def text_size(self, text: bytes) -> int:
        """The bytes that a body, or some whole characters of one, take up as text."""
        try:
            decoded = text.decode("utf-8")
        except UnicodeDecodeError:
            return _as_base64(text)
        return json_size(decoded, self.escapes) - 2


def fits(answer: dict[str, Any], limit: int, escapes: bool) -> bool:
    """Whether the whole value, as the adapter has made it, is within `limit` bytes.

    The core has measured the body alone, and not an upstream's error, which it passes untouched.
    """
    # Twelve bytes for a character (an emoji, escaped) is the most that JSON makes of one; a short body needs no
    # measuring.
    return 12 * len(answer["body"]) + _ROOM_BYTES < limit or json_size(answer, escapes) <= limit


def json_size(value: Any, escapes: bool) -> int:
    r"""The bytes of `value` as JSON, with or without `\uXXXX` for other than ASCII characters."""
    written = json.dumps(value, ensure_ascii=escapes)
    if written.isascii():
        return len(written)
    # simplejson, which AWS's runtime uses, escapes these two all the same: six bytes for their three.
    breaks = written.count("\u2028") + written.count("\u2029")
    return len(written.encode()) + 3 * breaks


def _as_base64(body: bytes) -> int:
    return (len(body) + 2) // 3 * 4
