"""The usage of a response as a chat completion reports it. Pure."""

from __future__ import annotations

from typing import Any

# JSON allows numbers with thousands of digits.
_MAX_COUNT = 2**53
# The details of both sides: the member of the response, that of the completion, and the counts within.
_DETAILS = (
    ("input_tokens_details", "prompt_tokens_details", ("cached_tokens", "cache_write_tokens")),
    ("output_tokens_details", "completion_tokens_details", ("reasoning_tokens",)),
)


def completion_usage(usage: dict[str, Any]) -> dict[str, Any]:
    """The counts of a response. Details that it does not report are left out."""
    prompt, completion = _count(usage.get("input_tokens")) or 0, _count(usage.get("output_tokens")) or 0
    total = _count(usage.get("total_tokens"))
    counts: dict[str, Any] = {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion if total is None else total,
    }
    for name, translated, members in _DETAILS:
        details = usage.get(name)
        details = details if isinstance(details, dict) else {}
        found = {member: count for member in members if (count := _count(details.get(member))) is not None}
        if found:
            counts[translated] = found
    return counts


def _count(value: Any) -> int | None:
    return value if type(value) is int and 0 <= value < _MAX_COUNT else None
