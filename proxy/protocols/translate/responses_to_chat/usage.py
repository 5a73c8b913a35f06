"""The usage of a chat completion as the Responses API reports it. Pure."""

from __future__ import annotations

from typing import Any

from proxy.protocols.translate.chat_usage import read_usage


def responses_usage(usage: dict[str, Any]) -> dict[str, Any] | None:
    """The counts of a chat completion; None if it reports none. Codex fails where details are there but empty."""
    if not usage:
        return None
    counts = read_usage(usage)
    return {
        "input_tokens": counts.prompt,
        "input_tokens_details": {"cached_tokens": counts.cached, "cache_write_tokens": counts.written},
        "output_tokens": counts.completion,
        "output_tokens_details": {"reasoning_tokens": counts.reasoning or 0},
        "total_tokens": counts.total,
    }
