"""Reasoning of translated answers, marked as Sluice's, so that it is recognised when a client returns it. Pure.

A mark alone says that nobody has signed the reasoning. Before what OpenAI has encrypted, it says that this goes back to
OpenAI: in the signature of a thinking block, or in the member `reasoning_details` of a chat message, which OpenRouter
introduced and some clients return. Reasoning of other origins has the same forms.
"""

from __future__ import annotations

from typing import Any

from proxy.protocols.members import as_list

MARK = "sluice-"
_ENCRYPTED_MARK = f"{MARK}encrypted-"
_DETAIL = "reasoning.encrypted"
_FORMAT = "openai-responses-v1"


def is_own(mark: Any) -> bool:
    """Whether reasoning with this signature, or this encrypted content, came from a translated answer."""
    return isinstance(mark, str) and mark.startswith(MARK)


def signature(seed: str, encrypted: str) -> str:
    """The signature of a thinking block: what OpenAI has encrypted of it, else the mark with `seed`."""
    return f"{_ENCRYPTED_MARK}{encrypted}" if encrypted else f"{MARK}{seed}"


def encrypted_in(signed: Any) -> str:
    """What OpenAI has encrypted in the signature of a thinking block; empty if there is nothing of it."""
    is_encrypted = isinstance(signed, str) and signed.startswith(_ENCRYPTED_MARK)
    return signed[len(_ENCRYPTED_MARK) :] if is_encrypted else ""


def detail(encrypted: str, **more: Any) -> dict[str, Any]:
    """Encrypted reasoning as an entry of `reasoning_details`."""
    return {"type": _DETAIL, "data": MARK + encrypted, "format": _FORMAT, **more}


def encrypted_details(details: Any) -> list[str]:
    """What OpenAI has encrypted, in each entry of `reasoning_details` that has something of it."""
    entries = [entry for entry in as_list(details) if isinstance(entry, dict) and entry.get("type") == _DETAIL]
    return [data[len(MARK) :] for entry in entries if is_own(data := str(entry.get("data"))) and data != MARK]


def without_thinking(messages: list[Any]) -> list[Any]:
    """The messages of the Messages API without thinking that is marked: Anthropic's API refuses it with a 400.

    A message that had nothing else is left out.
    """
    kept = []
    for message in messages:
        content = message.get("content") if isinstance(message, dict) else None
        if not isinstance(content, list):
            kept.append(message)
            continue
        blocks = [block for block in content if not _is_own_thinking(block)]
        if blocks or not content:
            kept.append(message if len(blocks) == len(content) else {**message, "content": blocks})
    return kept


def without_items(items: list[Any]) -> list[Any]:
    """The items of the Responses API without reasoning that is marked."""
    return [item for item in items if not (isinstance(item, dict) and is_own(item.get("encrypted_content")))]


def without_details(messages: list[Any]) -> list[Any]:
    """Chat messages without entries of `reasoning_details` that are marked."""
    return [_without_details(message) if isinstance(message, dict) else message for message in messages]


def _without_details(message: dict[str, Any]) -> dict[str, Any]:
    details = as_list(message.get("reasoning_details"))
    kept = [entry for entry in details if not (isinstance(entry, dict) and is_own(entry.get("data")))]
    if len(kept) == len(details):
        return message
    rest = {name: value for name, value in message.items() if name != "reasoning_details"}
    return {**rest, "reasoning_details": kept} if kept else rest


def _is_own_thinking(block: Any) -> bool:
    return isinstance(block, dict) and block.get("type") == "thinking" and is_own(block.get("signature"))
