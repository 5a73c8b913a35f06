"""Requests to the Responses API for these tests."""

from __future__ import annotations

import json
from typing import Any

import pytest
from openai.types.chat.completion_create_params import (
    CompletionCreateParamsNonStreaming,
    CompletionCreateParamsStreaming,
)
from pydantic import TypeAdapter

from proxy.errors import BadRequest
from proxy.protocols.translate.chat_providers import UNKNOWN, ChatProvider, provider_at
from proxy.protocols.translate.responses_to_chat.request import to_chat
from proxy.protocols.translate.translated import Translated

DEEPSEEK = provider_at("https://api.deepseek.com")
MISTRAL = provider_at("https://api.mistral.ai/v1")
OPENAI = provider_at("https://api.openai.com/v1")
FUNCTION = {"type": "function", "name": "f", "parameters": {"type": "object", "properties": {"x": {}}}, "strict": False}
GRAMMAR = {"type": "grammar", "syntax": "lark", "definition": "start: /.+/"}
PATCH = {"type": "custom", "name": "apply_patch", "description": "Edits files.", "format": GRAMMAR}
PNG = {"type": "input_image", "image_url": "data:image/png;base64,AAAA"}
PNG_PART = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}


def translated(provider: ChatProvider = UNKNOWN, reasons: bool = False, **members: Any) -> Translated:
    """The translation, which leaves the request as it is and makes one that OpenAI's own types allow."""
    request = {"model": "m", "input": "Hi", **members}
    before = json.dumps(request)
    result = to_chat(request, provider, reasons)
    assert json.dumps(request) == before
    kind = CompletionCreateParamsStreaming if result.request.get("stream") else CompletionCreateParamsNonStreaming
    TypeAdapter(kind).validate_python(result.request, strict=False)
    return result


def messages(*items: Any, provider: ChatProvider = UNKNOWN, **members: Any) -> list[Any]:
    """The chat messages for these items."""
    found: list[Any] = translated(provider, input=list(items), **members).request["messages"]
    return found


def refusal(provider: ChatProvider = UNKNOWN, **members: Any) -> BadRequest:
    """The error of a request that is refused."""
    with pytest.raises(BadRequest) as caught:
        translated(provider, **members)
    assert caught.value.status == 400 and caught.value.message and caught.value.param
    return caught.value


def user(*parts: Any) -> dict[str, Any]:
    return {
        "type": "message",
        "role": "user",
        "content": [text(part) if isinstance(part, str) else part for part in parts],
    }


def assistant(words: Any) -> dict[str, Any]:
    return {"type": "message", "id": "msg_1", "role": "assistant", "content": [{"type": "output_text", "text": words}]}


def text(words: Any) -> dict[str, Any]:
    return {"type": "input_text", "text": words}


def call(identifier: Any = "c1", name: Any = "f", arguments: Any = '{"x":1}', **more: Any) -> dict[str, Any]:
    return {"type": "function_call", "call_id": identifier, "name": name, "arguments": arguments, **more}


def output(value: Any = "done", identifier: Any = "c1", kind: str = "function_call_output") -> dict[str, Any]:
    return {"type": kind, "call_id": identifier, "output": value}


def reasoning(words: Any, **more: Any) -> dict[str, Any]:
    return {"type": "reasoning", "id": "rs_1", "summary": [{"type": "summary_text", "text": words}], **more}


def tool_call(identifier: str = "c1", name: str = "f", arguments: str = '{"x":1}') -> dict[str, Any]:
    """A call in a chat message."""
    return {"id": identifier, "type": "function", "function": {"name": name, "arguments": arguments}}


def result(content: str = "done", identifier: str = "c1") -> dict[str, Any]:
    """A result as a chat message."""
    return {"role": "tool", "tool_call_id": identifier, "content": content}
