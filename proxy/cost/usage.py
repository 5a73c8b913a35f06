"""The stage that reads the model and the token counts from an answer, for the log. It changes nothing."""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator
from functools import partial
from typing import Any

from proxy.call import Call
from proxy.messages import ByteStream, Wrapper, media_type
from proxy.protocols.usage import MENTION, Usage
from proxy.wire import content_encoding

_MODEL = re.compile(rb'"model"\s*:\s*"([^"\\]{1,200})"')
_MAX_JSON_BYTES = 1_000_000
_HEAD_BYTES = 4_096
_MAX_TOKENS = 1_000_000_000_000
# Where the chat API, the Responses API and compatible APIs put each count.
_PATHS = {
    "input": (("prompt_tokens",), ("input_tokens",)),
    "output": (("completion_tokens",), ("output_tokens",)),
    "cached": (
        ("prompt_tokens_details", "cached_tokens"),
        ("input_tokens_details", "cached_tokens"),
        ("prompt_cache_hit_tokens",),
    ),
    "reasoning": (("completion_tokens_details", "reasoning_tokens"), ("output_tokens_details", "reasoning_tokens")),
    "audio_input": (("prompt_tokens_details", "audio_tokens"),),
    "audio_output": (("completion_tokens_details", "audio_tokens"),),
}
_RARE = ("audio_input", "audio_output")  # nearly always 0, and then left out of the log


async def apply(call: Call) -> Wrapper:
    """Watch calls that use tokens. Passive: a native stream may bypass it, since a log figure is not worth the cost."""
    return Wrapper(partial(watch, call), passive=True)


async def watch(call: Call, stream: ByteStream) -> AsyncGenerator[bytes, None]:
    """Yield `stream` unchanged. JSON bodies up to 1 MB are kept whole: they may be compressed, with usage anywhere."""
    kept: list[bytes] = []
    size = 0
    try:
        async for piece in stream:
            if piece and call.is_sse:
                record(call, piece)
            elif piece and size <= _MAX_JSON_BYTES and _is_json(call):
                size += len(piece)
                kept.append(piece)
                if size > _MAX_JSON_BYTES:
                    kept.clear()
            yield piece
        if kept and (headers := call.outcome.headers) is not None:
            encoding = content_encoding.encoding(headers)
            record(call, content_encoding.decoded(b"".join(kept), encoding, 4 * _MAX_JSON_BYTES))
    finally:
        await stream.aclose()


def _is_json(call: Call) -> bool:
    return call.outcome.headers is not None and media_type(call.outcome.headers) == "application/json"


def record(call: Call, piece: bytes) -> None:
    """Record the answer's model and usage if `piece` has them."""
    outcome = call.outcome
    if outcome.model is None and (match := _MODEL.search(piece[:_HEAD_BYTES])):
        outcome.model = match[1].decode("utf-8", "replace")
    if MENTION in piece:
        outcome.usage.update(normalise(call.protocol.usage(piece)))


def normalise(usage: dict[str, Any]) -> Usage:
    """Convert any provider's usage object to the same figures."""
    counts = {}
    for name, paths in _PATHS.items():
        candidates = (_count_at(usage, path) for path in paths)
        counts[name] = next((count for count in candidates if count or (count is not None and name not in _RARE)), None)
    return Usage(**counts)


def _count_at(usage: Any, path: tuple[str, ...]) -> int | None:
    for name in path:
        usage = usage.get(name) if isinstance(usage, dict) else None
    # Prices are multiplied by it, so it must be a plausible number of tokens.
    return usage if isinstance(usage, int) and not isinstance(usage, bool) and 0 <= usage < _MAX_TOKENS else None
