"""Token counts: as answers report them, and as the log and the prices need them. Pure."""

from __future__ import annotations

import json
from typing import Any

from proxy.wire import bounded_json

# The text of an answer cannot contain this: in JSON strings, quotation marks are escaped.
MENTION = b'"usage"'
_DECODER = json.JSONDecoder()
_OBJECT_BYTES = 4_096
# How many mentions are parsed: an upstream may repeat the word any number of times.
_MAX_TRIES = 8


class Usage:
    """The tokens of one call; None for those that were not reported. `source` is upstream, estimate or at_least."""

    __slots__ = ("audio_input", "audio_output", "cached", "input", "output", "reasoning", "source")

    def __init__(self, **counts: int | None) -> None:
        self.input = counts.get("input")
        self.output = counts.get("output")
        self.cached = counts.get("cached")
        self.reasoning = counts.get("reasoning")
        self.audio_input = counts.get("audio_input")
        self.audio_output = counts.get("audio_output")
        self.source: str | None = None

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Usage) and all(getattr(self, name) == getattr(other, name) for name in self.__slots__)

    __hash__ = None  # type: ignore[assignment]

    def update(self, newer: Usage) -> None:
        """Take over every number in `newer`: a stream may report its usage several times, and the last one counts."""
        for name in self.__slots__:
            if (value := getattr(newer, name)) is not None:
                setattr(self, name, value)


def last_object(data: bytes) -> dict[str, Any]:
    """The last `usage` object in a body or in a piece of a stream; empty if there is none."""
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
