"""The directions of translation. One is imported with the first call that needs it. Pure."""

from __future__ import annotations

from functools import lru_cache
from importlib import import_module

from proxy.protocols.translate.direction import Direction
from proxy.wire.path_table import MESSAGES, OPENAI, RESPONSES

# By the caller's API and the upstream's. Modules are named in full: bundles follow these names like imports.
MODULES = {
    (MESSAGES, OPENAI): "proxy.protocols.translate.messages_to_chat.direction",
    (RESPONSES, OPENAI): "proxy.protocols.translate.responses_to_chat.direction",
    (OPENAI, RESPONSES): "proxy.protocols.translate.chat_to_responses.direction",
    (MESSAGES, RESPONSES): "proxy.protocols.translate.messages_to_responses",
}


@lru_cache(maxsize=8)
def find(api: str, upstream_api: str) -> Direction:
    """The direction from one API to another one, which is among settings.providers.TRANSLATED."""
    direction: Direction = import_module(MODULES[api, upstream_api]).DIRECTION
    return direction
