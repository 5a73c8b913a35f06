"""Merge consecutive chunks of a Gemini stream. Pure."""

from __future__ import annotations

from typing import Any

from proxy.protocols.gemini_parts import index_of, is_finished, is_plain, is_thought
from proxy.protocols.members import without

_MAX_TEXT_LENGTH = 8_192  # characters: an answer must still be divisible between two chunks
_LATEST = ("modelVersion", "responseId", "usageMetadata")


def merged(held: dict[str, Any], following: dict[str, Any]) -> dict[str, Any] | None:
    """One chunk with the plain texts of both; None if there is anything else, or if other members differ."""
    first, second = _only_candidate(held), _only_candidate(following)
    if first is None or second is None or is_finished(first) or index_of(first) != index_of(second):
        return None
    if not _are_equal(held, following, ("candidates", *_LATEST)):
        return None
    if not _are_equal(first, second, ("content", "finishReason", "index")):
        return None
    content = _merged_content(first.get("content"), second.get("content"))
    if content is None:
        return None
    return {**held, **following, "candidates": [{**first, **second, "content": content}]}


def _only_candidate(chunk: dict[str, Any]) -> dict[str, Any] | None:
    candidates = chunk.get("candidates")
    if not isinstance(candidates, list) or len(candidates) != 1 or not isinstance(candidates[0], dict):
        return None
    return candidates[0]


def _are_equal(first: dict[str, Any], second: dict[str, Any], free: tuple[str, ...]) -> bool:
    return without(first, free) == without(second, free)


def _merged_content(first: Any, second: Any) -> dict[str, Any] | None:
    if not isinstance(first, dict) or not isinstance(second, dict) or not _are_equal(first, second, ("parts",)):
        return None
    parts, more = first.get("parts"), second.get("parts")
    if not isinstance(parts, list) or not isinstance(more, list) or not all(map(is_plain, [*parts, *more])):
        return None
    joined: list[dict[str, Any]] = []
    for part in (*parts, *more):
        if joined and is_thought(joined[-1]) == is_thought(part):
            joined[-1] = {**joined[-1], "text": joined[-1]["text"] + part["text"]}
        else:
            joined.append(part)
    if sum(len(part["text"]) for part in joined) > _MAX_TEXT_LENGTH:
        return None
    return {**first, "parts": joined}
