"""A request to the Responses API as a request for a chat completion. Pure."""

from __future__ import annotations

from typing import Any

from proxy.protocols.translate.chat_providers import UNKNOWN, ChatProvider
from proxy.protocols.translate.dropped import Dropped, refused
from proxy.protocols.translate.responses_to_chat.items import ItemReader
from proxy.protocols.translate.responses_to_chat.options import is_thinking_off, option_members
from proxy.protocols.translate.responses_to_chat.tools import Tools, tool_members
from proxy.protocols.translate.translated import Translated

# What a response repeats of its request, with what it says where the request is silent; and what it says in any case,
# because the upstream cannot be asked for anything else (openresponses.org, read 2026-11-27).
_ECHO: dict[str, Any] = {
    "instructions": None,
    "max_output_tokens": None,
    "metadata": {},
    "parallel_tool_calls": True,
    "prompt_cache_key": None,
    "reasoning": {"effort": None, "summary": None},
    "safety_identifier": None,
    "temperature": 1.0,
    "text": {"format": {"type": "text"}},
    "tool_choice": "auto",
    "tools": [],
    "top_p": 1.0,
    "user": None,
}
_ALWAYS: dict[str, Any] = {
    "background": False,
    "completed_at": None,
    "frequency_penalty": 0.0,
    "max_tool_calls": None,
    "presence_penalty": 0.0,
    "previous_response_id": None,
    "service_tier": "default",
    "store": False,
    "top_logprobs": 0,
    "truncation": "disabled",
}
_FUNCTION: dict[str, Any] = {"description": None, "parameters": None, "strict": None}


def to_chat(request: dict[str, Any], provider: ChatProvider = UNKNOWN, reasons: bool = False) -> Translated:
    """Translate a request. Raises BadRequest, naming what to change, if the provider has no equal for it.

    `request["model"]` is the upstream's name of the model. `reasons`: it is one of OpenAI's with hidden reasoning.
    """
    dropped, tools = Dropped(), Tools()
    options = option_members(request, provider, reasons, dropped)
    tools.add_all(request.get("tools"), "tools")
    reader = ItemReader(provider, tools, dropped, is_thinking_off(request))
    reader.read(request)
    messages = reader.conversation.messages(dropped)
    if all(message["role"] == "system" for message in messages):
        raise refused("The input needs a message that is not empty.", "input")
    chat = {
        "model": request.get("model"),
        "messages": messages,
        **tool_members(request, tools, dropped),
        **options,
    }
    echo = {name: default if (value := request.get(name)) is None else value for name, default in _ECHO.items()}
    echo["tools"] = [_FUNCTION | tool if tool.get("type") == "function" else tool for tool in echo["tools"]]
    return Translated(chat, dropped.names, tools.names, echo | _ALWAYS)
