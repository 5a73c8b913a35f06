"""The usage of a chat completion as the Messages API reports it. Pure."""

from __future__ import annotations

from typing import Any

# Where providers report the tokens that came from a cache, all of them included in `prompt_tokens`.
_DETAILS = "prompt_tokens_details"
_CACHED = ("cached_tokens", "prompt_cache_hit_tokens", "cache_read_input_tokens")
_WRITTEN = ("cache_write_tokens", "cache_creation_tokens", "cache_creation_input_tokens")
_OUTPUT_DETAILS = "completion_tokens_details"


def messages_usage(usage: dict[str, Any]) -> dict[str, Any]:
    """The counts of a chat completion. `input_tokens` excludes what was read from a cache or written to it."""
    details = usage.get(_DETAILS)
    members = {**usage, **(details if isinstance(details, dict) else {})}
    output = usage.get(_OUTPUT_DETAILS)
    thinking = _count(output.get("reasoning_tokens")) if isinstance(output, dict) else None
    cached, written = (max(map(_count, map(members.get, names))) for names in (_CACHED, _WRITTEN))
    return {
        "input_tokens": max(0, _count(usage.get("prompt_tokens")) - cached - written),
        "cache_creation_input_tokens": written,
        "cache_read_input_tokens": cached,
        "output_tokens": _count(usage.get("completion_tokens")),
        "output_tokens_details": None if thinking is None else {"thinking_tokens": thinking},
    }


def _count(value: Any) -> int:
    return max(0, value) if isinstance(value, int) else 0
