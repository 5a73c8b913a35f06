"""Reasoning items, which a client of chat completions returns as `reasoning_details`. Pure."""

from __future__ import annotations

from typing import Any

from proxy.protocols.translate.own_reasoning import detail, encrypted_details


def reasoning_detail(item: dict[str, Any], index: int) -> dict[str, Any] | None:
    """The detail that carries a reasoning item; None if the item cannot be returned. `index` counts the details."""
    encrypted, identifier = item.get("encrypted_content"), item.get("id")
    if not isinstance(encrypted, str) or not encrypted:
        return None
    return detail(encrypted, index=index, **({"id": identifier} if isinstance(identifier, str) else {}))


def reasoning_items(message: dict[str, Any]) -> list[dict[str, Any]]:
    """The reasoning items that a message carries. They have no ids: OpenAI refuses ids of what it has not stored."""
    return [
        {"type": "reasoning", "summary": [], "encrypted_content": encrypted}
        for encrypted in encrypted_details(message.get("reasoning_details"))
    ]
