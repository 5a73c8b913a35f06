"""Requests to the Messages API for these tests."""

from __future__ import annotations

import json
from typing import Any

import pytest

from proxy.errors import BadRequest
from proxy.protocols.translate.chat_providers import UNKNOWN, ChatProvider, provider_at
from proxy.protocols.translate.messages_to_chat.request import to_chat
from proxy.protocols.translate.translated import Translated

DEEPSEEK = provider_at("https://api.deepseek.com")
MOONSHOT = provider_at("https://api.moonshot.cn/v1")
OPENAI = provider_at("https://api.openai.com/v1")
OPENROUTER = provider_at("https://openrouter.ai/api/v1")
MISTRAL = provider_at("https://api.mistral.ai/v1")
HI = {"role": "user", "content": "Hi"}
TOOL = {"name": "f", "input_schema": {"type": "object", "properties": {"x": {}}}}
PNG = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AAAA"}}
PNG_PART = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}


def translated(provider: ChatProvider = UNKNOWN, reasons: bool = False, **members: Any) -> Translated:
    request = {"model": "m", "messages": [HI], **members}
    before = json.dumps(request)
    result = to_chat(request, provider, reasons)
    assert json.dumps(request) == before
    return result


def messages(*turns: Any, provider: ChatProvider = UNKNOWN, **members: Any) -> list[Any]:
    found: list[Any] = translated(provider, messages=list(turns), **members).request["messages"]
    return found


def user(*blocks: Any) -> dict[str, Any]:
    return {"role": "user", "content": list(blocks)}


def assistant(*blocks: Any) -> dict[str, Any]:
    return {"role": "assistant", "content": list(blocks)}


def text(value: Any, **more: Any) -> dict[str, Any]:
    return {"type": "text", "text": value, **more}


def use(identifier: Any = "c1", name: Any = "f", arguments: Any = None) -> dict[str, Any]:
    return {"type": "tool_use", "id": identifier, "name": name, "input": {"x": 1} if arguments is None else arguments}


def result(content: Any = "done", identifier: Any = "c1", **more: Any) -> dict[str, Any]:
    return {"type": "tool_result", "tool_use_id": identifier, "content": content, **more}


def refusal(**members: Any) -> BadRequest:
    with pytest.raises(BadRequest) as caught:
        translated(**members)
    assert caught.value.status == 400 and caught.value.message
    return caught.value
