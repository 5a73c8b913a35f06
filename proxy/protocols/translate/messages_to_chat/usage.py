"""The usage of a chat completion as the Messages API reports it. Pure."""

from __future__ import annotations

from typing import Any

from proxy.protocols.translate.chat_usage import read_usage


def messages_usage(usage: dict[str, Any]) -> dict[str, Any]:
    """The counts of a chat completion. `input_tokens` excludes what was read from a cache or written to it."""
    counts = read_usage(usage)
    return {
        "input_tokens": max(0, counts.prompt - counts.cached - counts.written),
        "cache_creation_input_tokens": counts.written,
        "cache_read_input_tokens": counts.cached,
        "output_tokens": counts.completion,
        "output_tokens_details": None if counts.reasoning is None else {"thinking_tokens": counts.reasoning},
    }
