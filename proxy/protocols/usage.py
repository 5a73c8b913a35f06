"""Token counts: as an answer gives them, and as the log and the prices need them. Pure."""

from __future__ import annotations

import json
from dataclasses import dataclass, fields
from typing import Any

from proxy.wire import bounded_json

# The text of an answer cannot contain this: there, every quotation mark has a backslash before it.
MENTION = b'"usage"'
_DECODER = json.JSONDecoder()
_OBJECT_BYTES = 4_096
# How many mentions are tried: an upstream may repeat the word without end.
_MAX_TRIES = 8


@dataclass(slots=True)
class Usage:
    """Tokens of one call, None where nobody reported them. `source` is upstream, estimate or at_least."""

    input: int | None = None
    output: int | None = None
    cached: int | None = None
    reasoning: int | None = None
    audio_input: int | None = None
    audio_output: int | None = None
    source: str | None = None

    def update(self, newer: Usage) -> None:
        """Take every figure that `newer` has: a stream may report its usage several times, the last one counts."""
        for field in fields(newer):
            if (value := getattr(newer, field.name)) is not None:
                setattr(self, field.name, value)


def last_object(data: bytes) -> dict[str, Any]:
    """The last `usage` object in a body or in a piece of a stream, or an empty one."""
    at = len(data)
    for _ in range(_MAX_TRIES):
        if (at := data.rfind(MENTION, 0, at)) < 0:
            break
        text = data[at + len(MENTION) : at + len(MENTION) + _OBJECT_BYTES].lstrip()
        if not text.startswith(b":"):
            continue
        try:
            decoded = text[1:].lstrip().decode("utf-8", "ignore")
            bounded_json.check(decoded)
            value, _ = _DECODER.raw_decode(decoded)
        except (ValueError, RecursionError):
            continue
        if isinstance(value, dict):
            return value
    return {}
