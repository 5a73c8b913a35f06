"""Token counts: where an answer says them, and the figures that the log and the prices need. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from proxy.wire import bounded_json, sse

# The text of an answer cannot contain these: there, every quotation mark has a backslash before it.
_MENTION = b'"usage'
_KEY = re.compile(rb'"usage(?:Metadata)?"\s{0,16}:\s{0,16}(?=\{)')
_EVALS = b"eval_count"
# Ollama's own API has its counts in the answer itself.
_EVAL_COUNT = re.compile(rb'"((?:prompt_)?eval_count)"\s{0,16}:\s{0,16}(\d{1,12})(?!\d)')
# The tier that served the call is next to the usage, not in it.
_TIER = re.compile(rb'"service_tier"\s{0,16}:\s{0,16}"([a-z_-]{1,32})"')
_DECODER = json.JSONDecoder()
_OBJECT_BYTES = 16_384
# How many mentions are tried at either end: an upstream may repeat the word without end.
_MAX_TRIES = 8
_MAX_MEMBERS = 64
_TOTALS = ("total_tokens", "totalTokenCount", "totalTokens")
_OUTPUTS = ("completion_tokens", "output_tokens", "candidatesTokenCount", "outputTokens", "eval_count")


class Usage:
    """Tokens of one call, None where nobody reported them. `source` is upstream, estimate or at_least.

    `cached`, `cache_write` and `audio_input` are included in `input`, `cache_write_1h` in `cache_write`, and
    `reasoning` and `audio_output` in `output`. `total` is set where only a sum was reported. `tier` is the service tier
    that served the call, `cost_usd` what the upstream says that it charged.
    """

    __slots__ = (
        "audio_input",
        "audio_output",
        "cache_write",
        "cache_write_1h",
        "cached",
        "cost_usd",
        "input",
        "output",
        "reasoning",
        "source",
        "tier",
        "total",
    )

    def __init__(
        self,
        input: int | None = None,  # noqa: A002 — what it is called everywhere
        output: int | None = None,
        total: int | None = None,
    ) -> None:
        self.input = input
        self.output = output
        self.total = total
        self.cached: int | None = None
        self.cache_write: int | None = None
        self.cache_write_1h: int | None = None
        self.reasoning: int | None = None
        self.audio_input: int | None = None
        self.audio_output: int | None = None
        self.tier: str | None = None
        self.cost_usd: float | None = None
        self.source: str | None = None

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Usage) and all(getattr(self, name) == getattr(other, name) for name in self.__slots__)

    __hash__ = None  # type: ignore[assignment]


def mentioned(data: bytes) -> bool:
    """Whether `data` may report a usage; cheap, and wrong only where it says yes."""
    return _MENTION in data or _EVALS in data


def reported(data: bytes) -> dict[str, Any]:
    """The usage that a body or a piece of a stream reports, or an empty object. Several are merged in their order."""
    if not mentioned(data):
        return {}
    usage: dict[str, Any] = {}
    for event in [data] if data.lstrip().startswith((b"{", b"[")) else sse.split(data):
        event_usage = _of_event(event)
        if event_usage and "service_tier" not in event_usage and (tiers := _TIER.findall(event)):
            event_usage = {**event_usage, "service_tier": tiers[-1].decode()}
        usage = merged(usage, event_usage)
    return usage


def merged(kept: dict[str, Any], newer: dict[str, Any]) -> dict[str, Any]:
    """`kept` with every figure of `newer`: a stream may report its usage several times, and the last figures count.

    Zero and null say nothing where there is a figure already. A sum does not outlive the counts that it was made of.
    """
    if not kept and len(newer) <= _MAX_MEMBERS:
        return newer
    if any(newer.get(name) for name in _OUTPUTS) and not any(newer.get(name) for name in _TOTALS):
        kept = {name: value for name, value in kept.items() if name not in _TOTALS}
    return _merged(kept, newer, 3)


def _merged(kept: dict[str, Any], newer: dict[str, Any], levels: int) -> dict[str, Any]:
    result = dict(kept)
    for name, value in newer.items():
        before = result.get(name)
        if isinstance(before, dict) and isinstance(value, dict) and levels:
            result[name] = _merged(before, value, levels - 1)
        elif (value or not before) and (name in result or len(result) < _MAX_MEMBERS):
            result[name] = value
    return result


def _of_event(event: bytes) -> dict[str, Any]:
    """The usage in one event or body. Of several the largest: the others are those of its parts."""
    objects = [value for at in _mentions(event) if (value := _object_at(event, at)) is not None]
    if objects:
        return max(objects, key=_size) if len(objects) > 1 else objects[0]
    return {name.decode(): int(count) for name, count in _EVAL_COUNT.findall(event)}


def _mentions(data: bytes) -> Iterator[int]:
    """The positions after which a usage object may begin: the first and the last few."""
    first = last = -1
    for _ in range(_MAX_TRIES):
        if (first := data.find(_MENTION, first + 1)) < 0:
            return
        yield first
    last = len(data)
    for _ in range(_MAX_TRIES):
        if (last := data.rfind(_MENTION, first + 1, last)) < 0:
            return
        yield last


def _object_at(data: bytes, at: int) -> dict[str, Any] | None:
    if (key := _KEY.match(data, at)) is None:
        return None
    try:
        text = data[key.end() : key.end() + _OBJECT_BYTES].decode("utf-8", "ignore")
        bounded_json.check(text)
        value, _ = _DECODER.raw_decode(text)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _size(usage: dict[str, Any]) -> int:
    return sum(value for name, value in usage.items() if "oken" in name and type(value) is int)
