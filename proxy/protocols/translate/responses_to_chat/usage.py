"""The usage of a chat completion as the Responses API reports it. Pure."""

from __future__ import annotations

from typing import Any


def responses_usage(usage: dict[str, Any]) -> dict[str, Any] | None:
    """The counts of a chat completion; None if it reports none. Codex fails where details are there but empty."""
    if not usage:
        return None
    prompt, completion = _count(usage.get("prompt_tokens")), _count(usage.get("completion_tokens"))
    inputs, outputs = (
        details if isinstance(details := usage.get(name), dict) else {}
        for name in ("prompt_tokens_details", "completion_tokens_details")
    )
    cached = max(_count(inputs.get("cached_tokens")), _count(usage.get("prompt_cache_hit_tokens")))
    return {
        "input_tokens": prompt,
        "input_tokens_details": {
            "cached_tokens": cached,
            "cache_write_tokens": _count(inputs.get("cache_write_tokens")),
        },
        "output_tokens": completion,
        "output_tokens_details": {"reasoning_tokens": _count(outputs.get("reasoning_tokens"))},
        "total_tokens": _count(usage.get("total_tokens")) or prompt + completion,
    }


def _count(value: Any) -> int:
    return max(0, value) if isinstance(value, int) else 0
