"""The token counts of a chat completion, wherever its provider has put them. Pure."""

from __future__ import annotations

from typing import Any, NamedTuple

# Where providers report the tokens that came from a cache, and those written to it. `prompt_tokens` includes all.
_CACHED = ("cached_tokens", "prompt_cache_hit_tokens", "cache_read_input_tokens")
_WRITTEN = ("cache_write_tokens", "cache_creation_tokens", "cache_creation_input_tokens")
_MAX_COUNT = 2**53  # JSON allows numbers with thousands of digits, which Python refuses to convert


class ChatUsage(NamedTuple):
    """Tokens. `reasoning`, which is among the completion's, is None where nobody reported it."""

    prompt: int
    completion: int
    cached: int
    written: int
    reasoning: int | None
    total: int


def read_usage(usage: dict[str, Any]) -> ChatUsage:
    """The counts of a usage object."""
    prompts = {**usage, **_details(usage, "prompt_tokens_details")}
    reasoning = _details(usage, "completion_tokens_details").get("reasoning_tokens")
    cached, written = (max(_count(prompts.get(name)) for name in names) for names in (_CACHED, _WRITTEN))
    prompt, completion = _count(usage.get("prompt_tokens")), _count(usage.get("completion_tokens"))
    total = _count(usage.get("total_tokens")) or prompt + completion
    return ChatUsage(prompt, completion, cached, written, None if reasoning is None else _count(reasoning), total)


def _details(usage: dict[str, Any], name: str) -> dict[str, Any]:
    details = usage.get(name)
    return details if isinstance(details, dict) else {}


def _count(value: Any) -> int:
    return value if type(value) is int and 0 <= value < _MAX_COUNT else 0
