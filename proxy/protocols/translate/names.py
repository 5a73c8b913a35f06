"""Ids and names that both sides accept, always the same ones for the same originals. Pure."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from typing import Any

from proxy.protocols.members import as_list
from proxy.protocols.translate.chat_providers import ChatProvider

# OpenAI's limit for names of functions. Anthropic allows 128 characters, and MCP servers use them.
_MAX_NAME = 64
_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
_HASH = 12  # characters


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
