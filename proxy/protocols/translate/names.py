"""Ids and names that both sides accept, always the same ones for the same originals. Pure."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from typing import Any

from proxy.protocols.members import as_list
from proxy.protocols.translate.chat_providers import ChatProvider

# Thinking of a translated answer is signed with this, so that it is recognised when it comes back.
SIGNATURE_PREFIX = "sluice-"
# Reasoning that OpenAI has encrypted follows this in a signature, so that it comes back with the conversation.
ENCRYPTED_PREFIX = f"{SIGNATURE_PREFIX}encrypted-"
# OpenAI's limit for names of functions. Anthropic allows 128 characters, and MCP servers use them.
_MAX_NAME = 64
_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
_HASH = 12  # characters
_ENCRYPTED = "reasoning.encrypted"


def digest(text: str) -> str:
    """64 characters that depend only on `text`."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def call_id(identifier: str, provider: ChatProvider) -> str:
    """The id of a call as `provider` accepts it: the same one, or a hash of it."""
    if re.fullmatch(provider.call_ids, identifier, re.ASCII):
        return identifier
    text = digest(identifier)
    return text[: provider.id_length] if provider.id_length < 16 else f"call_{text}"[: provider.id_length]


def function_name(name: str) -> str:
    """The name of a function as chat providers accept it: the same one, or its start and a hash of it."""
    if _NAME.fullmatch(name):
        return name
    start = re.sub(r"[^A-Za-z0-9_-]", "_", name)[: _MAX_NAME - _HASH - 1]
    return f"{start}_{digest(name)[:_HASH]}"


def original_names(tools: Any) -> dict[str, str]:
    """The tools whose names had to be changed: each new name with its original."""
    names: Iterable[Any] = (tool.get("name") for tool in as_list(tools) if isinstance(tool, dict))
    return {new: name for name in names if isinstance(name, str) and (new := function_name(name)) != name}


def is_own_signature(signature: Any) -> bool:
    """Whether thinking with this signature came from a translated answer."""
    return isinstance(signature, str) and signature.startswith(SIGNATURE_PREFIX)


def encrypted_details(encrypted: str) -> list[dict[str, Any]]:
    """Encrypted reasoning as the member `reasoning_details` of a chat message."""
    return [{"type": _ENCRYPTED, "data": SIGNATURE_PREFIX + encrypted, "format": "openai-responses-v1"}]


def encrypted_reasoning(details: Any) -> str:
    """The encrypted reasoning in the member `reasoning_details` of a chat message; empty if there is none of ours."""
    for detail in as_list(details):
        if isinstance(detail, dict) and detail.get("type") == _ENCRYPTED and is_own_signature(detail.get("data")):
            text: str = detail["data"].removeprefix(SIGNATURE_PREFIX)
            return text
    return ""


def without_own_thinking(messages: list[Any]) -> list[Any]:
    """The messages without thinking that Sluice signed: Anthropic's API refuses it with a 400.

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


def without_own_reasoning(items: list[Any]) -> list[Any]:
    """The items of a request to the Responses API without reasoning that Sluice marked."""
    return [item for item in items if not (isinstance(item, dict) and is_own_signature(item.get("encrypted_content")))]


def without_own_details(messages: list[Any]) -> list[Any]:
    """Chat messages without the encrypted reasoning that Sluice marked."""
    return [_without_details(message) if isinstance(message, dict) else message for message in messages]


def _without_details(message: dict[str, Any]) -> dict[str, Any]:
    details = as_list(message.get("reasoning_details"))
    kept = [one for one in details if not (isinstance(one, dict) and is_own_signature(one.get("data")))]
    if len(kept) == len(details):
        return message
    rest = {name: value for name, value in message.items() if name != "reasoning_details"}
    return {**rest, "reasoning_details": kept} if kept else rest


def _is_own_thinking(block: Any) -> bool:
    return isinstance(block, dict) and block.get("type") == "thinking" and is_own_signature(block.get("signature"))
