"""Encrypted reasoning, which a client of chat completions carries from one turn to the next. Pure.

It is a member that OpenRouter introduced and some clients return: `reasoning_details`. Reasoning of other origins has
the same form, and OpenAI refuses it, so that of Sluice has a prefix.
"""

from __future__ import annotations

from typing import Any

from proxy.protocols.members import as_list
from proxy.protocols.translate.names import SIGNATURE_PREFIX, is_own_signature

_FORMAT = "openai-responses-v1"


def reasoning_detail(item: dict[str, Any], index: int) -> dict[str, Any] | None:
    """The detail that carries a reasoning item; None if the item cannot be returned. `index` counts the details."""
    encrypted, identifier = item.get("encrypted_content"), item.get("id")
    if not isinstance(encrypted, str) or not encrypted:
        return None
    detail = {"type": "reasoning.encrypted", "data": SIGNATURE_PREFIX + encrypted, "format": _FORMAT, "index": index}
    return {**detail, "id": identifier} if isinstance(identifier, str) else detail


def reasoning_items(message: dict[str, Any]) -> list[dict[str, Any]]:
    """The reasoning items that a message carries. They have no ids: OpenAI refuses ids of what it has not stored."""
    details: list[Any] = as_list(message.get("reasoning_details"))
    texts = [detail.get("data") for detail in details if isinstance(detail, dict)]
    return [
        {"type": "reasoning", "summary": [], "encrypted_content": text[len(SIGNATURE_PREFIX) :]}
        for text in texts
        if isinstance(text, str) and is_own_signature(text) and text != SIGNATURE_PREFIX
    ]
