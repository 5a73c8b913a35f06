"""A request to the Messages API as a request for a chat completion. Pure."""

from __future__ import annotations

from typing import Any

from proxy.protocols.translate.chat_providers import UNKNOWN, ChatProvider
from proxy.protocols.translate.dropped import Dropped
from proxy.protocols.translate.messages_to_chat.options import option_members
from proxy.protocols.translate.messages_to_chat.tools import tool_members
from proxy.protocols.translate.messages_to_chat.turns import chat_messages
from proxy.protocols.translate.names import original_names
from proxy.protocols.translate.translated import Translated


def to_chat(request: dict[str, Any], provider: ChatProvider = UNKNOWN, reasons: bool = False) -> Translated:
    """Translate a request. Raises BadRequest, naming what to change, if the provider has no equal for it.

    `request["model"]` is the upstream's name of the model. `reasons`: it is one of OpenAI's with hidden reasoning
    (o1, gpt-5 and later), which refuse `max_tokens`, `temperature` and `top_p`.
    """
    dropped = Dropped()
    chat = {
        "model": request.get("model"),
        "messages": chat_messages(request, provider, dropped),
        **tool_members(request, dropped),
        **option_members(request, provider, reasons, dropped),
    }
    return Translated(chat, dropped.names, original_names(request.get("tools")))
